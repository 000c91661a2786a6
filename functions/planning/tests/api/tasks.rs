//! /planning/tasks and /planning/tasks/{id}

use std::time::Duration;

use serde_json::{Value, json};

use crate::{A, B, app, path_of, project, task};

const TASKS: &str = "/api/v1/planning/tasks";

#[tokio::test]
async fn a_task_gets_the_next_number_and_all_its_defaults() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    let first = task(&member, &id, "First").await;
    let second = task(&member, &id, "Second").await;
    assert_eq!((&first["key"], &second["key"]), (&json!("WEB-1"), &json!("WEB-2")));
    let expected = json!({
        "number": 1, "type": "task", "state": "to_do", "stateCategory": "to_do",
        "priority": "medium", "assigneeId": null, "labels": [], "description": "",
        "acceptanceCriteria": [], "blockedReason": null, "version": 1, "deletedAt": null,
        "startedAt": null, "completedAt": null, "estimateSeconds": null, "points": null,
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&first[field], value, "{field}");
    }
    assert_eq!(first["reporterId"], member.user.to_string());
}

#[tokio::test]
async fn every_field_is_kept_as_given() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    let body = json!({
        "projectId": id, "title": "All", "description": "# Text\n", "type": "bug",
        "state": "backlog", "priority": "critical",
        "assigneeId": "agt_01h455vb4pex5vsknk084sn02q",
        "reporterId": "usr_01h455vb4pex5vsknk084sn02q",
        "labels": ["B", "a"], "startDate": "2026-01-01", "dueDate": "2026-01-01",
        "estimateSeconds": 31_536_000, "points": 100,
        "acceptanceCriteria": [{ "text": "Works" }, { "text": "Fast", "met": true }],
    });
    let created = member.post(TASKS, body).await.expect(201);
    assert_eq!(created["labels"], json!(["b", "a"]));
    assert_eq!(created["acceptanceCriteria"][0], json!({ "text": "Works", "met": false }));
    let read = member.get(&path_of(&created)).await.expect(200);
    assert_eq!(read, created);
    assert_eq!(member.get(&format!("{TASKS}/web-1")).await.expect(200), created);
}

#[tokio::test]
async fn a_patch_tells_absent_from_null() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    let body = json!({
        "projectId": id, "title": "T", "points": 5, "dueDate": "2026-02-01", "labels": ["x"],
        "description": "long", "acceptanceCriteria": [{ "text": "a" }],
    });
    let path = path_of(&member.post(TASKS, body).await.expect(201));
    let patch = json!({ "points": null, "labels": null, "title": "U" });
    let changed = member.patch(&path, patch).await.expect(200);
    assert!(changed["points"].is_null());
    assert_eq!(changed["labels"], json!([]));
    assert_eq!(changed["title"], "U");
    assert_eq!(changed["dueDate"], "2026-02-01");
    assert_eq!(changed["description"], "long");
    for required in ["title", "type", "priority", "reporterId"] {
        let refused = member.patch(&path, json!({ required: null })).await;
        let problem = refused.expect_problem(400, "invalid_request");
        assert_eq!(problem["errors"][0]["pointer"], format!("/{required}"));
    }
}

#[tokio::test]
async fn a_stale_etag_changes_nothing_and_names_the_current_version() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    let path = path_of(&task(&member, &id, "T").await);
    member.patch_if(&path, "\"1\"", json!({ "title": "U" })).await.expect(200);
    let before = app.database.snapshot(&[]).await;
    let stale = member.patch_if(&path, "\"1\"", json!({ "title": "V" })).await;
    assert_eq!(stale.expect_problem(412, "version_stale")["currentVersion"], 2);
    assert_eq!(stale.etag(), "\"2\"");
    assert_eq!(app.database.snapshot(&[]).await, before);
}

