//! /planning/tasks/{id}/subtasks and parentId

use millwright_testkit::Client;
use serde_json::{Value, json};

use crate::{A, B, app, go, ids, path_of, project, read, task, task_with, tasks};

const TASKS: &str = "/api/v1/planning/tasks";

async fn below(client: &Client, project: &str, parent: &Value) -> Value {
    task_with(client, project, json!({ "parentId": parent["id"] })).await
}

async fn put_below(client: &Client, task: &Value, parent: &Value) -> Value {
    client.patch(&path_of(task), json!({ "parentId": parent["id"] })).await.expect(200)
}

async fn subtasks(client: &Client, parent: &Value) -> Value {
    ids(&client.all(&format!("{}/subtasks", path_of(parent)), 3).await)
}

/// A chain of subtasks, the uppermost first.
async fn chain(client: &Client, project: &str, length: usize) -> Vec<Value> {
    let mut chain = vec![task(client, project, "top").await];
    while chain.len() < length {
        let next = below(client, project, chain.last().unwrap()).await;
        chain.push(next);
    }
    chain
}

#[tokio::test]
async fn subtasks_are_listed_by_rank_and_follow_every_change() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let parent = task(&owner, &id, "parent").await;
    let mut children = Vec::new();
    for _ in 0..4 {
        app.database.clock.advance(std::time::Duration::from_millis(3));
        children.push(below(&owner, &id, &parent).await);
    }
    assert_eq!(children[0]["parentId"], parent["id"]);
    assert_eq!(subtasks(&owner, &parent).await, ids(&children));
    let filter = format!("{TASKS}?parentId={}", parent["id"].as_str().unwrap());
    assert_eq!(ids(&owner.all(&filter, 2).await), ids(&children));
    let by_key = owner.all(&format!("{TASKS}/web-1/subtasks"), 100).await;
    assert_eq!(ids(&by_key), ids(&children));
    let shown = &by_key[0];
    assert!(shown.get("description").is_none() && shown.get("relations").is_none());
    // Another state gives a rank from the clock: last. A move: where it was moved.
    app.database.clock.advance(std::time::Duration::from_millis(3));
    go(&owner, &children[0], &["in_progress"]).await;
    let order = [1, 2, 3, 0].map(|n: usize| &children[n]);
    assert_eq!(subtasks(&owner, &parent).await, ids(order));
    let to = json!({ "before": children[1]["id"] });
    owner.post(&format!("{}/move", path_of(&children[3])), to).await.expect(200);
    assert_eq!(subtasks(&owner, &parent).await, ids([3, 1, 2, 0].map(|n: usize| &children[n])));
    // Deleted ones are left out; what leaves is gone; what comes back is there.
    owner.delete(&path_of(&children[1])).await.expect(204);
    owner.patch(&path_of(&children[2]), json!({ "parentId": null })).await.expect(200);
    assert_eq!(subtasks(&owner, &parent).await, ids([3, 0].map(|n: usize| &children[n])));
    owner.post(&format!("{}/restore", path_of(&children[1])), json!({})).await.expect(200);
    assert_eq!(subtasks(&owner, &parent).await, ids([3, 1, 0].map(|n: usize| &children[n])));
    let history = owner.all(&format!("{}/history", path_of(&children[2])), 10).await.remove(0);
    let change = json!({ "field": "parentId", "from": parent["id"], "to": null });
    assert_eq!(history["changes"], json!([change]));
    // The parent itself is as it was.
    assert_eq!(read(&owner, &parent).await, parent);
}

#[tokio::test]
async fn a_parent_is_a_live_task_of_the_same_project() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let (web, far) = (project(&owner, "WEB").await, project(&owner, "FAR").await);
    let all = tasks(&owner, &web, 2).await;
    let elsewhere = task(&owner, &far, "far").await;
    let stranger = app.client(B, "owner");
    let theirs = task(&stranger, &project(&stranger, "WEB").await, "theirs").await;
    owner.delete(&path_of(&all[1])).await.expect(204);
    let before = app.database.snapshot(&[]).await;
    let cases = [
        (elsewhere["id"].clone(), "not_allowed"),
        (all[1]["id"].clone(), "unknown_reference"),
        (theirs["id"].clone(), "unknown_reference"),
        (json!("task_01h455vb4pex5vsknk084sn02q"), "unknown_reference"),
        (json!("WEB-1"), "bad_format"),
    ];
    for (parent, code) in cases {
        let body = json!({ "projectId": web, "title": "T", "parentId": parent });
        let created = owner.post(TASKS, body).await.expect_problem(400, "invalid_request");
        let patch = json!({ "parentId": parent });
        let patched = owner.patch(&path_of(&all[0]), patch).await;
        for problem in [created, patched.expect_problem(400, "invalid_request")] {
            let fault = json!([problem["errors"][0]["pointer"], problem["errors"][0]["code"]]);
            assert_eq!(fault, json!(["/parentId", code]));
        }
    }
    let itself = owner.patch(&path_of(&all[0]), json!({ "parentId": all[0]["id"] })).await;
    assert_eq!(itself.expect_problem(400, "invalid_request")["errors"][0]["code"], "not_allowed");
    assert_eq!(app.database.snapshot(&[]).await, before);
    // A refused creation takes no number.
    assert_eq!(task(&owner, &web, "next").await["number"], 3);
}

