//! /planning/tasks/{id}/history

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{A, app, path_of, project};

/// Applies the changes of a history, oldest first.
fn replay(newest_first: &[Value]) -> BTreeMap<String, Value> {
    let mut fields = BTreeMap::new();
    for entry in newest_first.iter().rev() {
        for change in entry["changes"].as_array().unwrap() {
            let field = change["field"].as_str().unwrap().to_owned();
            let before = fields.get(&field).cloned().unwrap_or(Value::Null);
            let is_first = before.is_null();
            assert!(is_first || before == change["from"], "{field} was {before}, not {change}");
            fields.insert(field, change["to"].clone());
        }
    }
    fields
}

#[tokio::test]
async fn replaying_the_history_yields_the_present() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let body = json!({
        "projectId": id, "title": "One", "labels": ["a"], "points": 3,
        "acceptanceCriteria": [{ "text": "x" }],
    });
    let path = path_of(&owner.post("/api/v1/planning/tasks", body).await.expect(201));
    owner
        .patch(&path, json!({ "title": "Two", "points": null, "priority": "high" }))
        .await
        .expect(200);
    owner
        .patch(&path, json!({ "assigneeId": owner.user.to_string(), "labels": [] }))
        .await
        .expect(200);
    for to in ["in_progress", "blocked", "in_progress", "done"] {
        let body = json!({ "to": to, "reason": "r", "force": true });
        owner.post(&format!("{path}/transition"), body).await.expect(200);
    }
    owner.delete(&path).await.expect(204);
    owner.post(&format!("{path}/restore"), json!({})).await.expect(200);
    let history = owner.all(&format!("{path}/history"), 3).await;
    assert_eq!(history.len(), 9);
    let present = owner.get(&path).await.expect(200);
    for (field, value) in replay(&history) {
        assert_eq!(present[&field], value, "{field}");
    }
}

#[tokio::test]
async fn derived_fields_are_in_no_history() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let path = path_of(&crate::task(&owner, &id, "T").await);
    owner.post(&format!("{path}/transition"), json!({ "to": "in_progress" })).await.expect(200);
    let history = owner.all(&format!("{path}/history"), 10).await;
    let changes = history[0]["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0], json!({ "field": "state", "from": "to_do", "to": "in_progress" }));
    assert_eq!(history[0]["actorId"], owner.user.to_string());
}

#[tokio::test]
async fn a_filtered_history_holds_only_changes_of_that_field() {
    let app = app().await;
    let owner = app.client(A, "owner");
    let id = project(&owner, "WEB").await;
    let path = path_of(&crate::task(&owner, &id, "T").await);
    for n in 0..7 {
        let field = if n % 2 == 0 { "title" } else { "priority" };
        let value = if field == "title" { format!("T{n}") } else { "high".into() };
        owner.patch(&path, json!({ field: value })).await.expect(200);
        owner.patch(&path, json!({ "priority": "low" })).await.expect(200);
    }
    let titles = owner.all(&format!("{path}/history?field=title"), 2).await;
    assert_eq!(titles.len(), 5);
    for entry in titles {
        assert!(
            entry["changes"].as_array().unwrap().iter().any(|change| change["field"] == "title")
        );
    }
}
