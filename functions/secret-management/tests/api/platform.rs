//! Secrets of the platform: operators', whoever else asks.

use futures::future::join_all;
use millwright_testkit::{Client, TestApp};
use serde_json::{Value, json};

use crate::{
    A, B, PATH, api_key,
    backend::{secrets, start, values, written},
    create, following,
    work::{DAY, HOUR, Jobs, said},
};

fn of_platform(name: &str, key: &str) -> Value {
    let mut body = api_key(name, key);
    body["scope"] = json!("platform");
    body
}

/// What the store calls it: its readers know it by this name.
fn stored(path: &str) -> String {
    let id = path.rsplit('/').next().unwrap();
    format!("test/{}/{id}", millwright_core::PLATFORM)
}

fn current(path: &str) -> String {
    secrets().labelled(&stored(path))["AWSCURRENT"].clone()
}

#[tokio::test]
async fn operators_keep_metadata_values_and_rotation_and_never_read() {
    let app = start().await;
    let operator = app.operator();
    let mut body = of_platform("signing", "v1-platform-4711");
    body["metadata"] = json!({ "for": "cursors" });
    let path = create(&operator, body).await;
    let made = operator.get(&path).await.expect(200);
    assert_eq!((&made["scope"], &made["scopeId"]), (&json!("platform"), &Value::Null));
    assert_eq!((&made["backend"], &made["hint"]), (&json!("aws_secrets_manager"), &Value::Null));
    assert_eq!(made["myRights"], json!(["use", "update", "delete"]));
    assert_eq!(values(&app).await, 0);
    assert!(!format!("{:?}", app.database.items().await).contains("platform-4711"));
    let patch = json!({ "description": "Of cursors", "tags": ["internal"] });
    assert_eq!(operator.patch(&path, patch).await.expect(200)["tags"], json!(["internal"]));
    let listed = operator.all(&format!("{PATH}?scope=platform&tag=internal"), 10).await;
    assert_eq!(listed.len(), 1);
    let versions = format!("{path}/versions");
    operator.post(&versions, written("v2")).await.expect(201);
    let mut jobs = Jobs::of(&app, 2);
    jobs.drain().await;
    assert_eq!(current(&path), r#"{"key":"v2"}"#);
    // A rotation waits for who applies it, and is confirmed.
    let confirm = json!({ "rotation": { "mode": "manual", "strategy": "confirm" } });
    operator.patch(&path, confirm).await.expect(200);
    let next = json!({ "value": { "key": "v3" } });
    let begun = operator.post(&format!("{path}/rotate"), next).await.expect(201);
    let rotations = format!("{path}/rotations");
    assert_eq!(operator.all(&rotations, 10).await.len(), 1);
    let rotation = format!("{rotations}/{}", begun["id"].as_str().unwrap());
    operator.post(&format!("{rotation}/confirm"), json!({})).await.expect(200);
    jobs.drain().await;
    assert_eq!(current(&path), r#"{"key":"v3"}"#);
    operator.post(&format!("{versions}/1/destroy"), json!({})).await.expect(200);
    assert_eq!(operator.all(&versions, 10).await.len(), 3);
    operator.post(&format!("{path}/disable"), json!({ "reason": "x" })).await.expect(200);
    operator.post(&format!("{path}/enable"), json!({ "reason": "x" })).await.expect(200);
    operator.delete(&path).await.expect(204);
    operator.post(&format!("{path}/restore"), json!({})).await.expect(200);
    // Nothing gives a value away.
    for (path, body) in [
        (format!("{path}/reveal"), json!({})),
        (format!("{path}/rollback"), json!({ "version": 2 })),
        (format!("{PATH}/resolve"), json!({ "references": ["signing"] })),
        (format!("{PATH}/resolve-template"), json!({ "template": "{{secret:signing#key}}" })),
        (format!("{PATH}/export"), json!({ "format": "json", "scope": "platform" })),
        (format!("{path}/grants"), json!({})),
        (format!("{path}/bindings"), json!({})),
    ] {
        operator.post(&path, body).await.expect_problem(403, "forbidden");
    }
    operator.delete(&path).await.expect(204);
    app.database.clock.advance(31 * DAY);
    jobs.sweep().await;
    assert!(secrets().names(&stored(&path)).is_empty());
    app.operator().get(&path).await.expect_problem(404, "not_found");
    let items = app.database.items().await;
    let records: Vec<String> = items
        .iter()
        .filter(|item| item.kind() == "access")
        .map(|item| format!("{item:?}"))
        .filter(|text| text.contains("secret_create"))
        .collect();
    assert!(records.iter().all(|text| text.contains("operator")), "{records:?}");
    assert_eq!(records.len(), 1);
}

#[tokio::test]
async fn the_platforms_rotate_and_remind_by_themselves() {
    let app = start().await;
    let mut body = of_platform("rotating", "v1");
    body["rotation"] = json!({ "mode": "scheduled", "intervalDays": 2, "generate": {} });
    body["expiresAt"] = json!(app.database.clock.now().plus(3 * DAY).to_string());
    body["expiryReminderDays"] = json!([1]);
    let path = create(&app.operator(), body).await;
    let mut jobs = Jobs::of(&app, 2);
    app.database.clock.advance(2 * DAY + HOUR);
    for _ in 0..3 {
        jobs.sweep().await;
    }
    let secret = app.operator().get(&path).await.expect(200);
    assert_eq!((&secret["currentVersion"], &secret["previousVersion"]), (&json!(2), &json!(1)));
    assert!(!current(&path).contains("v1"));
    assert_eq!(said(&app, "secrets.rotation.succeeded").await.len(), 1);
    assert_eq!(said(&app, "secrets.secret.expiring").await.len(), 1);
}

#[tokio::test]
async fn operators_read_the_records_of_the_platform_and_purge_on_request() {
    let app = start().await;
    let (operator, owner) = (app.operator(), app.client(A, "owner"));
    let path = create(&operator, of_platform("purged", "v1")).await;
    create(&owner, api_key("theirs", "v")).await;
    operator.patch(&path, json!({ "tags": ["x"] })).await.expect(200);
    let (of_all, of_one) = (format!("{PATH}/accesses"), format!("{path}/accesses"));
    for list in [&of_all, &of_one, &format!("{of_all}?actorId={}", operator.user)] {
        let records = operator.all(list, 10).await;
        let actions: Vec<&str> = records.iter().map(|r| r["action"].as_str().unwrap()).collect();
        assert_eq!(actions, ["secret_update", "secret_create"], "{list}");
        assert!(records.iter().all(|record| record["actorType"] == "operator"));
    }
    // An owner sees those of the organization alone.
    owner.get(&of_one).await.expect_problem(404, "not_found");
    let theirs = owner.all(&of_all, 10).await;
    assert!(theirs.iter().all(|record| record["secretName"] != "purged"), "{theirs:?}");
    let (purging, name) = (format!("{path}/purge"), json!({ "confirmName": "purged" }));
    operator.post(&purging, name.clone()).await.expect_problem(409, "invalid_state");
    operator.delete(&path).await.expect(204);
    owner.post(&purging, name.clone()).await.expect_problem(404, "not_found");
    app.client(A, "admin").post(&purging, name.clone()).await.expect_problem(403, "forbidden");
    // Somebody who signed in long ago does it again first.
    let long_ago = app.client_of(operator.user, None, |claims| {
        claims.op = Some(true);
        claims.auth_time = claims.auth_time.map(|at| at - 3_600);
    });
    let refused = long_ago.post(&purging, name.clone()).await;
    refused.expect_problem(401, "reauthentication_required");
    let job = operator.post(&purging, name).await;
    let followed = job.header("location").unwrap().to_owned();
    job.expect(202);
    let mut jobs = Jobs::of(&app, 2);
    jobs.drain().await;
    assert_eq!(operator.get(&followed).await.expect(200)["state"], "completed");
    owner.get(&followed).await.expect_problem(404, "not_found");
    operator.get(&path).await.expect_problem(404, "not_found");
    assert!(secrets().names(&stored(&path)).is_empty());
    assert_eq!(said(&app, "secrets.secret.purged").await.len(), 1);
    assert_eq!(operator.all(&format!("{of_all}?action=secret_purge"), 10).await.len(), 2);
}

/// Every operation about one secret, with a body that it takes.
async fn try_all(client: &Client, path: &str) {
    for word in ["", "/versions", "/versions/1", "/rotations"] {
        client.get(&format!("{path}{word}")).await.expect_problem(404, "not_found");
    }
    for (word, body) in [
        ("/versions", written("mine")),
        ("/versions/1/promote", json!({})),
        ("/versions/1/restore", json!({})),
        ("/versions/1/destroy", json!({})),
        ("/rotate", json!({})),
        ("/disable", json!({ "reason": "x" })),
        ("/enable", json!({ "reason": "x" })),
        ("/restore", json!({})),
    ] {
        client.post(&format!("{path}{word}"), body).await.expect_problem(404, "not_found");
    }
    client.patch(path, json!({ "tags": ["x"] })).await.expect_problem(404, "not_found");
    client.delete(path).await.expect_problem(404, "not_found");
    client.delete(&format!("{path}/versions/1")).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn owners_meet_nothing_of_the_platform_and_operators_nothing_of_organizations() {
    let app = start().await;
    let (operator, owner) = (app.operator(), app.client(A, "owner"));
    let platforms = create(&operator, of_platform("shared-name", "v1")).await;
    let owners = create(&owner, api_key("shared-name", "theirs")).await;
    let before = app.database.items().await.len();
    for client in [&owner, &app.client(B, "owner")] {
        try_all(client, &platforms).await;
        client
            .post(&format!("{platforms}/reveal"), json!({}))
            .await
            .expect_problem(404, "not_found");
        client.post(PATH, of_platform("x", "v")).await.expect_problem(403, "operator_required");
        assert!(client.all(&format!("{PATH}?scope=platform"), 10).await.is_empty());
    }
    try_all(&operator, &owners).await;
    assert_eq!(operator.all(PATH, 10).await.len(), 1);
    assert_eq!(app.database.items().await.len(), before);
    operator.post(PATH, api_key("x", "v")).await.expect_problem(400, "invalid_request");
    let mut inside = of_platform("x", "v");
    inside["backend"] = json!("internal");
    operator.post(PATH, inside).await.expect_problem(400, "invalid_request");
    // Somebody without an organization is no operator.
    let nobody = app.person(5);
    nobody.post(PATH, of_platform("x", "v")).await.expect_problem(403, "forbidden");
    nobody.get(&platforms).await.expect_problem(403, "forbidden");
    // An organization that goes takes nothing of the platform along.
    following::organization_deleted(&app).await;
    Jobs::of(&app, 2).drain().await;
    app.operator().get(&platforms).await.expect(200);
    assert_eq!(secrets().names(&stored(&platforms)).len(), 1);
}

#[tokio::test]
async fn of_32_operators_one_gets_the_name() {
    let app = start().await;
    let instances: Vec<TestApp> = (0..32).map(|_| app.instance()).collect();
    let asked = instances.iter().enumerate().map(|(n, instance)| {
        instance.faults().conflict(n as u64, 0.1);
        let operator = instance.operator();
        async move {
            loop {
                let answer = operator.post(PATH, of_platform("one", &format!("v{n}"))).await;
                if answer.status != 503 {
                    return answer.status.as_u16();
                }
            }
        }
    });
    let statuses = join_all(asked).await;
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 31, "{statuses:?}");
    let listed = app.operator().all(PATH, 10).await;
    assert_eq!(listed.len(), 1);
}