#[tokio::test]
async fn no_task_is_part_of_its_own_part() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let chain = chain(&owner, &id, 4).await;
    let before = app.database.snapshot(&[]).await;
    for (lower, cycle) in [
        (1, json!(["WEB-1", "WEB-2", "WEB-1"])),
        (3, json!(["WEB-1", "WEB-4", "WEB-3", "WEB-2", "WEB-1"])),
    ] {
        let patch = json!({ "parentId": chain[lower]["id"] });
        let refused = owner.patch(&path_of(&chain[0]), patch).await;
        assert_eq!(refused.expect_problem(409, "relation_cycle")["cycle"], cycle);
    }
    assert_eq!(app.database.snapshot(&[]).await, before);
    // Upwards within the same tree is no cycle.
    put_below(&owner, &chain[3], &chain[0]).await;
    put_below(&owner, &chain[1], &chain[3]).await;
    assert_eq!(subtasks(&owner, &chain[0]).await, ids([&chain[3]]));
    assert_eq!(subtasks(&owner, &chain[3]).await, ids([&chain[1]]));
    assert_eq!(subtasks(&owner, &chain[1]).await, ids([&chain[2]]));
}

#[tokio::test]
async fn subtasks_are_at_most_five_deep_also_when_trees_move() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let deep = chain(&owner, &id, 6).await;
    let before = app.database.snapshot(&[]).await;
    let body = json!({ "projectId": id, "title": "T", "parentId": deep[5]["id"] });
    let refused = owner.post(TASKS, body).await.expect_problem(409, "depth_exceeded");
    assert_eq!((&refused["max"], &refused["depth"]), (&json!(5), &json!(6)));
    assert_eq!(app.database.snapshot(&[]).await, before);
    // A tree of three levels fits below the third, not below the fourth.
    let tree = chain(&owner, &id, 3).await;
    let patch = json!({ "parentId": deep[3]["id"] });
    owner.patch(&path_of(&tree[0]), patch).await.expect_problem(409, "depth_exceeded");
    put_below(&owner, &tree[0], &deep[2]).await;
    let patch = json!({ "parentId": tree[2]["id"] });
    let lonely = task(&owner, &id, "lonely").await;
    owner.patch(&path_of(&lonely), patch.clone()).await.expect_problem(409, "depth_exceeded");
    // What leaves makes room; deleted parts count, since they can come back.
    owner.delete(&path_of(&deep[5])).await.expect(204);
    owner.delete(&path_of(&tree[2])).await.expect(204);
    let top = task(&owner, &id, "top").await;
    let patch = json!({ "parentId": top["id"] });
    owner.patch(&path_of(&deep[0]), patch.clone()).await.expect_problem(409, "depth_exceeded");
    owner.patch(&path_of(&tree[0]), json!({ "parentId": null })).await.expect(200);
    owner.patch(&path_of(&deep[0]), patch.clone()).await.expect_problem(409, "depth_exceeded");
    owner.patch(&path_of(&deep[4]), json!({ "parentId": null })).await.expect(200);
    put_below(&owner, &deep[0], &top).await;
    owner.post(&format!("{}/restore", path_of(&deep[5])), json!({})).await.expect(200);
    put_below(&owner, &deep[4], &deep[2]).await;
    let patch = json!({ "parentId": deep[3]["id"] });
    owner.patch(&path_of(&deep[4]), patch).await.expect_problem(409, "depth_exceeded");
}

