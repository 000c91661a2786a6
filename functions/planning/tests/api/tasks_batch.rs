//! POST /planning/tasks/batch

use futures::future::join_all;
use millwright_core::Clock;
use millwright_testkit::{CrashPoint, TestApp};
use serde_json::{Value, json};

use crate::{A, B, app, path_of, project, router, task};

const TASKS: &str = "/api/v1/planning/tasks";
const BATCH: &str = "/api/v1/planning/tasks/batch";

fn creations(project: &str, count: usize) -> Value {
    let operation = |n| json!({ "op": "create", "projectId": project, "title": format!("T{n}") });
    json!({ "operations": (0..count).map(operation).collect::<Vec<_>>() })
}

fn statuses(answer: &Value) -> Vec<u64> {
    let results = answer["results"].as_array().unwrap();
    results.iter().map(|result| result["status"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn every_operation_has_its_own_result_in_order() {
    let app = app().await;
    let admin = app.client(A, "admin");
    let id = project(&admin, "WEB").await;
    let first = task(&admin, &id, "first").await;
    let operations = json!([
        { "op": "create", "projectId": id, "title": "second", "labels": ["a", "b"] },
        { "op": "create", "projectId": id, "title": "" },
        { "op": "create", "projectId": id, "title": "part", "parentId": first["id"] },
        { "op": "transition", "id": "WEB-1", "to": "in_progress" },
        { "op": "transition", "id": "WEB-1", "to": "in_progress" },
        { "op": "update", "id": first["id"], "priority": "high" },
        { "op": "update", "id": "WEB-99", "priority": "high" },
        { "op": "update", "priority": "high" },
        { "op": "delete", "id": "WEB-2" },
        { "op": "explode" },
        7,
    ]);
    let answer = admin.post(BATCH, json!({ "operations": operations })).await.expect(200);
    assert_eq!(statuses(&answer), [201, 400, 201, 200, 409, 200, 404, 400, 204, 400, 400]);
    let problem = |place: usize| &answer["results"][place]["problem"];
    assert_eq!(problem(1)["errors"][0]["pointer"], "/title");
    assert_eq!(problem(4)["code"], "invalid_state");
    assert_eq!(problem(7)["errors"][0]["pointer"], "/id");
    assert_eq!(problem(9)["errors"][0]["pointer"], "/op");
    let now = admin.get(&path_of(&first)).await.expect(200);
    assert_eq!((&now["state"], &now["priority"]), (&json!("in_progress"), &json!("high")));
    assert_eq!(answer["results"][5]["version"], now["version"]);
    let tasks = admin.all(&format!("{TASKS}?projectId={id}"), 10).await;
    let keys: Vec<&Value> = tasks.iter().map(|task| &task["key"]).collect();
    assert_eq!(keys, ["WEB-3", "WEB-1"]);
    assert_eq!(answer["results"][2]["id"], tasks[0]["id"]);
}

#[tokio::test]
async fn creations_share_transactions_and_numbers() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    task(&member, &id, "warm").await;
    app.faults().reset_calls();
    let answer = member.post(BATCH, creations(&id, 30)).await.expect(200);
    assert!(statuses(&answer).iter().all(|status| *status == 201));
    assert_eq!(app.faults().calls().get("TransactWriteItems"), Some(&2));
    let tasks = member.all(&format!("{TASKS}?projectId={id}&sort=number"), 100).await;
    let ids: Vec<&Value> = tasks.iter().skip(1).map(|task| &task["id"]).collect();
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.iter().map(|result| &result["id"]).collect::<Vec<_>>(), ids);
    // The heaviest ones fit, too: twenty labels and the longest texts.
    let labels: Vec<String> = (0..20).map(|n| format!("label-{n}")).collect();
    let heavy = json!({
        "op": "create", "projectId": id, "title": "T", "labels": labels,
        "description": "ü".repeat(30_000), "source": "s",
    });
    let operations: Vec<Value> = (0..12)
        .map(|n| {
            let mut heavy = heavy.clone();
            heavy["externalId"] = json!(format!("x{n}"));
            heavy
        })
        .collect();
    let answer = member.post(BATCH, json!({ "operations": operations })).await.expect(200);
    assert!(statuses(&answer).iter().all(|status| *status == 201), "{answer}");
}

#[tokio::test]
async fn one_that_is_refused_stops_no_other() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    let external = |title: &str, id: &str, project: &str| {
        json!({
            "op": "create", "projectId": project, "title": title, "externalId": id, "source": "s",
        })
    };
    member.post(BATCH, json!({ "operations": [external("taken", "1", &id)] })).await.expect(200);
    let operations = json!([
        external("a", "2", &id),
        external("b", "1", &id),
        external("c", "3", &id),
        external("d", "3", &id),
        external("e", "4", &id),
    ]);
    let answer = member.post(BATCH, json!({ "operations": operations })).await.expect(200);
    assert_eq!(statuses(&answer), [201, 409, 201, 409, 201]);
    assert_eq!(answer["results"][1]["problem"]["code"], "external_id_taken");
    let tasks = member.all(&format!("{TASKS}?projectId={id}&sort=number"), 10).await;
    let titles: Vec<&Value> = tasks.iter().map(|task| &task["title"]).collect();
    assert_eq!(titles, ["taken", "a", "c", "e"]);
    let numbers: Vec<u64> = tasks.iter().map(|task| task["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
}

#[tokio::test]
async fn each_operation_needs_its_permission() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    task(&owner, &id, "T").await;
    let operations = json!([
        { "op": "create", "projectId": id, "title": "T" },
        { "op": "update", "id": "WEB-1", "title": "U" },
        { "op": "delete", "id": "WEB-1" },
    ]);
    let body = json!({ "operations": operations });
    let viewer = app.client(A, "viewer").post(BATCH, body.clone()).await.expect(200);
    assert_eq!(statuses(&viewer), [403, 403, 403]);
    let member = app.client(A, "member").post(BATCH, body.clone()).await.expect(200);
    assert_eq!(statuses(&member), [201, 200, 403]);
    let denied = app.event_types().await;
    assert!(denied.iter().any(|kind| kind == "planning.access.denied"));
    let other = app.client(B, "owner").post(BATCH, body).await.expect(200);
    assert_eq!(statuses(&other), [404, 404, 404]);
}

#[tokio::test]
async fn a_batch_has_1_to_100_operations() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    let empty = member.post(BATCH, json!({ "operations": [] })).await;
    let problem = empty.expect_problem(400, "invalid_request");
    assert_eq!(problem["errors"][0]["pointer"], "/operations");
    member.post(BATCH, creations(&id, 101)).await.expect_problem(400, "invalid_request");
    let answer = member.post(BATCH, creations(&id, 100)).await.expect(200);
    assert_eq!(answer["results"].as_array().unwrap().len(), 100);
}

