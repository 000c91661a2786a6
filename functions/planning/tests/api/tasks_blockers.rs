//! openBlockers, readiness, and what is said when nothing blocks any more

use millwright_testkit::Client;
use serde_json::{Value, json};

use crate::{
    A, Since, app, go, path_of, project, read, relate, relation_path, said, task, task_with, tasks,
};

const UNBLOCKED: &str = "planning.task.unblocked";

async fn open_blockers(client: &Client, task: &Value) -> u64 {
    read(client, task).await["openBlockers"].as_u64().unwrap()
}

#[tokio::test]
async fn every_change_of_a_blocker_is_counted_at_once() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let (web, far) = (project(&owner, "WEB").await, project(&owner, "FAR").await);
    let (a, b) = (task(&owner, &web, "a").await, task(&owner, &far, "b").await);
    relate(&owner, &a, "blocks", &b).await.expect(200);
    let first = read(&owner, &b).await;
    let history = owner.all(&format!("{}/history", path_of(&b)), 100).await.len();
    let mut version = 2;
    app.database.clock.advance(std::time::Duration::from_secs(5));
    let mut step = async |what: &str, changes: bool, expected: u64, unblocked: usize| {
        let since = said(&app, UNBLOCKED).await.len();
        match what {
            "delete" => drop(owner.delete(&path_of(&a)).await.expect(204)),
            "restore" => {
                owner.post(&format!("{}/restore", path_of(&a)), json!({})).await.expect(200);
            }
            state => drop(go(&owner, &a, &[state]).await),
        }
        let now = read(&owner, &b).await;
        version += u64::from(changes);
        assert_eq!(now["openBlockers"], expected, "{what}");
        assert_eq!(now["version"], version, "{what}");
        assert_eq!(now["updatedAt"], first["updatedAt"], "nobody changed it");
        let said = said(&app, UNBLOCKED).await;
        assert_eq!(said.len() - since, unblocked, "{what}");
        if unblocked > 0 {
            let expected = json!({
                "projectId": far, "taskId": b["id"], "version": version, "key": "FAR-1",
                "assigneeId": null,
            });
            assert_eq!(*said.last().unwrap(), expected);
        }
    };
    step("in_progress", false, 1, 0).await;
    step("done", true, 0, 1).await;
    step("delete", false, 0, 0).await;
    step("restore", false, 0, 0).await;
    step("in_progress", true, 1, 0).await;
    step("delete", true, 0, 1).await;
    step("restore", true, 1, 0).await;
    step("cancelled", true, 0, 1).await;
    step("backlog", true, 1, 0).await;
    step("cancelled", true, 0, 1).await;
    assert_eq!(owner.all(&format!("{}/history", path_of(&b)), 100).await.len(), history);
    // Board and lists show the same count.
    let listed = owner.all(&format!("/api/v1/planning/tasks?projectId={far}"), 10).await;
    assert_eq!(listed[0]["openBlockers"], 0);
}

#[tokio::test]
async fn only_the_last_blocker_unblocks() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let all = tasks(&owner, &id, 5).await;
    let (waiting, blockers) = all.split_first().unwrap();
    for blocker in blockers {
        relate(&owner, waiting, "blocked-by", blocker).await.expect(200);
    }
    assert_eq!(open_blockers(&owner, waiting).await, 4);
    go(&owner, &blockers[0], &["cancelled"]).await;
    owner.delete(&path_of(&blockers[1])).await.expect(204);
    owner.delete(&relation_path(&blockers[2], "blocks", waiting)).await.expect(204);
    assert!(said(&app, UNBLOCKED).await.is_empty());
    assert_eq!(open_blockers(&owner, waiting).await, 1);
    let since = Since::now(&app).await;
    // The relation goes, from the waiting end: nothing blocks any more.
    owner.delete(&relation_path(waiting, "blocked-by", &blockers[3])).await.expect(204);
    let (id, blocker) = (waiting["id"].as_str().unwrap(), blockers[3]["id"].as_str().unwrap());
    let expected = [(UNBLOCKED, id), ("planning.task.relation_removed", blocker)];
    let expected = expected.map(|(kind, subject)| (kind.to_owned(), subject.to_owned()));
    assert_eq!(since.said(&app).await, expected);
    // A closed or deleted blocker counts for nothing when its relation goes.
    owner.delete(&relation_path(waiting, "blocked-by", &blockers[0])).await.expect(204);
    owner.delete(&relation_path(waiting, "blocked-by", &blockers[1])).await.expect(204);
    let now = read(&owner, waiting).await;
    assert_eq!((&now["openBlockers"], &now["relations"]["blockedBy"]), (&json!(0), &json!([])));
    // Nor when it comes.
    relate(&owner, &blockers[0], "blocks", waiting).await.expect(200);
    assert_eq!(open_blockers(&owner, waiting).await, 0);
    assert_eq!(said(&app, UNBLOCKED).await.len(), 1);
}

