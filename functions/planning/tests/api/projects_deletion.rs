//! DELETE /planning/projects/{id} and /restore

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::{A, app, path_of, project, put, task, task_with};

const PROJECTS: &str = "/api/v1/planning/projects";
const TASKS: &str = "/api/v1/planning/tasks";

const THIRTY_DAYS: Duration = Duration::from_secs(30 * 24 * 3600);

#[tokio::test]
async fn only_what_is_archived_is_deleted_and_comes_back_archived() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let path = format!("{PROJECTS}/{id}");
    let refused = owner.delete(&path).await.expect_problem(409, "invalid_state");
    assert_eq!((&refused["from"], &refused["to"]), (&json!("active"), &json!("deleted")));
    owner.post(&format!("{path}/archive"), json!({})).await.expect(200);
    app.client(A, "member").delete(&path).await.expect_problem(403, "forbidden");
    let stale = owner.send(Method::DELETE, &path, &[("if-match", "\"1\"")], "").await;
    stale.expect_problem(412, "version_stale");
    owner.delete(&path).await.expect(204);
    owner.get(&path).await.expect_problem(404, "not_found");
    owner.get(&format!("{PROJECTS}/WEB")).await.expect_problem(404, "not_found");
    for status in ["active", "archived"] {
        assert!(owner.all(&format!("{PROJECTS}?status={status}"), 10).await.is_empty());
    }
    let before = app.database.snapshot(&[]).await;
    owner.delete(&path).await.expect(204);
    owner.patch(&path, json!({ "name": "New" })).await.expect_problem(404, "not_found");
    for verb in ["archive", "unarchive"] {
        let answer = owner.post(&format!("{path}/{verb}"), json!({})).await;
        answer.expect_problem(404, "not_found");
    }
    assert_eq!(app.database.snapshot(&[]).await, before);
    app.client(A, "member")
        .post(&format!("{path}/restore"), json!({}))
        .await
        .expect_problem(403, "forbidden");
    let restored = owner.post(&format!("{path}/restore"), json!({})).await.expect(200);
    assert_eq!(restored["status"], "archived");
    assert!(restored["deletedAt"].is_null() && restored["purgeAt"].is_null());
    assert_eq!(restored["version"], 4);
    assert_eq!(owner.get(&path).await.expect(200), restored);
    assert_eq!(owner.all(&format!("{PROJECTS}?status=archived"), 10).await.len(), 1);
    let before = app.database.snapshot(&[]).await;
    let again = owner.post(&format!("{path}/restore"), json!({})).await.expect(200);
    assert_eq!(again, restored);
    assert_eq!(app.database.snapshot(&[]).await, before);
    let operations: Vec<String> = owner
        .all(&format!("{path}/history"), 10)
        .await
        .iter()
        .map(|entry| entry["operationId"].as_str().unwrap().to_owned())
        .collect();
    let expected = ["project_restore", "project_delete", "project_archive", "project_create"];
    assert_eq!(operations, expected);
    let types = app.event_types().await;
    for kind in ["planning.project.deleted", "planning.project.restored"] {
        assert_eq!(types.iter().filter(|said| *said == kind).count(), 1);
    }
    owner.post(&format!("{path}/unarchive"), json!({})).await.expect(200);
    task(&owner, &id, "goes on").await;
}