#[tokio::test]
async fn dates_and_numbers_have_bounds() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    let create = |more: Value| {
        let mut body = json!({ "projectId": id, "title": "T" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        member.post(TASKS, body.clone())
    };
    let cases = [
        (json!({ "startDate": "2026-02-02", "dueDate": "2026-02-01" }), "/dueDate"),
        (json!({ "points": 101 }), "/points"),
        (json!({ "points": -1 }), "/points"),
        (json!({ "points": 1.5 }), "/points"),
        (json!({ "estimateSeconds": 31_536_001 }), "/estimateSeconds"),
        (json!({ "state": "done" }), "/state"),
        (json!({ "labels": vec!["a"; 21] }), "/labels"),
        (json!({ "acceptanceCriteria": vec![json!({ "text": "a" }); 21] }), "/acceptanceCriteria"),
        (json!({ "acceptanceCriteria": [{ "text": "" }] }), "/acceptanceCriteria/0/text"),
        (json!({ "title": "x".repeat(201) }), "/title"),
        (json!({ "title": "two\nlines" }), "/title"),
        (json!({ "description": "x".repeat(64_001) }), "/description"),
    ];
    for (more, pointer) in cases {
        let problem = create(more.clone()).await.expect_problem(400, "invalid_request");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{more}");
    }
    // Before any read, all at once: first what one field is, then what fields are together.
    let unknown = "prj_01h455vb4pex5vsknk084sn02q";
    let single = json!({ "points": 101, "estimateSeconds": -1, "projectId": unknown });
    let together = json!({ "state": "done", "source": "x", "startDate": "2026-02-02", "dueDate": "2026-02-01", "projectId": unknown });
    for (many, count) in [(single, 2), (together, 3)] {
        let problem = create(many).await.expect_problem(400, "invalid_request");
        assert_eq!(problem["errors"].as_array().unwrap().len(), count, "{problem}");
    }
    create(json!({ "title": "é".repeat(200), "description": "ü".repeat(64_000) }))
        .await
        .expect(201);
}

#[tokio::test]
async fn a_deleted_task_is_hidden_and_comes_back() {
    let app = app().await;
    let (member, admin) = (app.client(A, "member"), app.client(A, "admin"));
    let id = project(&member, "WEB").await;
    let created = task(&member, &id, "T").await;
    let path = path_of(&created);
    member.delete(&path).await.expect_problem(403, "forbidden");
    assert_eq!(admin.delete(&path).await.expect(204), Value::Null);
    assert_eq!(admin.delete(&path).await.expect(204), Value::Null);
    admin.get(&path).await.expect_problem(404, "not_found");
    member.get(&format!("{path}?includeDeleted=true")).await.expect_problem(404, "not_found");
    let headers = [("if-match", "\"1\"")];
    let body = axum::body::Body::empty();
    admin.send(axum::http::Method::DELETE, &path, &headers, body).await.expect(204);
    let deleted = admin.get(&format!("{path}?includeDeleted=true")).await.expect(200);
    assert!(deleted["deletedAt"].is_string());
    assert!(admin.all(&format!("{TASKS}?projectId={id}"), 10).await.is_empty());
    assert!(admin.all(&format!("{TASKS}?projectId={id}&state=to_do"), 10).await.is_empty());
    for answer in [
        admin.patch(&path, json!({ "title": "U" })).await,
        admin.post(&format!("{path}/transition"), json!({ "to": "done" })).await,
        admin.get(&format!("{path}/comments")).await,
        admin.get(&format!("{path}/history")).await,
    ] {
        answer.expect_problem(404, "not_found");
    }
    let restored = admin.post(&format!("{path}/restore"), json!({})).await.expect(200);
    assert!(restored["deletedAt"].is_null());
    assert_eq!(restored["version"], 3);
    assert_eq!(member.get(&path).await.expect(200), restored);
    assert_eq!(member.all(&format!("{TASKS}?projectId={id}"), 10).await.len(), 1);
    // The number stays taken, whatever happens to its task.
    admin.delete(&path).await.expect(204);
    assert_eq!(task(&member, &id, "Next").await["key"], "WEB-2");
}

#[tokio::test]
async fn what_is_deleted_for_thirty_days_is_gone() {
    let app = app().await;
    let id = project(&app.client(A, "owner"), "WEB").await;
    let path = path_of(&task(&app.client(A, "owner"), &id, "T").await);
    app.client(A, "owner").delete(&path).await.expect(204);
    app.database.clock.advance(Duration::from_secs(30 * 24 * 3600));
    let owner = app.client(A, "owner");
    owner.post(&format!("{path}/restore"), json!({})).await.expect_problem(404, "not_found");
    owner.get(&format!("{path}?includeDeleted=true")).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn a_delete_leaves_a_due_item_that_a_restore_removes() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let path = path_of(&task(&owner, &id, "T").await);
    let due = async || {
        let items = app.database.items().await;
        items.iter().filter(|item| item.partition_key() == "DUE#2026-12-23").count()
    };
    owner.delete(&path).await.expect(204);
    assert_eq!(due().await, 1);
    owner.post(&format!("{path}/restore"), json!({})).await.expect(200);
    assert_eq!(due().await, 0);
}

#[tokio::test]
async fn another_organizations_task_is_not_found() {
    let app = app().await;
    let mine = app.client(A, "owner");
    let id = project(&mine, "WEB").await;
    let path = path_of(&task(&mine, &id, "T").await);
    let before = app.database.snapshot(&[]).await;
    let other = app.client(B, "owner");
    other.get(&path).await.expect_problem(404, "not_found");
    other.get(&format!("{TASKS}/WEB-1")).await.expect_problem(404, "not_found");
    other.patch(&path, json!({ "title": "mine" })).await.expect_problem(404, "not_found");
    other.delete(&path).await.expect_problem(404, "not_found");
    let into_mine = json!({ "projectId": id, "title": "intruder" });
    other.post(TASKS, into_mine).await.expect_problem(404, "not_found");
    other.get(&format!("{TASKS}?projectId={id}")).await.expect_problem(404, "not_found");
    assert_eq!(app.database.snapshot(&[]).await, before);
}

#[tokio::test]
async fn reads_and_writes_cost_what_the_specification_says() {
    let app = app().await;
    let cached = millwright_testkit::TestApp::start("planning", |platform, store, files| {
        let minute = Duration::from_secs(60);
        planning::router(platform, planning::Planning::new(store, files, minute))
    })
    .await;
    drop(app);
    let member = cached.client(A, "admin");
    let id = project(&member, "WEB").await;
    let path = path_of(&task(&member, &id, "warm").await);
    for n in 0..30 {
        member
            .post(&format!("{path}/comments"), json!({ "body": format!("{n}") }))
            .await
            .expect(201);
    }
    let calls = |expected: &[(&str, usize)]| {
        let counted = cached.faults().calls();
        let expected = expected.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect();
        assert_eq!(counted, expected);
        cached.faults().reset_calls();
    };
    cached.faults().reset_calls();
    task(&member, &id, "counted").await;
    calls(&[("TransactWriteItems", 1)]);
    member.get(&path).await.expect(200);
    calls(&[("Query", 1)]);
    member.get(&format!("{TASKS}/WEB-1")).await.expect(200);
    calls(&[("GetItem", 1), ("Query", 1)]);
    member.patch(&path, json!({ "title": "U" })).await.expect(200);
    calls(&[("Query", 1), ("TransactWriteItems", 1)]);
    member.post(&format!("{path}/transition"), json!({ "to": "in_progress" })).await.expect(200);
    calls(&[("Query", 1), ("TransactWriteItems", 1)]);
    member.get(&format!("{TASKS}?projectId={id}")).await.expect(200);
    calls(&[("Query", 1)]);
    member.get(&format!("/api/v1/planning/projects/{id}/summary")).await.expect(200);
    calls(&[("BatchGetItem", 1)]);
    member.delete(&path).await.expect(204);
    calls(&[("Query", 1), ("TransactWriteItems", 1)]);
}
