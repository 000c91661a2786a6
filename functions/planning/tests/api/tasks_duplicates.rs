//! /planning/tasks/{id}/relations/duplicate-of

use serde_json::{Value, json};

use crate::{
    A, Since, app, go, ids, path_of, project, put, read, relate, relation_path, said, task, tasks,
};

const DUPLICATE_OF: &str = "duplicate-of";

#[tokio::test]
async fn a_duplicate_is_cancelled_and_frees_what_waits_for_it() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let all = tasks(&owner, &id, 4).await;
    relate(&owner, &all[0], "blocks", &all[2]).await.expect(200);
    relate(&owner, &all[0], "blocks", &all[1]).await.expect(200);
    let since = Since::now(&app).await;
    let duplicate = relate(&owner, &all[0], DUPLICATE_OF, &all[1]).await.expect(200);
    assert_eq!(duplicate["state"], "cancelled");
    assert!(duplicate["completedAt"].is_string());
    assert_eq!(duplicate["relations"]["duplicateOf"], all[1]["id"]);
    let original = read(&owner, &all[1]).await;
    assert_eq!(original["relations"]["duplicates"], ids([&all[0]]));
    assert_eq!(original["openBlockers"], 0);
    assert_eq!(read(&owner, &all[2]).await["openBlockers"], 0);
    let mut types = since.types(&app).await;
    assert_eq!(types.pop().unwrap(), "planning.task.relation_added");
    let unblocked = "planning.task.unblocked";
    assert_eq!(types, ["planning.task.transitioned", unblocked, unblocked]);
    let entry = owner.all(&format!("{}/history", path_of(&all[0])), 10).await.remove(0);
    let fields: Vec<&str> =
        entry["changes"].as_array().unwrap().iter().map(|c| c["field"].as_str().unwrap()).collect();
    assert_eq!(fields.len(), 2, "{fields:?}");
    assert!(fields.contains(&"state") && fields.contains(&"relations.duplicateOf"));
    let of_original = owner.all(&format!("{}/history", path_of(&all[1])), 10).await.remove(0);
    let change = json!({ "field": "relations.duplicates", "from": [], "to": [all[0]["id"]] });
    assert_eq!(of_original["changes"], json!([change]));
    // Without the relation it stays what it became; what is closed is not cancelled.
    owner.delete(&relation_path(&all[0], DUPLICATE_OF, &all[1])).await.expect(204);
    assert_eq!(read(&owner, &all[0]).await["state"], "cancelled");
    go(&owner, &all[3], &["in_progress", "done"]).await;
    let done = relate(&owner, &all[3], DUPLICATE_OF, &all[1]).await.expect(200);
    assert_eq!(done["state"], "done");
}

#[tokio::test]
async fn chains_lead_to_the_original() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let (web, far) = (project(&owner, "WEB").await, project(&owner, "FAR").await);
    let all = tasks(&owner, &web, 4).await;
    let root = task(&owner, &far, "root").await;
    let [a, b, c, d] = &all[..] else { unreachable!() };
    relate(&owner, b, DUPLICATE_OF, c).await.expect(200);
    // Named by a duplicate, the original is meant, also by the event.
    let answered = relate(&owner, a, DUPLICATE_OF, b).await.expect(200);
    assert_eq!(answered["relations"]["duplicateOf"], c["id"]);
    let data = said(&app, "planning.task.relation_added").await.pop().unwrap();
    assert_eq!((&data["fromId"], &data["toId"]), (&a["id"], &c["id"]));
    assert_eq!(read(&owner, c).await["relations"]["duplicates"], ids([b, a]));
    assert_eq!(read(&owner, b).await["relations"]["duplicates"], json!([]));
    let before = app.database.snapshot(&[]).await;
    relate(&owner, a, DUPLICATE_OF, b).await.expect(200);
    assert_eq!(app.database.snapshot(&[]).await, before, "it is one already");
    // What was a duplicate of it becomes one of the new original.
    relate(&owner, c, DUPLICATE_OF, &root).await.expect(200);
    assert_eq!(read(&owner, &root).await["relations"]["duplicates"], ids([c, b, a]));
    assert_eq!(read(&owner, c).await["relations"]["duplicates"], json!([]));
    for duplicate in [a, b, c] {
        assert_eq!(read(&owner, duplicate).await["relations"]["duplicateOf"], root["id"]);
    }
    for duplicate in [a, b, c] {
        let around = relate(&owner, &root, DUPLICATE_OF, duplicate).await;
        let cycle = around.expect_problem(409, "relation_cycle")["cycle"].clone();
        assert_eq!(cycle, json!(["FAR-1", duplicate["key"], "FAR-1"]));
    }
    // Another original takes the place of the first.
    let since = Since::now(&app).await;
    relate(&owner, a, DUPLICATE_OF, d).await.expect(200);
    assert_eq!(read(&owner, &root).await["relations"]["duplicates"], ids([c, b]));
    assert_eq!(read(&owner, d).await["relations"]["duplicates"], ids([a]));
    let types = ["planning.task.relation_removed", "planning.task.relation_added"];
    assert_eq!(since.types(&app).await, types);
    let removed = said(&app, "planning.task.relation_removed").await.pop().unwrap();
    assert_eq!((&removed["fromId"], &removed["toId"]), (&a["id"], &root["id"]));
    // It is removed by the name with which it was added, too.
    let named = format!("{}/relations/{DUPLICATE_OF}/{}", path_of(b), c["key"].as_str().unwrap());
    owner.delete(&named).await.expect(204);
    assert!(read(&owner, b).await["relations"]["duplicateOf"].is_null());
    assert_eq!(read(&owner, &root).await["relations"]["duplicates"], ids([c]));
    let removed = said(&app, "planning.task.relation_removed").await.pop().unwrap();
    assert_eq!((&removed["fromId"], &removed["toId"]), (&b["id"], &root["id"]));
}

