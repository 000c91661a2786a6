//! /secrets/{secretId}/versions

use secret_management::store::SecretItem;
use serde_json::{Value, json};

use crate::{A, api_key, create, reveal, start};

fn value(key: &str) -> Value {
    json!({ "value": { "key": key } })
}

#[tokio::test]
async fn stages_follow_what_is_written() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let path = create(&owner, api_key("k", "v1")).await;
    let versions = format!("{path}/versions");
    for key in ["v2", "v3"] {
        owner.post(&versions, value(key)).await.expect(201);
    }
    let pending = json!({ "value": { "key": "v4" }, "stage": "pending" });
    owner.post(&versions, pending.clone()).await.expect(201);
    owner.post(&versions, pending).await.expect_problem(409, "pending_exists");
    for (which, key) in [
        (json!({}), "v3"),
        (json!({ "stage": "previous" }), "v2"),
        (json!({ "stage": "pending" }), "v4"),
        (json!({ "version": 1 }), "v1"),
    ] {
        assert_eq!(reveal(&owner, &path, which).await["value"]["key"], key);
    }
    let listed = owner.all(&versions, 3).await;
    let numbers: Vec<u64> = listed.iter().filter_map(|v| v["number"].as_u64()).collect();
    assert_eq!(numbers, [4, 3, 2, 1]);
    assert_eq!(listed[1]["stages"], json!(["current"]));
    owner
        .post(&format!("{versions}/2/promote"), json!({}))
        .await
        .expect_problem(409, "invalid_state");
    owner.post(&format!("{versions}/4/promote"), json!({})).await.expect(200);
    let secret = owner.get(&path).await.expect(200);
    assert_eq!((&secret["currentVersion"], &secret["previousVersion"]), (&json!(4), &json!(3)));
    assert_eq!(secret["pendingVersion"], Value::Null);
}

#[tokio::test]
async fn an_expectation_is_met_or_refused() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let mut body = api_key("k", "v1");
    body["casRequired"] = json!(true);
    let path = create(&owner, body).await;
    let versions = format!("{path}/versions");
    owner.post(&versions, value("v2")).await.expect_problem(400, "cas_required");
    let with =
        |expected: u32| json!({ "value": { "key": "x" }, "expectedCurrentVersion": expected });
    let refused = owner.post(&versions, with(2)).await;
    let problem = refused.expect_problem(412, "value_version_mismatch");
    assert_eq!(problem["currentValueVersion"], 1);
    assert_eq!(owner.post(&versions, with(1)).await.expect(201)["number"], 2);
    let headers = [("if-match", "\"1\"")];
    owner.post_with(&versions, &headers, with(2)).await.expect_problem(412, "version_stale");
}

#[tokio::test]
async fn versions_are_deleted_restored_and_destroyed() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let path = create(&owner, api_key("k", "v1")).await;
    owner.post(&format!("{path}/versions"), value("v2")).await.expect(201);
    let one = format!("{path}/versions/1");
    owner.delete(&one).await.expect(204);
    owner.delete(&one).await.expect(204);
    owner
        .post(&format!("{path}/reveal"), json!({ "version": 1 }))
        .await
        .expect_problem(409, "version_not_enabled");
    assert_eq!(
        owner.post(&format!("{one}/restore"), json!({})).await.expect(200)["state"],
        "enabled"
    );
    reveal(&owner, &path, json!({ "version": 1 })).await;
    owner
        .post(&format!("{path}/versions/2/destroy"), json!({}))
        .await
        .expect_problem(409, "version_is_current");
    let gone = owner.post(&format!("{one}/destroy"), json!({})).await.expect(200);
    assert_eq!(
        (&gone["state"], &gone["destroyReason"]),
        (&json!("destroyed"), &json!("requested"))
    );
    owner.post(&format!("{one}/restore"), json!({})).await.expect_problem(409, "version_destroyed");
    owner
        .post(&format!("{path}/reveal"), json!({ "version": 1 }))
        .await
        .expect_problem(409, "version_destroyed");
    owner
        .post(&format!("{path}/reveal"), json!({ "version": 9 }))
        .await
        .expect_problem(404, "not_found");
    let values = app.database.items().await;
    let values = values.iter().filter(|item| item.partition_key().ends_with("#VAL")).count();
    assert_eq!(values, 1);
    owner.delete(&format!("{path}/versions/2")).await.expect(204);
    owner
        .post(&format!("{path}/reveal"), json!({}))
        .await
        .expect_problem(409, "version_not_enabled");
}

