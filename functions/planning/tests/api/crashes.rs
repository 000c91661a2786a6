//! The process dies between any two calls to the table.

use std::collections::BTreeSet;

use millwright_testkit::{CrashPoint, TestApp};
use serde_json::json;

use crate::{A, app, project, task};

const TASKS: &str = "/api/v1/planning/tasks";

/// Every task has its body, key, history and event; numbers have no gap.
async fn assert_whole(app: &TestApp, project: &str) {
    let items = app.database.items().await;
    let owner = app.client(A, "owner");
    let summary =
        owner.get(&format!("/api/v1/planning/projects/{project}/summary")).await.expect(200);
    let last = summary["lastNumber"].as_u64().unwrap();
    let tasks = owner.all(&format!("{TASKS}?projectId={project}"), 100).await;
    let numbers: BTreeSet<u64> =
        tasks.iter().map(|task| task["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=last).collect(), "numbers without gap or double");
    assert_eq!(tasks.len() as u64, last);
    let events = app.events().await;
    for task in &tasks {
        let id = task["id"].as_str().unwrap();
        let of_task = |kind: &str| {
            items.iter().filter(|i| i.kind() == kind && i.partition_key().ends_with(id)).count()
        };
        assert_eq!(of_task("task_body"), 1);
        assert_eq!(of_task("history"), 1);
        let key = task["key"].as_str().unwrap();
        owner.get(&format!("/api/v1/planning/keys/{key}")).await.expect(200);
        let said = events.iter().filter(|e| e.kind == "planning.task.created" && e.subject == id);
        assert_eq!(said.count(), 1);
    }
}

#[tokio::test]
async fn a_creation_that_dies_anywhere_is_whole_or_nothing() {
    for call in 1..=4 {
        for point in [CrashPoint::Before(call), CrashPoint::After(call)] {
            let app = app().await;
            let owner = app.client(A, "owner");
            let id = project(&owner, "WEB").await;
            task(&owner, &id, "first").await;
            let dying = app.instance();
            dying.faults().crash(point);
            let body = json!({ "projectId": id, "title": "second" });
            let headers = [("idempotency-key", "the-second")];
            let client = dying.client(A, "owner");
            tokio::select! {
                _ = client.post_with(TASKS, &headers, body.clone()) => {}
                () = dying.faults().crashed() => {}
            }
            assert_whole(&app, &id).await;
            // The client repeats its request, also after the lease of the dead one: one task more.
            app.database.clock.advance(std::time::Duration::from_secs(36));
            let repeated = app.client(A, "owner").post_with(TASKS, &headers, body).await;
            assert_eq!(repeated.expect(201)["number"], 2, "{point:?}");
            assert_whole(&app, &id).await;
        }
    }
}

#[tokio::test]
async fn a_transition_that_dies_anywhere_is_whole_or_nothing() {
    for call in 1..=3 {
        for point in [CrashPoint::Before(call), CrashPoint::After(call)] {
            let app = app().await;
            let owner = app.client(A, "owner");
            let id = project(&owner, "WEB").await;
            let path = crate::path_of(&task(&owner, &id, "T").await);
            let dying = app.instance();
            dying.faults().crash(point);
            let client = dying.client(A, "owner");
            let transition = format!("{path}/transition");
            tokio::select! {
                _ = client.post(&transition, json!({ "to": "in_progress" })) => {}
                () = dying.faults().crashed() => {}
            }
            let state = owner.get(&path).await.expect(200)["state"].clone();
            let history = owner.all(&format!("{path}/history"), 10).await.len();
            let said = app.event_types().await;
            let moved = said.iter().filter(|kind| *kind == "planning.task.transitioned").count();
            let expected = if state == "in_progress" { (2, 1) } else { (1, 0) };
            assert_eq!((history, moved), expected, "{point:?}");
        }
    }
}

#[tokio::test]
async fn an_outage_is_a_503_that_tells_nothing_of_the_inside() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    app.faults().outage(true);
    let answer = owner.get(&format!("/api/v1/planning/projects/{id}")).await;
    let problem = answer.expect_problem(503, "unavailable");
    assert!(answer.header("retry-after").is_some());
    let text = problem.to_string().to_lowercase();
    for inside in ["dynamo", "injected", "query", "panic"] {
        assert!(!text.contains(inside), "{text}");
    }
    app.faults().outage(false);
    owner.get(&format!("/api/v1/planning/projects/{id}")).await.expect(200);
}

#[tokio::test]
async fn halves_of_different_writes_are_never_shown_as_one() {
    use millwright_store::Update;
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let created = task(&owner, &id, "T").await;
    let items = app.database.items().await;
    let body = items.iter().find(|item| item.kind() == "task_body").unwrap();
    let key = millwright_store::Partition::of(&owner.tenant())
        .and("TASK")
        .and(created["id"].as_str().unwrap())
        .at(body.sort_key());
    let store = app.database.store();
    store.update(&key, &Update::new().set("bodyVersion", 2)).await.unwrap();
    let torn = owner.get(&crate::path_of(&created)).await;
    torn.expect_problem(500, "internal");
    store.update(&key, &Update::new().set("bodyVersion", 1)).await.unwrap();
    assert_eq!(owner.get(&crate::path_of(&created)).await.expect(200), created);
}