#[tokio::test]
async fn a_task_has_at_most_a_hundred_live_subtasks() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let parent = task(&owner, &id, "parent").await;
    let mut children = Vec::new();
    for _ in 0..100 {
        children.push(below(&owner, &id, &parent).await);
    }
    let lonely = task(&owner, &id, "lonely").await;
    let before = app.database.snapshot(&[]).await;
    let body = json!({ "projectId": id, "title": "T", "parentId": parent["id"] });
    let full = owner.post(TASKS, body).await.expect_problem(409, "limit_reached");
    assert_eq!(full["max"], 100);
    let patch = json!({ "parentId": parent["id"] });
    owner.patch(&path_of(&lonely), patch.clone()).await.expect_problem(409, "limit_reached");
    assert_eq!(app.database.snapshot(&[]).await, before);
    // A closed one is still one; a deleted one is not, and finds its place taken.
    go(&owner, &children[1], &["cancelled"]).await;
    owner.patch(&path_of(&lonely), patch.clone()).await.expect_problem(409, "limit_reached");
    owner.delete(&path_of(&children[0])).await.expect(204);
    owner.patch(&path_of(&lonely), patch).await.expect(200);
    let restore = format!("{}/restore", path_of(&children[0]));
    owner.post(&restore, json!({})).await.expect_problem(409, "limit_reached");
    owner.patch(&path_of(&lonely), json!({ "parentId": null })).await.expect(200);
    owner.post(&restore, json!({})).await.expect(200);
    let listed = owner.all(&format!("{}/subtasks", path_of(&parent)), 7).await;
    assert_eq!(listed.len(), 100);
}

#[tokio::test]
async fn open_subtasks_keep_a_parent_from_done_and_from_deletion() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let parent = task(&owner, &id, "parent").await;
    let mut children = Vec::new();
    for _ in 0..4 {
        children.push(below(&owner, &id, &parent).await);
    }
    let grandchild = below(&owner, &id, &children[0]).await;
    go(&owner, &parent, &["in_progress"]).await;
    let to_done = format!("{}/transition", path_of(&parent));
    let refused = async || {
        let before = app.database.snapshot(&[]).await;
        let done = owner.post(&to_done, json!({ "to": "done" })).await;
        done.expect_problem(409, "open_subtasks");
        owner.delete(&path_of(&parent)).await.expect_problem(409, "open_subtasks");
        assert_eq!(app.database.snapshot(&[]).await, before);
    };
    refused().await;
    // Finished, cancelled, deleted, gone elsewhere: four ways to be no open subtask.
    let forced = json!({ "to": "done", "force": true });
    go(&owner, &children[0], &["in_progress"]).await;
    let of_child = format!("{}/transition", path_of(&children[0]));
    let open = owner.post(&of_child, json!({ "to": "done" })).await;
    open.expect_problem(409, "open_subtasks");
    owner.post(&of_child, forced.clone()).await.expect(200);
    refused().await;
    go(&owner, &children[1], &["cancelled"]).await;
    refused().await;
    owner.delete(&path_of(&children[2])).await.expect(204);
    refused().await;
    owner.patch(&path_of(&children[3]), json!({ "parentId": null })).await.expect(200);
    go(&owner, &parent, &["done", "in_progress"]).await;
    // And four ways back.
    go(&owner, &children[1], &["to_do"]).await;
    refused().await;
    go(&owner, &children[1], &["cancelled"]).await;
    owner.post(&format!("{}/restore", path_of(&children[2])), json!({})).await.expect(200);
    refused().await;
    // Force makes it done all the same, and is recorded; nothing forces a deletion.
    let done = owner.post(&to_done, forced).await.expect(200);
    assert_eq!(done["state"], "done");
    let newest = owner.all(&format!("{}/history", path_of(&parent)), 1).await.remove(0);
    assert_eq!(newest["note"], "forced");
    owner.delete(&path_of(&parent)).await.expect_problem(409, "open_subtasks");
    owner.delete(&path_of(&children[2])).await.expect(204);
    owner.delete(&path_of(&parent)).await.expect(204);
    // Nothing is put below what is deleted; restored, it has its subtasks again.
    let body = json!({ "projectId": id, "title": "T", "parentId": parent["id"] });
    owner.post(TASKS, body).await.expect_problem(400, "invalid_request");
    owner.get(&format!("{}/subtasks", path_of(&parent))).await.expect_problem(404, "not_found");
    owner.post(&format!("{}/restore", path_of(&parent)), json!({})).await.expect(200);
    assert_eq!(subtasks(&owner, &parent).await, ids(&children[..2]));
    below(&owner, &id, &parent).await;
    assert_eq!(subtasks(&owner, &children[0]).await, ids([&grandchild]));
}

#[tokio::test]
async fn a_duplicate_is_no_open_subtask() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let parent = task(&owner, &id, "parent").await;
    let child = below(&owner, &id, &parent).await;
    let original = task(&owner, &id, "original").await;
    go(&owner, &parent, &["in_progress"]).await;
    crate::relate(&owner, &child, "duplicate-of", &original).await.expect(200);
    go(&owner, &parent, &["done"]).await;
}
