//! /secrets/{secretId}/rotate and rotations

use std::time::Duration;

use serde_json::{Value, json};

use crate::{A, api_key, create, reveal, start};

#[tokio::test]
async fn a_rotation_waits_for_its_confirmation() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let mut body = api_key("k", "v1");
    body["rotation"] = json!({
        "mode": "scheduled", "strategy": "confirm", "generate": { "policyId": "token" },
        "confirmWithinSeconds": 300,
    });
    let path = create(&owner, body).await;
    let secret = owner.get(&path).await.expect(200);
    assert!(secret["rotation"]["nextRotationAt"].is_string());
    let begun = owner.post(&format!("{path}/rotate"), json!({})).await.expect(201);
    assert_eq!(begun["state"], "awaiting_confirmation");
    owner.post(&format!("{path}/rotate"), json!({})).await.expect_problem(409, "rotation_open");
    owner
        .post(&format!("{path}/versions/2/promote"), json!({}))
        .await
        .expect_problem(409, "rotation_open");
    owner
        .post(&format!("{path}/versions/2/destroy"), json!({}))
        .await
        .expect_problem(409, "rotation_open");
    let pending = reveal(&owner, &path, json!({ "stage": "pending" })).await;
    assert_eq!(reveal(&owner, &path, json!({})).await["value"]["key"], "v1");
    let rotation = format!("{path}/rotations/{}", begun["id"].as_str().unwrap());
    let done = owner.post(&format!("{rotation}/confirm"), json!({})).await.expect(200);
    assert_eq!(done["state"], "succeeded");
    assert_eq!(reveal(&owner, &path, json!({})).await["value"], pending["value"]);
    owner
        .post(&format!("{rotation}/fail"), json!({}))
        .await
        .expect_problem(409, "rotation_not_open");
    assert_eq!(owner.get(&rotation).await.expect(200)["version"], 2);
    let late = owner.post(&format!("{path}/rotate"), json!({})).await.expect(201);
    app.database.clock.advance(Duration::from_secs(300));
    let rotation = format!("{path}/rotations/{}", late["id"].as_str().unwrap());
    owner
        .post(&format!("{rotation}/confirm"), json!({}))
        .await
        .expect_problem(409, "rotation_not_open");
    let failed =
        owner.post(&format!("{rotation}/fail"), json!({ "reason": "no" })).await.expect(200);
    assert_eq!(failed["failureReason"], "no");
    assert_eq!(reveal(&owner, &path, json!({})).await["value"], pending["value"]);
    owner
        .post(&format!("{path}/reveal"), json!({ "stage": "pending" }))
        .await
        .expect_problem(404, "not_found");
    owner
        .post(&format!("{path}/reveal"), json!({ "version": 3 }))
        .await
        .expect_problem(409, "version_destroyed");
    let third = owner.post(&format!("{path}/rotate"), json!({})).await.expect(201);
    let rotation = format!("{path}/rotations/{}", third["id"].as_str().unwrap());
    owner.post(&format!("{rotation}/cancel"), json!({})).await.expect(200);
    assert_eq!(owner.all(&format!("{path}/rotations"), 2).await.len(), 3);
}

#[tokio::test]
async fn two_users_take_turns() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let body = json!({
        "name": "db", "type": "username_password", "scope": "organization",
        "value": { "username": "app_a", "password": "first", "url": "postgres://db/app" },
        "rotation": {
            "mode": "scheduled", "strategy": "two_user", "usernames": ["app_a", "app_b"],
            "generate": { "policyId": "strong" },
        },
    });
    let path = create(&owner, body).await;
    let mut before = reveal(&owner, &path, json!({})).await["value"].clone();
    for turn in 0..5 {
        let begun = owner.post(&format!("{path}/rotate"), json!({})).await.expect(201);
        let expected = if turn % 2 == 0 { "app_b" } else { "app_a" };
        assert_eq!(begun["username"], expected);
        let rotation = format!("{path}/rotations/{}", begun["id"].as_str().unwrap());
        owner.post(&format!("{rotation}/confirm"), json!({})).await.expect(200);
        let current = reveal(&owner, &path, json!({})).await["value"].clone();
        assert_eq!((&current["username"], &current["url"]), (&json!(expected), &before["url"]));
        assert_ne!(current["password"], before["password"]);
        let previous = reveal(&owner, &path, json!({ "stage": "previous" })).await;
        assert_eq!(previous["value"], before);
        before = current;
    }
}

#[tokio::test]
async fn a_replacing_rotation_is_current_at_once_and_some_types_cannot() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let path = create(&owner, api_key("k", "v1")).await;
    let done = owner.post(&format!("{path}/rotate"), json!({})).await.expect(201);
    assert_eq!((&done["state"], &done["deadlineAt"]), (&json!("succeeded"), &Value::Null));
    let made = reveal(&owner, &path, json!({})).await;
    assert_eq!(made["value"]["key"].as_str().unwrap().len(), 32);
    let set = json!({
        "name": "set", "type": "env_variable_set", "scope": "organization",
        "value": { "variables": { "A": "1" } },
    });
    let path = create(&owner, set).await;
    owner
        .post(&format!("{path}/rotate"), json!({}))
        .await
        .expect_problem(409, "rotation_not_possible");
    let scheduled = json!({ "rotation": { "mode": "scheduled", "generate": {} } });
    owner.patch(&path, scheduled).await.expect_problem(409, "rotation_not_possible");
}
