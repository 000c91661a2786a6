//! POST /planning/tasks/{id}/move

use std::time::Duration;

use millwright_testkit::Client;
use serde_json::{Value, json};

use crate::{A, Since, app, go, ids, path_of, project, read, task, tasks};

async fn column(client: &Client, project: &str, state: &str) -> Value {
    let path = format!("/api/v1/planning/tasks?projectId={project}&state={state}");
    ids(&client.all(&path, 3).await)
}

async fn put(client: &Client, task: &Value, side: &str, anchor: &Value) -> Value {
    let body = json!({ side: anchor["id"] });
    client.post(&format!("{}/move", path_of(task)), body).await.expect(200)
}

#[tokio::test]
async fn a_task_goes_before_or_after_another() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    let mut all = Vec::new();
    for n in 0..5 {
        app.database.clock.advance(Duration::from_millis(1));
        all.push(task(&member, &id, &format!("{n}")).await);
    }
    let mut order: Vec<usize> = (0..5).collect();
    let steps = [
        (4, "before", 0),
        (0, "after", 2),
        (1, "before", 3),
        (3, "after", 4),
        (2, "before", 2 + 2),
        (4, "after", 0),
        (1, "after", 3),
        (0, "before", 1),
        (2, "after", 1),
        (3, "before", 2),
    ];
    for (moved, side, anchor) in steps {
        put(&member, &all[moved], side, &all[anchor]).await;
        order.retain(|n| *n != moved);
        let at = order.iter().position(|n| *n == anchor).unwrap();
        order.insert(at + usize::from(side == "after"), moved);
        let expected = ids(order.iter().map(|n| &all[*n]));
        assert_eq!(column(&member, &id, "to_do").await, expected, "{moved} {side} {anchor}");
    }
    // What comes into the column is last, wherever the others were moved.
    app.database.clock.advance(Duration::from_millis(1));
    let last = task(&member, &id, "last").await;
    put(&member, &all[0], "after", &last).await;
    let newest = task(&member, &id, "newest").await;
    order.retain(|n| *n != 0);
    let moved: Vec<&Value> = order.iter().map(|n| &all[*n]).collect();
    let expected = ids(moved.into_iter().chain([&last, &all[0], &newest]));
    assert_eq!(column(&member, &id, "to_do").await, expected);
}

#[tokio::test]
async fn a_move_makes_a_version_and_an_event_but_no_history() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    let all = tasks(&member, &id, 3).await;
    let since = Since::now(&app).await;
    app.database.clock.advance(Duration::from_secs(1));
    let moved = put(&member, &all[2], "before", &all[0]).await;
    assert_eq!(moved["version"], 2);
    assert_ne!(moved["updatedAt"], all[2]["updatedAt"]);
    assert_ne!(moved["rank"], all[2]["rank"]);
    assert_eq!(moved, read(&member, &all[2]).await);
    assert_eq!(since.types(&app).await, ["planning.task.updated"]);
    let history = member.all(&format!("{}/history", path_of(&all[2])), 10).await;
    assert_eq!(history.len(), 1);
    // Where it is already it stays, to the byte.
    let before = app.database.snapshot(&[]).await;
    put(&member, &all[2], "before", &all[0]).await;
    put(&member, &all[1], "after", &all[0]).await;
    put(&member, &all[0], "after", &all[2]).await;
    assert_eq!(app.database.snapshot(&[]).await, before);
}

#[tokio::test]
async fn a_move_names_one_neighbor_of_the_same_column() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let (web, far) = (project(&owner, "WEB").await, project(&owner, "FAR").await);
    let all = tasks(&owner, &web, 4).await;
    let elsewhere = task(&owner, &far, "far").await;
    go(&owner, &all[1], &["in_progress"]).await;
    owner.delete(&path_of(&all[2])).await.expect(204);
    let before = app.database.snapshot(&[]).await;
    let path = format!("{}/move", path_of(&all[0]));
    let faults = [
        (json!({}), ""),
        (json!({ "before": all[3]["id"], "after": all[3]["id"] }), ""),
        (json!({ "before": all[0]["id"] }), "/before"),
        (json!({ "after": all[2]["id"] }), "/after"),
        (json!({ "after": "task_01h455vb4pex5vsknk084sn02q" }), "/after"),
        (json!({ "after": "WEB-4" }), "/after"),
    ];
    for (body, pointer) in faults {
        let problem = owner.post(&path, body.clone()).await.expect_problem(400, "invalid_request");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
    }
    let problem = owner.post(&path, json!({ "after": all[1]["id"] })).await;
    let problem = problem.expect_problem(409, "invalid_state");
    let states = (&problem["state"], &problem["otherState"]);
    assert_eq!(states, (&json!("to_do"), &json!("in_progress")));
    let refused = owner.post(&path, json!({ "before": elsewhere["id"] })).await;
    refused.expect_problem(409, "invalid_state");
    assert_eq!(app.database.snapshot(&[]).await, before);
    owner.post(&format!("/api/v1/planning/projects/{web}/archive"), json!({})).await.expect(200);
    let refused = owner.post(&path, json!({ "after": all[3]["id"] })).await;
    refused.expect_problem(409, "project_archived");
}

#[tokio::test]
async fn there_is_room_for_two_hundred_moves_to_one_place() {
    let app = app().await;
    let member = app.client(A, "member");
    let id = project(&member, "WEB").await;
    let all = tasks(&member, &id, 4).await;
    for n in 0..200 {
        put(&member, &all[2 + n % 2], "after", &all[0]).await;
    }
    let expected = ids([&all[0], &all[3], &all[2], &all[1]]);
    assert_eq!(column(&member, &id, "to_do").await, expected);
    let rank = read(&member, &all[3]).await["rank"].as_str().unwrap().len();
    assert!(rank <= 60, "{rank}");
}