#[tokio::test]
async fn old_values_are_pruned_and_their_rows_stay() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let mut body = api_key("k", "v1");
    body["maxVersions"] = json!(2);
    let path = create(&owner, body).await;
    for key in ["v2", "v3", "v4"] {
        owner.post(&format!("{path}/versions"), value(key)).await.expect(201);
    }
    let listed = owner.all(&format!("{path}/versions"), 10).await;
    let states: Vec<&str> = listed.iter().filter_map(|v| v["state"].as_str()).collect();
    assert_eq!(states, ["enabled", "enabled", "destroyed", "destroyed"]);
    assert_eq!(listed[3]["destroyReason"], "pruned");
    let items = app.database.items().await;
    let values = items.iter().filter(|item| item.partition_key().ends_with("#VAL")).count();
    assert_eq!(values, 2);
}

#[tokio::test]
async fn a_rollback_appends_the_old_value_sealed_anew() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let path = create(&owner, api_key("k", "v1")).await;
    for key in ["v2", "v3"] {
        owner.post(&format!("{path}/versions"), value(key)).await.expect(201);
    }
    let before = owner.all(&format!("{path}/versions"), 10).await;
    let back = owner.post(&format!("{path}/rollback"), json!({ "version": 1 })).await.expect(201);
    assert_eq!((&back["number"], &back["rolledBackFrom"]), (&json!(4), &json!(1)));
    assert_eq!(back["origin"], "rolled_back");
    assert_eq!(reveal(&owner, &path, json!({})).await["value"]["key"], "v1");
    let after = owner.all(&format!("{path}/versions"), 10).await;
    for (old, new) in before.iter().zip(&after[1..]) {
        for member in ["number", "state", "origin", "createdAt", "dataKeyId"] {
            assert_eq!(old[member], new[member]);
        }
    }
    let items = app.database.items().await;
    let sealed: Vec<_> = items
        .iter()
        .filter(|item| item.partition_key().ends_with("#VAL"))
        .map(|item| format!("{:?}", item.attributes()["sealed"]))
        .collect();
    assert_eq!(sealed.len(), 4);
    assert_ne!(sealed[0], sealed[3]);
}

#[tokio::test]
async fn idempotency_keys_work_for_values_and_store_no_hash_that_could_be_guessed() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let path = create(&owner, api_key("k", "v1")).await;
    let versions = format!("{path}/versions");
    let key = [("idempotency-key", "again")];
    let first = owner.post_with(&versions, &key, value("v2")).await;
    let second = owner.post_with(&versions, &key, value("v2")).await;
    assert_eq!(first.expect(201), second.expect(201));
    owner.post_with(&versions, &key, value("v3")).await.expect_problem(422, "idempotency_mismatch");
    let other = app.client(crate::B, "owner");
    let theirs = create(&other, api_key("k", "v1")).await;
    other.post_with(&format!("{theirs}/versions"), &key, value("v2")).await.expect(201);
    let items = app.database.items().await;
    let prints: Vec<&str> = items
        .iter()
        .filter(|item| item.kind() == "idempotency")
        .filter_map(|item| item.text("fingerprint"))
        .collect();
    assert_eq!(prints.len(), 2);
    assert_ne!(prints[0], prints[1], "the key is the organization's own");
}

#[tokio::test]
async fn of_more_than_a_thousand_versions_the_newest_thousand_rows_stay() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let mut body = api_key("k", "v1");
    body["maxVersions"] = json!(2);
    let path = create(&owner, body).await;
    let versions = format!("{path}/versions");
    for key in ["v2", "v3"] {
        owner.post(&versions, value(key)).await.expect(201);
    }
    // As if there had been 1,000 of them.
    let (store, tenant) = (app.database.store(), owner.tenant());
    let id = path.rsplit('/').next().unwrap().parse().unwrap();
    let place = SecretItem::place(&tenant, id);
    let mut item: SecretItem = store.get(&place).await.unwrap().unwrap();
    item.summary.last_version = 1_000;
    let mut transaction = store.transaction(&tenant);
    transaction.put(&item);
    transaction.commit().await.unwrap();
    owner.post(&versions, value("next")).await.expect(201);
    let numbers = async || -> Vec<Value> {
        let rows = owner.all(&versions, 100).await.into_iter();
        rows.map(|row| row["number"].clone()).collect()
    };
    assert_eq!(numbers().await, [json!(1_001), json!(3), json!(2)]);
    owner.post(&versions, value("next")).await.expect(201);
    assert_eq!(numbers().await, [json!(1_002), json!(1_001), json!(3)]);
}
