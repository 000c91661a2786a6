//! /planning/exports

use millwright_testkit::{Client, TestApp};
use serde_json::{Value, json};

use crate::{
    A, app,
    imports::backlog,
    imports::real,
    project,
    queue::{Queue, TIMES},
    relate, task_with,
};

const EXPORTS: &str = "/api/v1/planning/exports";

/// Exports, and downloads what came of it.
async fn export(app: &TestApp, client: &Client, order: Value) -> String {
    let accepted = client.post(EXPORTS, order).await;
    accepted.expect(202);
    let path = accepted.header("location").unwrap().to_owned();
    Queue::of(app, &real(app), 1).drain(TIMES, |_| None).await;
    let job = client.get(&path).await.expect(200);
    assert_eq!(job["status"], "completed", "{job}");
    let result = client.get(&format!("{path}/result")).await.expect(200);
    let url = result["downloadUrl"].as_str().unwrap();
    let (status, bytes) = app.files.send("GET", url, std::iter::empty(), b"").await;
    assert_eq!(status, 200);
    assert_eq!(result["sizeBytes"], bytes.len());
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn an_export_imported_elsewhere_is_the_same_backlog() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let parent = task_with(&owner, &id, json!({ "title": "Parent", "labels": ["a"] })).await;
    let more = json!({
        "title": "Child", "parentId": parent["id"], "priority": "high", "points": 3,
        "description": "Some *words*,\nin \"lines\"", "dueDate": "2026-12-24",
        "acceptanceCriteria": [{ "text": "It works", "met": true }],
    });
    let child = task_with(&owner, &id, more).await;
    let third = task_with(&owner, &id, json!({ "title": "=1+1" })).await;
    relate(&owner, &child, "blocks", &third).await.expect(200);
    relate(&owner, &third, "relates-to", &parent).await.expect(200);
    let comments = format!("{}/comments", crate::path_of(&child));
    owner.post(&comments, json!({ "body": "Well said" })).await.expect(201);
    let order = json!({ "projectId": id, "format": "jsonl", "include": ["comments", "history"] });
    let file = export(&app, &owner, order).await;
    let other = project(&owner, "COPY").await;
    let import = json!({
        "projectId": other, "format": "jsonl", "source": "copy", "content": file,
    });
    owner.post("/api/v1/planning/imports", import).await.expect(202);
    Queue::of(&app, &real(&app), 1).drain(TIMES, |_| None).await;
    let strip = |tasks: Vec<Value>, prefix: &str| -> Vec<Value> {
        let text = serde_json::to_string(&tasks).unwrap().replace(&format!("\"{prefix}-"), "\"X-");
        let mut tasks: Vec<Value> = serde_json::from_str(&text).unwrap();
        for task in &mut tasks {
            for own in ["externalId", "source", "sourceUpdatedAt", "createdBy", "updatedBy"] {
                task.as_object_mut().unwrap().remove(own);
            }
        }
        tasks
    };
    let (before, after) = (backlog(&owner, &id).await, backlog(&owner, &other).await);
    assert_eq!(strip(after, "COPY"), strip(before, "WEB"));
}

#[tokio::test]
async fn a_spreadsheet_meets_no_formula() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    task_with(&owner, &id, json!({ "title": "=HYPERLINK(1)", "labels": ["a"] })).await;
    task_with(&owner, &id, json!({ "title": "gone" })).await;
    owner.delete("/api/v1/planning/tasks/WEB-2").await.expect(204);
    let file = export(&app, &owner, json!({ "projectId": id, "format": "csv" })).await;
    let rows: Vec<&str> = file.lines().collect();
    assert_eq!(rows.len(), 2, "{file}");
    assert!(rows[0].starts_with("key,title,"));
    assert!(rows[1].starts_with("WEB-1,'=HYPERLINK(1),"), "{file}");
}
