//! /planning/projects

use serde_json::json;

use crate::{A, B, app, project, task};

const PROJECTS: &str = "/api/v1/planning/projects";

#[tokio::test]
async fn a_project_is_created_read_and_found_by_its_key() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let body = json!({ "key": "web", "name": "  Web console ", "description": "# Hi" });
    let created = owner.post(PROJECTS, body).await;
    let project = created.expect(201);
    assert_eq!(project["key"], "WEB");
    assert_eq!(project["name"], "Web console");
    assert_eq!(project["status"], "active");
    assert_eq!(project["leadId"], owner.user.to_string());
    assert_eq!(project["settings"], json!({ "requireReview": false }));
    assert_eq!(created.etag(), "\"1\"");
    let location = created.header("location").unwrap().to_owned();
    assert_eq!(owner.get(&location).await.expect(200), project);
    assert_eq!(owner.get(&format!("{PROJECTS}/web")).await.expect(200), project);
    assert_eq!(app.event_types().await, ["planning.project.created"]);
}

#[tokio::test]
async fn keys_and_names_are_unique_per_organization() {
    let app = app().await;
    let owner = app.client(A, "owner");
    project(&owner, "WEB").await;
    let again = json!({ "key": "web", "name": "Another" });
    owner.post(PROJECTS, again.clone()).await.expect_problem(409, "key_taken");
    let same_name = json!({ "key": "APP", "name": "PROJECT web" });
    owner.post(PROJECTS, same_name).await.expect_problem(409, "name_taken");
    app.client(B, "owner").post(PROJECTS, again).await.expect(201);
    // A refused creation takes neither key nor name.
    let free = json!({ "key": "APP", "name": "Another" });
    owner.post(PROJECTS, free).await.expect(201);
}

#[tokio::test]
async fn a_patch_changes_what_it_names() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let path = format!("{PROJECTS}/{}", project(&owner, "WEB").await);
    let patch = json!({
        "name": "Console", "description": "New", "leadId": null,
        "settings": { "requireReview": true },
    });
    let changed = owner.patch(&path, patch).await.expect(200);
    assert_eq!(changed["name"], "Console");
    assert_eq!(changed["description"], "New");
    assert!(changed["leadId"].is_null());
    assert_eq!(changed["settings"]["requireReview"], true);
    assert_eq!(changed["version"], 2);
    // The old name is free again, the new one is not.
    owner.post(PROJECTS, json!({ "key": "OLD", "name": "Project WEB" })).await.expect(201);
    let taken = json!({ "key": "NEW", "name": "console" });
    owner.post(PROJECTS, taken).await.expect_problem(409, "name_taken");
    // Another spelling of its own name is no conflict.
    owner.patch(&path, json!({ "name": "CONSOLE" })).await.expect(200);
}

#[tokio::test]
async fn a_patch_of_nothing_is_no_change() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let path = format!("{PROJECTS}/{}", project(&owner, "WEB").await);
    let before = app.database.snapshot(&[]).await;
    for nothing in [json!({}), json!({ "name": "Project WEB" }), json!({ "description": null })] {
        let answer = owner.patch(&path, nothing).await;
        assert_eq!(answer.expect(200)["version"], 1);
        assert_eq!(answer.etag(), "\"1\"");
    }
    assert_eq!(app.database.snapshot(&[]).await, before);
}

#[tokio::test]
async fn an_archived_project_is_read_only() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let path = format!("{PROJECTS}/{id}");
    let existing = task(&owner, &id, "before").await;
    let task_path = crate::path_of(&existing);
    owner.post(&format!("{path}/archive"), json!({})).await.expect(200);
    let invalid = owner.post(&format!("{path}/archive"), json!({})).await;
    invalid.expect_problem(409, "invalid_state");
    let new = json!({ "projectId": id, "title": "after" });
    let comment = json!({ "body": "late" });
    let refused = [
        owner.post("/api/v1/planning/tasks", new).await,
        owner.patch(&path, json!({ "name": "Other" })).await,
        owner.patch(&task_path, json!({ "title": "Other" })).await,
        owner.post(&format!("{task_path}/transition"), json!({ "to": "in_progress" })).await,
        owner.post(&format!("{task_path}/comments"), comment).await,
        owner.delete(&task_path).await,
    ];
    for answer in refused {
        answer.expect_problem(409, "project_archived");
    }
    owner.get(&task_path).await.expect(200);
    owner.post(&format!("{path}/unarchive"), json!({})).await.expect(200);
    task(&owner, &id, "again").await;
}

#[tokio::test]
async fn projects_are_listed_by_name_of_one_status_or_team() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let team = "team_01h455vb4pex5vsknk084sn02q";
    for (key, name) in [("ZZ", "alpha"), ("YY", "Charlie"), ("XX", "Bravo")] {
        let body = json!({ "key": key, "name": name, "teamId": team });
        owner.post(PROJECTS, body).await.expect(201);
    }
    owner.post(&format!("{PROJECTS}/YY/archive"), json!({})).await.expect(200);
    let names = async |path: String| -> Vec<String> {
        let items = owner.all(&path, 1).await;
        items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(PROJECTS.to_owned()).await, ["alpha", "Bravo"]);
    assert_eq!(names(format!("{PROJECTS}?status=archived")).await, ["Charlie"]);
    assert_eq!(names(format!("{PROJECTS}?teamId={team}")).await, ["alpha", "Bravo", "Charlie"]);
    let both = owner.get(&format!("{PROJECTS}?teamId={team}&status=active")).await;
    let problem = both.expect_problem(400, "unsupported_filter");
    assert_eq!(problem["allowed"], json!(["status", "teamId"]));
    assert!(app.client(B, "owner").all(PROJECTS, 10).await.is_empty());
}

#[tokio::test]
async fn etags_tell_what_is_current() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let path = format!("{PROJECTS}/{}", project(&owner, "WEB").await);
    let read = owner.get(&path).await;
    let headers = [("if-none-match", "\"1\"")];
    let unchanged =
        owner.send(axum::http::Method::GET, &path, &headers, axum::body::Body::empty()).await;
    assert_eq!(unchanged.status, 304);
    assert_eq!(unchanged.text, "");
    owner.patch_if(&path, &read.etag(), json!({ "name": "Two" })).await.expect(200);
    let stale = owner.patch_if(&path, &read.etag(), json!({ "name": "Three" })).await;
    assert_eq!(stale.expect_problem(412, "version_stale")["currentVersion"], 2);
    assert_eq!(stale.etag(), "\"2\"");
    let changed =
        owner.send(axum::http::Method::GET, &path, &headers, axum::body::Body::empty()).await;
    assert_eq!(changed.expect(200)["name"], "Two");
}

#[tokio::test]
async fn the_history_of_a_project_replays_to_the_present() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let path = format!("{PROJECTS}/{}", project(&owner, "WEB").await);
    owner
        .patch(&path, json!({ "name": "Two", "settings": { "requireReview": true } }))
        .await
        .expect(200);
    owner.post(&format!("{path}/archive"), json!({})).await.expect(200);
    let entries = owner.all(&format!("{path}/history"), 2).await;
    let operations: Vec<&str> =
        entries.iter().map(|entry| entry["operationId"].as_str().unwrap()).collect();
    assert_eq!(operations, ["project_archive", "project_update", "project_create"]);
    let of_status = owner.all(&format!("{path}/history?field=status"), 10).await;
    assert_eq!(of_status.len(), 2);
    assert_eq!(
        of_status[0]["changes"],
        json!([{ "field": "status", "from": "active", "to": "archived" }])
    );
}
