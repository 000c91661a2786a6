//! /secrets/generation-policies and /secrets/generate

use serde_json::{Value, json};

use crate::{A, B, PATH, create, reveal, start};

#[tokio::test]
async fn policies_are_kept_and_followed() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let all = format!("{PATH}/generation-policies");
    let body = json!({ "name": "Hex", "kind": "hex", "length": 20, "prefix": "sk-" });
    let made = owner.post(&all, body.clone()).await;
    let policy = made.expect(201);
    assert_eq!(policy["entropyBits"], 160);
    owner.post(&all, body).await.expect_problem(409, "name_taken");
    let weak = json!({ "name": "Weak", "length": 12 });
    owner.post(&all, weak).await.expect_problem(400, "policy_too_weak");
    let listed = owner.get(&all).await.expect(200);
    let names: Vec<&str> =
        listed["items"].as_array().unwrap().iter().filter_map(|p| p["name"].as_str()).collect();
    assert_eq!(names, ["Hex", "passphrase", "strong", "token"]);
    let secret = json!({
        "name": "k", "type": "api_key", "scope": "organization",
        "generate": { "policyId": policy["id"] },
    });
    let path = create(&owner, secret.clone()).await;
    let value = reveal(&owner, &path, json!({})).await;
    let key = value["value"]["key"].as_str().unwrap();
    assert!(key.starts_with("sk-") && key.len() == 43, "{key}");
    app.client(B, "owner").post(PATH, secret).await.expect_problem(404, "not_found");
    let one = made.header("location").unwrap();
    let changed = owner.patch(one, json!({ "length": 32 })).await.expect(200);
    assert_eq!((&changed["entropyBits"], &changed["prefix"]), (&json!(256), &json!("sk-")));
    owner.delete(one).await.expect(204);
    owner.get(one).await.expect_problem(404, "not_found");
    owner.delete(&format!("{all}/strong")).await.expect_problem(409, "system_policy");
    assert_eq!(owner.get(&format!("{all}/strong")).await.expect(200)["isSystem"], true);
}

#[tokio::test]
async fn values_are_made_and_stored_nowhere() {
    let app = start().await;
    let member = app.client(A, "member");
    let before = app.database.snapshot(&[]).await;
    let making = format!("{PATH}/generate");
    let made =
        member.post(&making, json!({ "policyId": "passphrase", "count": 3 })).await.expect(200);
    let values: Vec<&str> =
        made["values"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!((values.len(), &made["entropyBits"]), (3, &json!(128)));
    assert!(values[0] != values[1] && values[0].split('-').count() == 8);
    assert_eq!(app.database.snapshot(&[]).await, before);
    let inline = json!({ "inline": { "kind": "uuid" } });
    assert_eq!(member.post(&making, inline).await.expect(200)["entropyBits"], 122);
    member.post(&making, json!({ "count": 21 })).await.expect_problem(400, "invalid_request");
}