#[tokio::test]
async fn numbers_have_no_gap_when_32_batches_meet() {
    let app = TestApp::start_at("planning", router, Clock::system()).await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let instances: Vec<TestApp> = (0..8)
        .map(|seed| {
            let instance = app.instance();
            instance.faults().conflict(seed, 0.1);
            instance
        })
        .collect();
    let batches = (0..32).map(|client| {
        let instance = &instances[client % instances.len()];
        let body = creations(&id, 20);
        async move { instance.client(A, "member").post(BATCH, body).await.expect(200) }
    });
    let mut created = 0;
    for answer in join_all(batches).await {
        // Who finds too many writers is told so, operation by operation.
        for status in statuses(&answer) {
            assert!(matches!(status, 201 | 503), "{answer}");
            created += u64::from(status == 201);
        }
    }
    let tasks = owner.all(&format!("{TASKS}?projectId={id}&sort=number"), 100).await;
    let numbers: Vec<u64> = tasks.iter().map(|task| task["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=created).collect::<Vec<_>>());
    assert!(created > 0);
}

#[tokio::test]
async fn a_batch_that_dies_anywhere_is_finished_once_by_its_repeat() {
    let headers = [("idempotency-key", "the-batch")];
    for call in 1..=9 {
        for point in [CrashPoint::Before(call), CrashPoint::After(call)] {
            let app = app().await;
            let owner = app.client(A, "owner");
            let id = project(&owner, "WEB").await;
            task(&owner, &id, "first").await;
            let mut body = creations(&id, 20);
            let operations = body["operations"].as_array_mut().unwrap();
            operations.push(json!({ "op": "transition", "id": "WEB-1", "to": "in_progress" }));
            let dying = app.instance();
            dying.faults().crash(point);
            let client = dying.client(A, "owner");
            tokio::select! {
                _ = client.post_with(BATCH, &headers, body.clone()) => {}
                () = dying.faults().crashed() => {}
            }
            app.database.clock.advance(std::time::Duration::from_secs(36));
            let owner = app.client(A, "owner");
            let answer = owner.post_with(BATCH, &headers, body.clone()).await.expect(200);
            let mut expected = vec![201; 20];
            expected.push(200);
            assert_eq!(statuses(&answer), expected, "{point:?}");
            let again = owner.post_with(BATCH, &headers, body).await.expect(200);
            assert_eq!(again, answer, "{point:?}");
            let tasks = owner.all(&format!("{TASKS}?projectId={id}&sort=number"), 100).await;
            let titles: Vec<&str> =
                tasks.iter().skip(1).map(|task| task["title"].as_str().unwrap()).collect();
            let once: Vec<String> = (0..20).map(|n| format!("T{n}")).collect();
            assert_eq!(titles, once, "{point:?}");
            assert_eq!(tasks[0]["state"], "in_progress");
        }
    }
}
