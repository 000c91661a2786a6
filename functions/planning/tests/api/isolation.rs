//! One organization's tasks under another's token: nowhere to be found, and left as they are

use http::Method;
use serde_json::{Value, json};

use crate::{A, B, app, path_of, project, relate, task, task_with};

const TASKS: &str = "/api/v1/planning/tasks";

#[tokio::test]
async fn every_path_and_every_id_of_another_organization_leads_nowhere() {
    let app = app().await;
    let (mine, other) = (app.client(A, "owner"), app.client(B, "owner"));
    let id = project(&mine, "WEB").await;
    let a = task(&mine, &id, "a").await;
    let b = task_with(&mine, &id, json!({ "parentId": a["id"], "labels": ["x"] })).await;
    relate(&mine, &a, "blocks", &b).await.expect(200);
    let their_project = project(&other, "OWN").await;
    let theirs = task(&other, &their_project, "theirs").await;
    let before = app.database.snapshot(&[]).await;
    let (path, own) = (path_of(&a), path_of(&theirs));
    let (a_id, b_id) = (a["id"].as_str().unwrap(), b["id"].as_str().unwrap());
    let their_id = theirs["id"].as_str().unwrap();
    let empty = json!({});
    let mut requests: Vec<(Method, String, Option<Value>)> = vec![
        (Method::POST, format!("{path}/claim"), Some(empty.clone())),
        (Method::POST, format!("{path}/restore"), Some(empty.clone())),
        (Method::POST, format!("{path}/transition"), Some(json!({ "to": "cancelled" }))),
        (Method::POST, format!("{path}/move"), Some(json!({ "after": b_id }))),
        (Method::POST, format!("{path}/move"), Some(json!({ "after": their_id }))),
        (Method::PUT, format!("{path}/watchers/{}", other.user), None),
        (Method::DELETE, format!("{path}/watchers/{}", mine.user), None),
        (Method::GET, format!("{path}/watchers"), None),
        (Method::GET, format!("{path}/subtasks"), None),
        (Method::GET, format!("{path}/relations"), None),
        (Method::GET, format!("{path}/readiness"), None),
        (Method::GET, format!("{TASKS}?parentId={a_id}"), None),
        (Method::GET, format!("{TASKS}?projectId={id}&label=x"), None),
        (Method::GET, format!("{TASKS}?projectId={id}&sort=-updatedAt"), None),
        (Method::GET, format!("{TASKS}?projectId={id}&externalId=x&source=y"), None),
        (Method::DELETE, format!("/api/v1/planning/projects/{id}"), None),
        (Method::POST, format!("/api/v1/planning/projects/{id}/restore"), Some(empty)),
    ];
    for kind in ["blocks", "blocked-by", "relates-to", "duplicate-of"] {
        requests.push((Method::PUT, format!("{path}/relations/{kind}/{b_id}"), None));
        requests.push((Method::PUT, format!("{path}/relations/{kind}/{their_id}"), None));
        requests.push((Method::PUT, format!("{own}/relations/{kind}/{a_id}"), None));
        requests.push((Method::DELETE, format!("{path}/relations/{kind}/{b_id}"), None));
    }
    for (method, path, body) in requests {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let headers = [("content-type", "application/json")];
        let answer = other.send(method.clone(), &path, &headers, body).await;
        assert_eq!(answer.status, 404, "{method} {path}: {answer:?}");
    }
    for body in [json!({ "after": a_id }), json!({ "before": b_id })] {
        let refused = other.post(&format!("{own}/move"), body).await;
        refused.expect_problem(400, "invalid_request");
    }
    let below = json!({ "projectId": their_project, "title": "T", "parentId": a_id });
    other.post(TASKS, below).await.expect_problem(400, "invalid_request");
    other.patch(&own, json!({ "parentId": a_id })).await.expect_problem(400, "invalid_request");
    // What was never there is removed already.
    other.delete(&format!("{own}/relations/blocks/{a_id}")).await.expect(204);
    let found = other.all(&format!("{TASKS}?assigneeId={}", mine.user), 10).await;
    assert!(found.is_empty());
    assert_eq!(app.database.snapshot(&[]).await, before);
}

#[tokio::test]
async fn a_viewer_changes_nothing() {
    let app = app().await;
    let (owner, viewer) = (app.client(A, "owner"), app.client(A, "viewer"));
    let id = project(&owner, "WEB").await;
    let (a, b) = (task(&owner, &id, "a").await, task(&owner, &id, "b").await);
    let before = app.database.snapshot(&[]).await;
    for kind in ["blocks", "blocked-by", "relates-to", "duplicate-of"] {
        relate(&viewer, &a, kind, &b).await.expect_problem(403, "forbidden");
        let path = crate::relation_path(&a, kind, &b);
        viewer.delete(&path).await.expect_problem(403, "forbidden");
    }
    for (verb, body) in [("claim", json!({})), ("move", json!({ "after": b["id"] }))] {
        let refused = viewer.post(&format!("{}/{verb}", path_of(&a)), body).await;
        refused.expect_problem(403, "forbidden");
    }
    let after = app.database.snapshot(&[]).await;
    let tasks = |items: &[String]| {
        items.iter().filter(|item| item.contains("#TASK#")).cloned().collect::<Vec<_>>()
    };
    assert_eq!(tasks(&after), tasks(&before));
}
