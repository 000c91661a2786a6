//! The process dies between any two calls to the table, while more than one task changes.

use millwright_testkit::{Client, CrashPoint, TestApp};
use serde_json::{Value, json};

use crate::{A, app, go, path_of, project, relate, relation_path, task_with, tasks};

const TASKS: &str = "/api/v1/planning/tasks";

async fn shown(client: &Client, task: &Value) -> Value {
    client.get(&format!("{}?includeDeleted=true", path_of(task))).await.expect(200)
}

fn list<'a>(task: &'a Value, field: &str) -> Vec<&'a str> {
    let ids = task["relations"][field].as_array().unwrap();
    ids.iter().map(|id| id.as_str().unwrap()).collect()
}

/// Both ends of every relation know it, counts equal a recount, and what is deleted is due.
async fn assert_whole(app: &TestApp, all: &[Value]) {
    let owner = app.client(A, "owner");
    let items = app.database.items().await;
    let mut now = Vec::new();
    for task in all {
        now.push(shown(&owner, task).await);
    }
    let find = |id: &str| now.iter().find(|task| task["id"] == id).unwrap();
    for task in &now {
        let id = task["id"].as_str().unwrap();
        for (field, inverse) in
            [("blocks", "blockedBy"), ("blockedBy", "blocks"), ("relatesTo", "relatesTo")]
        {
            for other in list(task, field) {
                assert!(list(find(other), inverse).contains(&id), "{field} of {id}: {other}");
            }
        }
        let is_open = |task: &Value| {
            task["deletedAt"].is_null()
                && task["stateCategory"] != "done"
                && task["stateCategory"] != "cancelled"
        };
        let open = list(task, "blockedBy").into_iter().filter(|id| is_open(find(id))).count();
        assert_eq!(task["openBlockers"], open, "{id}");
        let due = items.iter().filter(|item| item.partition_key().starts_with("DUE#"));
        let is_due = due.filter(|item| item.sort_key().ends_with(id)).count();
        assert_eq!(is_due, usize::from(!task["deletedAt"].is_null()));
    }
}

/// Lets `operation` die before and after each of its calls, on data of its own each time; then a
/// client repeats it. `done` tells whether it took effect.
async fn die_everywhere(
    prepare: impl AsyncFn(&Client, &str) -> Vec<Value>,
    operation: impl AsyncFn(&Client, &[Value]),
    done: impl AsyncFn(&Client, &[Value]) -> bool,
) {
    let mut effects = 0;
    for call in 1.. {
        let mut finished = 0;
        for point in [CrashPoint::Before(call), CrashPoint::After(call)] {
            let app = app().await;
            let owner = app.client(A, "owner");
            let id = project(&owner, "WEB").await;
            let all = prepare(&owner, &id).await;
            let before = app.database.snapshot(&[]).await;
            let dying = app.instance();
            dying.faults().crash(point);
            let client = dying.client(A, "owner");
            tokio::select! {
                () = operation(&client, &all) => finished += 1,
                () = dying.faults().crashed() => {}
            }
            let took_effect = done(&owner, &all).await;
            if !took_effect {
                assert_eq!(app.database.snapshot(&[]).await, before, "{point:?}: nothing");
            }
            assert_whole(&app, &all).await;
            effects += usize::from(took_effect);
            operation(&owner, &all).await;
            assert!(done(&owner, &all).await, "{point:?}: repeated");
            assert_whole(&app, &all).await;
        }
        if finished == 2 {
            assert!(call > 2 && effects > 2, "it died on the way");
            return;
        }
    }
}

#[tokio::test]
async fn a_relation_is_added_at_both_ends_or_at_none() {
    die_everywhere(
        async |owner, project| {
            let all = tasks(owner, project, 5).await;
            relate(owner, &all[0], "blocks", &all[1]).await.expect(200);
            relate(owner, &all[2], "blocks", &all[3]).await.expect(200);
            relate(owner, &all[3], "blocks", &all[4]).await.expect(200);
            all
        },
        async |client, all| {
            relate(client, &all[1], "blocks", &all[2]).await.expect(200);
        },
        async |owner, all| list(&shown(owner, &all[1]).await, "blocks").len() == 1,
    )
    .await;
}

#[tokio::test]
async fn a_relation_is_removed_at_both_ends_or_at_none() {
    die_everywhere(
        async |owner, project| {
            let all = tasks(owner, project, 2).await;
            relate(owner, &all[0], "blocks", &all[1]).await.expect(200);
            all
        },
        async |client, all| {
            client.delete(&relation_path(&all[0], "blocks", &all[1])).await.expect(204);
        },
        async |owner, all| list(&shown(owner, &all[0]).await, "blocks").is_empty(),
    )
    .await;
}

#[tokio::test]
async fn a_claim_assigns_and_starts_or_does_neither() {
    die_everywhere(
        async |owner, project| tasks(owner, project, 1).await,
        async |client, all| {
            let claim = format!("{}/claim", path_of(&all[0]));
            let answer = client.post(&claim, json!({})).await;
            if answer.status != 200 {
                answer.expect_problem(409, "already_claimed");
            }
        },
        async |owner, all| {
            let task = shown(owner, &all[0]).await;
            let mine = task["assigneeId"] == owner.user.to_string();
            assert_eq!(mine, task["state"] == "in_progress");
            assert_eq!(mine, !task["startedAt"].is_null());
            mine
        },
    )
    .await;
}

#[tokio::test]
async fn a_deletion_frees_all_that_wait_or_none() {
    die_everywhere(
        async |owner, project| {
            let mut all = tasks(owner, project, 4).await;
            let more = json!({ "parentId": all[3]["id"], "labels": ["x"] });
            all.push(task_with(owner, project, more).await);
            for waiting in 0..3 {
                relate(owner, &all[4], "blocks", &all[waiting]).await.expect(200);
            }
            go(owner, &all[2], &["cancelled"]).await;
            all
        },
        async |client, all| drop(client.delete(&path_of(&all[4])).await.expect(204)),
        async |owner, all| {
            let task = shown(owner, &all[4]).await;
            let is_gone = !task["deletedAt"].is_null();
            let project = task["projectId"].as_str().unwrap();
            let labelled = owner.all(&format!("{TASKS}?projectId={project}&label=x"), 10).await;
            let subtasks = owner.all(&format!("{}/subtasks", path_of(&all[3])), 10).await;
            let expected = usize::from(!is_gone);
            assert_eq!((labelled.len(), subtasks.len()), (expected, expected));
            is_gone
        },
    )
    .await;
}
