//! externalId and source

use serde_json::json;

use crate::{A, app, path_of, project, read, task, task_with};

const TASKS: &str = "/api/v1/planning/tasks";

fn external(id: &str, source: &str) -> serde_json::Value {
    json!({ "externalId": id, "source": source })
}

#[tokio::test]
async fn an_external_id_leads_to_one_task_of_a_project() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let (web, far) = (project(&owner, "WEB").await, project(&owner, "FAR").await);
    let mut fields = external("ACME-1", "jira-acme");
    fields["externalKey"] = "#1".into();
    fields["externalUrl"] = "https://acme.example/browse/1".into();
    let first = task_with(&owner, &web, fields.clone()).await;
    for (field, value) in fields.as_object().unwrap() {
        assert_eq!(&first[field], value);
    }
    assert_eq!(read(&owner, &first).await, first);
    let found = async |project: &str, id: &str, source: &str| {
        let path = format!("{TASKS}?projectId={project}&externalId={id}&source={source}");
        let found = owner.all(&path, 10).await;
        found.iter().map(|task| task["key"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found(&web, "ACME-1", "jira-acme").await, ["WEB-1"]);
    assert!(found(&web, "ACME-1", "github").await.is_empty());
    assert!(found(&web, "acme-1", "jira-acme").await.is_empty());
    assert!(found(&far, "ACME-1", "jira-acme").await.is_empty());
    // Another source or project is another id; the same is taken.
    task_with(&owner, &web, external("ACME-1", "github")).await;
    task_with(&owner, &far, external("ACME-1", "jira-acme")).await;
    let before = app.database.snapshot(&[]).await;
    let mut again = external("ACME-1", "jira-acme");
    again["projectId"] = web.as_str().into();
    again["title"] = "again".into();
    owner.post(TASKS, again.clone()).await.expect_problem(409, "external_id_taken");
    assert_eq!(app.database.snapshot(&[]).await, before);
    let other = task(&owner, &web, "other").await;
    assert_eq!(other["number"], 3, "the refused creation took no number");
    let patch = external("ACME-1", "jira-acme");
    owner.patch(&path_of(&other), patch.clone()).await.expect_problem(409, "external_id_taken");
    // What is deleted keeps it, what gives it up frees it.
    owner.delete(&path_of(&first)).await.expect(204);
    assert!(found(&web, "ACME-1", "jira-acme").await.is_empty());
    owner.patch(&path_of(&other), patch.clone()).await.expect_problem(409, "external_id_taken");
    owner.post(&format!("{}/restore", path_of(&first)), json!({})).await.expect(200);
    assert_eq!(found(&web, "ACME-1", "jira-acme").await, ["WEB-1"]);
    owner.patch(&path_of(&first), json!({ "externalId": "ACME-2" })).await.expect(200);
    assert_eq!(found(&web, "ACME-2", "jira-acme").await, ["WEB-1"]);
    owner.patch(&path_of(&other), patch).await.expect(200);
    assert_eq!(found(&web, "ACME-1", "jira-acme").await, ["WEB-3"]);
    let without = json!({ "externalId": null, "source": null });
    owner.patch(&path_of(&first), without).await.expect(200);
    assert!(found(&web, "ACME-2", "jira-acme").await.is_empty());
}

#[tokio::test]
async fn an_external_id_has_a_source_and_no_source_stands_alone() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    for (half, pointer) in [("externalId", "/source"), ("source", "/externalId")] {
        let body = json!({ "projectId": id, "title": "T", half: "x" });
        let problem = owner.post(TASKS, body).await.expect_problem(400, "invalid_request");
        let fault = (&problem["errors"][0]["pointer"], &problem["errors"][0]["code"]);
        assert_eq!(fault, (&json!(pointer), &json!("required")));
    }
    let whole = task_with(&owner, &id, external("x", "y")).await;
    for half in ["externalId", "source"] {
        let patched = owner.patch(&path_of(&whole), json!({ half: null })).await;
        patched.expect_problem(400, "invalid_request");
    }
    for (field, value) in [
        ("externalId", "x".repeat(201)),
        ("source", "x".repeat(51)),
        ("externalKey", "x".repeat(201)),
        ("externalUrl", "ftp://x".to_owned()),
        ("externalUrl", "https://user:secret@acme.example/".to_owned()),
        ("externalUrl", format!("https://acme.example/{}", "x".repeat(2_000))),
    ] {
        let patched = owner.patch(&path_of(&whole), json!({ field: value })).await;
        let problem = patched.expect_problem(400, "invalid_request");
        assert_eq!(problem["errors"][0]["pointer"], format!("/{field}"));
    }
    // The longest, with every separator of the store in it.
    let long = format!("#{}#", "ü#".repeat(99));
    let source = "S#1".repeat(16);
    let longest = task_with(&owner, &id, external(&long, &source)).await;
    let query =
        format!("externalId={}&source={}", long.replace('#', "%23"), source.replace('#', "%23"));
    let query = query.replace('ü', "%C3%BC");
    let found = owner.all(&format!("{TASKS}?projectId={id}&{query}"), 10).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["id"], longest["id"]);
}