#[tokio::test]
async fn what_waits_is_counted_for_while_it_is_deleted() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let all = tasks(&owner, &id, 3).await;
    relate(&owner, &all[0], "blocks", &all[2]).await.expect(200);
    relate(&owner, &all[1], "blocks", &all[2]).await.expect(200);
    owner.delete(&path_of(&all[2])).await.expect(204);
    go(&owner, &all[0], &["cancelled"]).await;
    go(&owner, &all[1], &["cancelled"]).await;
    assert!(said(&app, UNBLOCKED).await.is_empty(), "what is deleted waits for nothing");
    go(&owner, &all[1], &["to_do"]).await;
    let back = owner.post(&format!("{}/restore", path_of(&all[2])), json!({})).await.expect(200);
    assert_eq!(back["openBlockers"], 1);
    // It stays hidden, whatever happens to its blockers.
    owner.delete(&path_of(&all[2])).await.expect(204);
    go(&owner, &all[1], &["cancelled"]).await;
    assert_eq!(owner.all(&format!("/api/v1/planning/tasks?projectId={id}"), 10).await.len(), 2);
}

#[tokio::test]
async fn work_begins_when_nothing_blocks_or_by_force() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let all = tasks(&owner, &id, 3).await;
    relate(&owner, &all[0], "blocks", &all[1]).await.expect(200);
    let path = format!("{}/transition", path_of(&all[1]));
    let before = app.database.snapshot(&[]).await;
    let refused = owner.post(&path, json!({ "to": "in_progress" })).await;
    assert_eq!(refused.expect_problem(409, "task_not_ready")["openBlockers"], 1);
    let claimed = owner.post(&format!("{}/claim", path_of(&all[1])), json!({})).await;
    claimed.expect_problem(409, "task_not_ready");
    assert_eq!(app.database.snapshot(&[]).await, before);
    let forced = json!({ "to": "in_progress", "force": true, "reason": "It burns" });
    owner.post(&path, forced).await.expect(200);
    let newest = owner.all(&format!("{}/history", path_of(&all[1])), 10).await.remove(0);
    assert_eq!(newest["note"], "forced: It burns");
    let moved = said(&app, "planning.task.transitioned").await.pop().unwrap();
    assert_eq!(moved["forced"], true);
    // A blocker is a reason in itself.
    let blocked = go(&owner, &all[1], &["blocked"]).await;
    assert!(blocked["blockedReason"].is_null());
    owner.post(&path, json!({ "to": "in_progress" })).await.expect_problem(409, "task_not_ready");
    go(&owner, &all[0], &["cancelled"]).await;
    go(&owner, &all[1], &["in_progress"]).await;
    let without = owner.post(&path, json!({ "to": "blocked" })).await;
    let problem = without.expect_problem(400, "invalid_request");
    assert_eq!(problem["errors"][0]["pointer"], "/reason");
    // Reopening, and going back from review, asks for no blocker.
    relate(&owner, &all[2], "blocks", &all[1]).await.expect(200);
    go(&owner, &all[1], &["review", "in_progress", "done", "in_progress"]).await;
}

#[tokio::test]
async fn readiness_names_what_is_in_the_way_and_what_is_missing() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let all = tasks(&owner, &id, 3).await;
    let readiness =
        async |task: &Value| owner.get(&format!("{}/readiness", path_of(task))).await.expect(200);
    let bare = json!({ "ready": true, "reasons": [
        { "code": "missing_estimate" }, { "code": "unassigned" },
    ] });
    assert_eq!(readiness(&all[0]).await, bare);
    let feature = task_with(&owner, &id, json!({ "type": "feature", "estimateSeconds": 60 })).await;
    let expected = json!({ "ready": true, "reasons": [
        { "code": "missing_criteria" }, { "code": "unassigned" },
    ] });
    assert_eq!(readiness(&feature).await, expected);
    let complete = json!({
        "type": "feature", "estimateSeconds": 0, "assigneeId": owner.user.to_string(),
        "acceptanceCriteria": [{ "text": "Works" }],
    });
    let complete = task_with(&owner, &id, complete).await;
    assert_eq!(readiness(&complete).await, json!({ "ready": true, "reasons": [] }));
    for blocker in &all {
        relate(&owner, blocker, "blocks", &complete).await.expect(200);
    }
    go(&owner, &all[0], &["cancelled"]).await;
    let in_the_way = |tasks: &[Value]| {
        let reason = |task: &Value| json!({ "code": "open_blocker", "id": task["id"] });
        json!({ "ready": false, "reasons": tasks.iter().map(reason).collect::<Value>() })
    };
    assert_eq!(readiness(&complete).await, in_the_way(&all[1..]));
    owner.delete(&path_of(&all[2])).await.expect(204);
    assert_eq!(readiness(&complete).await, in_the_way(&all[1..2]));
    go(&owner, &all[1], &["in_progress", "done"]).await;
    assert_eq!(readiness(&complete).await, json!({ "ready": true, "reasons": [] }));
    owner.get(&format!("{}/readiness", path_of(&all[2]))).await.expect_problem(404, "not_found");
}