#[tokio::test]
async fn nothing_below_a_deleted_project_is_there() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let fields = json!({ "assigneeId": owner.user.to_string(), "labels": ["x"] });
    let parent = task_with(&owner, &id, fields).await;
    let child = task_with(&owner, &id, json!({ "parentId": parent["id"] })).await;
    let comments = format!("{}/comments", path_of(&parent));
    let comment = owner.post(&comments, json!({ "body": "Hello" })).await.expect(201);
    let comment = format!("{comments}/{}", comment["id"].as_str().unwrap());
    let other = task(&owner, &project(&owner, "FAR").await, "far").await;
    let path = format!("{PROJECTS}/{id}");
    owner.post(&format!("{path}/archive"), json!({})).await.expect(200);
    owner.delete(&path).await.expect(204);
    let before = app.database.snapshot(&[]).await;
    let below = path_of(&parent);
    let (child_id, other_id) = (child["id"].as_str().unwrap(), other["id"].as_str().unwrap());
    let me = owner.user;
    for read in [
        format!("{path}/history"),
        format!("{path}/summary"),
        below.clone(),
        format!("{below}?includeDeleted=true"),
        format!("{TASKS}/WEB-1"),
        format!("{below}/comments"),
        format!("{below}/history"),
        format!("{below}/watchers"),
        format!("{below}/subtasks"),
        format!("{below}/relations"),
        format!("{below}/readiness"),
        format!("{TASKS}?projectId={id}"),
        format!("{TASKS}?projectId={id}&state=to_do"),
        format!("{TASKS}?projectId={id}&sort=-updatedAt"),
        format!("{TASKS}?projectId={id}&label=x"),
        format!("{TASKS}?projectId={id}&externalId=x&source=y"),
        format!("{TASKS}?parentId={}", parent["id"].as_str().unwrap()),
        "/api/v1/planning/keys/WEB-1".to_owned(),
    ] {
        let answer = owner.get(&read).await;
        assert_eq!(answer.status, 404, "{read}: {answer:?}");
    }
    let empty = json!({});
    let writes: [(Method, String, Option<Value>); 16] = [
        (Method::POST, TASKS.to_owned(), Some(json!({ "projectId": id, "title": "T" }))),
        (Method::PATCH, below.clone(), Some(json!({ "title": "T" }))),
        (Method::DELETE, below.clone(), None),
        (Method::POST, format!("{below}/restore"), Some(empty.clone())),
        (Method::POST, format!("{below}/transition"), Some(json!({ "to": "cancelled" }))),
        (Method::POST, format!("{below}/claim"), Some(empty.clone())),
        (Method::POST, format!("{below}/move"), Some(json!({ "after": child_id }))),
        (Method::PUT, format!("{below}/relations/blocks/{child_id}"), None),
        (Method::PUT, format!("{below}/relations/blocks/{other_id}"), None),
        (Method::PUT, format!("{TASKS}/{other_id}/relations/blocks/{child_id}"), None),
        (Method::DELETE, format!("{below}/relations/blocks/{child_id}"), None),
        (Method::PUT, format!("{below}/watchers/{me}"), None),
        (Method::DELETE, format!("{below}/watchers/{me}"), None),
        (Method::POST, comments.clone(), Some(json!({ "body": "Hello" }))),
        (Method::PATCH, comment.clone(), Some(json!({ "body": "Bye" }))),
        (Method::DELETE, comment.clone(), None),
    ];
    for (method, path, body) in writes {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let headers = [("content-type", "application/json")];
        let answer = owner.send(method.clone(), &path, &headers, body).await;
        assert_eq!(answer.status, 404, "{method} {path}: {answer:?}");
    }
    assert!(owner.all(&format!("{TASKS}?assigneeId=me"), 10).await.is_empty());
    assert_eq!(app.database.snapshot(&[]).await, before);
    owner.post(&format!("{path}/restore"), json!({})).await.expect(200);
    assert_eq!(owner.get(&below).await.expect(200)["key"], "WEB-1");
    assert_eq!(owner.all(&format!("{TASKS}?assigneeId=me"), 10).await.len(), 1);
}

#[tokio::test]
async fn the_name_is_free_at_once_and_the_key_never() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let create = async |key: &str, name: &str| {
        owner.post(PROJECTS, json!({ "key": key, "name": name })).await
    };
    let first = create("ONE", "Apollo").await.expect(201);
    let path = format!("{PROJECTS}/{}", first["id"].as_str().unwrap());
    owner.post(&format!("{path}/archive"), json!({})).await.expect(200);
    create("TWO", "APOLLO").await.expect_problem(409, "name_taken");
    owner.delete(&path).await.expect(204);
    create("ONE", "Borealis").await.expect_problem(409, "key_taken");
    let second = create("TWO", "APOLLO").await.expect(201);
    let before = app.database.snapshot(&[]).await;
    let restore = format!("{path}/restore");
    owner.post(&restore, json!({})).await.expect_problem(409, "name_taken");
    assert_eq!(app.database.snapshot(&[]).await, before);
    let other = format!("{PROJECTS}/{}", second["id"].as_str().unwrap());
    owner.patch(&other, json!({ "name": "Borealis" })).await.expect(200);
    owner.post(&restore, json!({})).await.expect(200);
    create("SIX", "apollo").await.expect_problem(409, "name_taken");
}