#[tokio::test]
async fn a_task_that_blocks_a_duplicate_becomes_one_of_the_same_original() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let all = tasks(&owner, &id, 3).await;
    relate(&owner, &all[0], "blocks", &all[1]).await.expect(200);
    relate(&owner, &all[0], "blocks", &all[2]).await.expect(200);
    relate(&owner, &all[1], DUPLICATE_OF, &all[2]).await.expect(200);
    let answered = relate(&owner, &all[0], DUPLICATE_OF, &all[1]).await.expect(200);
    assert_eq!(answered["relations"]["duplicateOf"], all[2]["id"]);
    for waiting in &all[1..] {
        assert_eq!(read(&owner, waiting).await["openBlockers"], 0);
    }
}

#[tokio::test]
async fn duplicates_have_limits() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let root = task(&owner, &id, "root").await;
    let all = tasks(&owner, &id, 53).await;
    let (middle, others) = all.split_first().unwrap();
    for duplicate in &others[..21] {
        relate(&owner, duplicate, DUPLICATE_OF, middle).await.expect(200);
    }
    let before = app.database.snapshot(&[]).await;
    let refused = relate(&owner, middle, DUPLICATE_OF, &root).await;
    assert_eq!(refused.expect_problem(409, "limit_reached")["max"], 20);
    assert_eq!(app.database.snapshot(&[]).await, before);
    // Thirty of the root and one with twenty of its own: one too many.
    for duplicate in &others[21..51] {
        relate(&owner, duplicate, DUPLICATE_OF, &root).await.expect(200);
    }
    owner.delete(&relation_path(&others[0], DUPLICATE_OF, middle)).await.expect(204);
    let refused = relate(&owner, middle, DUPLICATE_OF, &root).await;
    assert_eq!(refused.expect_problem(409, "limit_reached")["max"], 50);
    owner.delete(&relation_path(&others[1], DUPLICATE_OF, middle)).await.expect(204);
    relate(&owner, middle, DUPLICATE_OF, &root).await.expect(200);
    let duplicates = read(&owner, &root).await["relations"]["duplicates"].clone();
    assert_eq!(duplicates.as_array().unwrap().len(), 50);
    let one_more = relate(&owner, &others[0], DUPLICATE_OF, middle).await;
    assert_eq!(one_more.expect_problem(409, "limit_reached")["max"], 50);
}

#[tokio::test]
async fn an_original_in_an_archived_project_gets_no_duplicate() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let (web, old) = (project(&owner, "WEB").await, project(&owner, "OLD").await);
    let (a, b) = (task(&owner, &web, "a").await, task(&owner, &web, "b").await);
    let root = task(&owner, &old, "root").await;
    relate(&owner, &b, DUPLICATE_OF, &root).await.expect(200);
    owner.post(&format!("/api/v1/planning/projects/{old}/archive"), json!({})).await.expect(200);
    let before = app.database.snapshot(&[]).await;
    relate(&owner, &a, DUPLICATE_OF, &b).await.expect_problem(409, "project_archived");
    relate(&owner, &b, DUPLICATE_OF, &a).await.expect_problem(409, "project_archived");
    assert_eq!(app.database.snapshot(&[]).await, before);
}

#[tokio::test]
async fn a_duplicate_of_what_is_deleted_is_one_of_nothing() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let all = tasks(&owner, &id, 3).await;
    relate(&owner, &all[1], DUPLICATE_OF, &all[2]).await.expect(200);
    owner.delete(&path_of(&all[2])).await.expect(204);
    relate(&owner, &all[0], DUPLICATE_OF, &all[2]).await.expect_problem(404, "not_found");
    // Nor through a duplicate of it.
    relate(&owner, &all[0], DUPLICATE_OF, &all[1]).await.expect_problem(404, "not_found");
    let path = format!("{}/relations/duplicates/{}", path_of(&all[2]), all[1]["id"]);
    let quoted: Value = put(&owner, &path.replace('"', "")).await.json();
    assert_eq!(quoted["code"], "invalid_request", "what a duplicate is, the duplicate says");
}