#[tokio::test]
async fn a_deleted_project_is_due_after_thirty_days_and_gone_then() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let path = format!("{PROJECTS}/{id}");
    owner.post(&format!("{path}/archive"), json!({})).await.expect(200);
    let due = async || {
        let items = app.database.items().await;
        let due = items.iter().filter(|item| item.partition_key() == "DUE#2026-12-23");
        due.map(|item| item.sort_key().to_owned()).collect::<Vec<_>>()
    };
    owner.delete(&path).await.expect(204);
    assert_eq!(due().await, [format!("project#{id}")]);
    owner.post(&format!("{path}/restore"), json!({})).await.expect(200);
    assert!(due().await.is_empty());
    owner.delete(&path).await.expect(204);
    app.database.clock.advance(THIRTY_DAYS - Duration::from_millis(1));
    let owner = app.client(A, "owner");
    owner.post(&format!("{path}/restore"), json!({})).await.expect(200);
    owner.delete(&path).await.expect(204);
    app.database.clock.advance(THIRTY_DAYS);
    let owner = app.client(A, "owner");
    let before = app.database.snapshot(&[]).await;
    owner.post(&format!("{path}/restore"), json!({})).await.expect_problem(404, "not_found");
    assert_eq!(app.database.snapshot(&[]).await, before);
    owner
        .post(PROJECTS, json!({ "key": "WEB", "name": "W" }))
        .await
        .expect_problem(409, "key_taken");
}

#[tokio::test]
async fn a_deleted_project_counts_for_no_limit() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let team = "team_01h455vb4pex5vsknk084sn02q";
    let body = json!({ "key": "WEB", "name": "W", "teamId": team });
    let created = owner.post(PROJECTS, body).await.expect(201);
    let path = format!("{PROJECTS}/{}", created["id"].as_str().unwrap());
    let counts = async || {
        let items = app.database.items().await;
        let counts = items.iter().filter(|item| item.partition_key().ends_with("#COUNT"));
        counts.map(|item| item.number("count").unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(counts().await, [1, 1]);
    owner.post(&format!("{path}/archive"), json!({})).await.expect(200);
    owner.delete(&path).await.expect(204);
    assert_eq!(counts().await, [0, 0]);
    assert!(owner.all(&format!("{PROJECTS}?teamId={team}"), 10).await.is_empty());
    owner.post(&format!("{path}/restore"), json!({})).await.expect(200);
    assert_eq!(counts().await, [1, 1]);
    assert_eq!(owner.all(&format!("{PROJECTS}?teamId={team}"), 10).await.len(), 1);
    // Full meanwhile: it does not come back.
    owner.delete(&path).await.expect(204);
    let tenant = owner.tenant();
    let place = |what: String| millwright_store::Partition::of(&tenant).and("COUNT").at(what);
    let set = async |what: String, count: u64| {
        let update = millwright_store::Update::new().set("count", count);
        app.database.store().update(&place(what), &update).await.unwrap();
    };
    set("PROJECTS".to_owned(), 2_000).await;
    let restore = format!("{path}/restore");
    let full = owner.post(&restore, json!({})).await.expect_problem(409, "limit_reached");
    assert_eq!(full["max"], 2_000);
    set("PROJECTS".to_owned(), 1_999).await;
    set(format!("TEAM#{team}"), 200).await;
    let full = owner.post(&restore, json!({})).await.expect_problem(409, "limit_reached");
    assert_eq!(full["max"], 200);
    set(format!("TEAM#{team}"), 199).await;
    owner.post(&restore, json!({})).await.expect(200);
    put(&owner, "/nowhere").await.expect_problem(404, "not_found");
}
