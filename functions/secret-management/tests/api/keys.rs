//! /secrets/data-keys and /secrets/posture

use std::time::Duration;

use futures::future::join_all;
use millwright_core::Clock;
use millwright_event::batch::Message;
use millwright_testkit::{CrashPoint, TestApp};
use secret_management::work::JOBS;
use serde_json::{Value, json};

use crate::{
    A, PATH, api_key, create, reveal, router, start,
    work::{DAY, HOUR, Jobs, desk, said},
};

async fn keys(app: &TestApp) -> Vec<Value> {
    let keys = app.client(A, "owner").get(&format!("{PATH}/data-keys")).await.expect(200);
    let all = keys["items"].as_array().unwrap().iter();
    all.filter(|key| key["purpose"] == "encrypt").cloned().collect()
}

/// Under which keys values are sealed.
async fn under(app: &TestApp) -> Vec<String> {
    let items = app.database.items().await;
    let values = items.iter().filter(|item| item.kind() == "value");
    let mut keys: Vec<String> =
        values.map(|item| item.text("dataKeyId").unwrap().to_owned()).collect();
    keys.sort();
    keys.dedup();
    keys
}

const ROTATE: &str = "/api/v1/secrets/data-keys/rotate";

#[tokio::test]
async fn a_changed_key_seals_everything_anew_and_the_old_one_is_destroyed() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let mut paths = Vec::new();
    for n in 0..30 {
        let path = create(&owner, api_key(&format!("k{n:02}"), &format!("v{n}"))).await;
        owner
            .post(&format!("{path}/versions"), json!({ "value": { "key": "two" } }))
            .await
            .expect(201);
        paths.push(path);
    }
    owner.delete(&paths[3]).await.expect(204);
    app.client(A, "admin").post(ROTATE, json!({})).await.expect_problem(403, "forbidden");
    let accepted = owner.post(ROTATE, json!({})).await;
    accepted.expect(202);
    owner.post(ROTATE, json!({})).await.expect_problem(409, "limit_reached");
    let old = under(&app).await;
    assert_eq!(old.len(), 1);
    let mut jobs = Jobs::of(&app, 2);
    jobs.drain_crashing(|number| match number {
        0 => Some(CrashPoint::After(6)),
        1 => Some(CrashPoint::Before(7)),
        _ => None,
    })
    .await;
    let job = owner.get(accepted.header("location").unwrap()).await.expect(200);
    assert_eq!((&job["state"], &job["done"]), (&json!("completed"), &json!(30)));
    let new = under(&app).await;
    assert!(new.len() == 1 && new != old);
    let states = |keys: &[Value]| -> Vec<String> {
        keys.iter().map(|key| key["state"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(states(&keys(&app).await), ["active", "retired"]);
    for (n, path) in paths.iter().enumerate().filter(|(n, _)| *n != 3) {
        let first = reveal(&owner, path, json!({ "version": 1 })).await;
        assert_eq!(first["value"]["key"], format!("v{n}"));
        let row = owner.get(&format!("{path}/versions/1")).await.expect(200);
        assert_eq!(row["dataKeyId"], new[0].as_str());
    }
    // An hour later nobody can seal with it any more.
    app.database.clock.advance(HOUR);
    jobs.sweep().await;
    assert_eq!(states(&keys(&app).await), ["active", "destroyed"]);
    let wrapped = app.database.items().await.into_iter().filter(|item| item.kind() == "data_key");
    let wrapped = wrapped.filter(|item| item.text("state") == Some("destroyed"));
    assert!(wrapped.into_iter().all(|item| !item.attributes()["wrappedKey"].is_b()));
    let restored = format!("{}/restore", paths[3]);
    app.client(A, "owner").post(&restored, json!({})).await.expect(200);
    reveal(&app.client(A, "owner"), &paths[3], json!({})).await;
    assert_eq!(said(&app, "secrets.data_key.rotated").await.len(), 1);
}

#[tokio::test]
async fn while_32_write_a_key_is_changed_and_everything_opens() {
    let app = TestApp::start_at(
        "secret-management",
        router,
        Clock::fixed(millwright_testkit::beginning()),
    )
    .await;
    let owner = app.client(A, "owner");
    let path = create(&owner, api_key("k", "v1")).await;
    let writers: Vec<TestApp> = (0..32).map(|_| app.instance()).collect();
    // Each of them remembers the old key.
    for writer in &writers {
        let value = json!({ "value": { "key": "warm" } });
        writer.client(A, "owner").post(&format!("{path}/versions"), value).await.expect(201);
    }
    owner.post(ROTATE, json!({})).await.expect(202);
    let slice = app.messages_to(JOBS).await;
    let process = app.database.other_process();
    let work = async {
        for envelope in slice {
            desk(&process).work(&Message::of("m", envelope)).await.unwrap();
        }
    };
    let write = writers.iter().map(|writer| {
        let versions = format!("{path}/versions");
        async move {
            let client = writer.client(A, "owner");
            loop {
                let value = json!({ "value": { "key": "after" } });
                let answer = client.post(&versions, value).await;
                match answer.status.as_u16() {
                    201 => return,
                    // Somebody else wrote first, again and again.
                    409 | 503 => {}
                    _ => panic!("{answer:?}"),
                }
            }
        }
    });
    futures::join!(work, join_all(write));
    app.database.clock.advance(Duration::from_secs(16 * 60));
    let mut jobs = Jobs::of(&app, 1);
    jobs.sweep().await;
    app.database.clock.advance(HOUR);
    jobs.sweep().await;
    let states: Vec<Value> = keys(&app).await.iter().map(|key| key["state"].clone()).collect();
    assert_eq!(states, [json!("active"), json!("destroyed")]);
    assert_eq!(under(&app).await.len(), 1);
    let reader = app.instance();
    let owner = reader.client(A, "owner");
    assert_eq!(reveal(&owner, &path, json!({})).await["value"]["key"], "after");
    for version in owner.all(&format!("{path}/versions"), 100).await {
        if version["state"] == "enabled" {
            reveal(&owner, &path, json!({ "version": version["number"] })).await;
        }
    }
}

#[tokio::test]
async fn a_key_of_ninety_days_is_changed_by_itself_and_secrets_are_looked_at_daily() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let mut old = api_key("old", "v");
    old["expiresAt"] = json!(app.database.clock.now().plus(20 * DAY).to_string());
    old["rotation"] = json!({ "mode": "manual" });
    let path = create(&owner, old).await;
    create(&owner, api_key("other", "v")).await;
    let grant = json!({ "granteeType": "role", "granteeId": "viewer", "rights": ["read"] });
    owner.post(&format!("{path}/grants"), grant).await.expect(201);
    let posture = format!("{PATH}/posture");
    assert_eq!(owner.get(&posture).await.expect(200)["asOf"], Value::Null);
    app.database.clock.advance(DAY + HOUR);
    let mut jobs = Jobs::of(&app, 2);
    jobs.sweep().await;
    let seen = app.client(A, "owner").get(&posture).await.expect(200);
    let id = path.rsplit('/').next().unwrap();
    let one = json!({ "count": 1, "secretIds": [id] });
    assert_eq!((&seen["secrets"], &seen["expiringIn30Days"]), (&json!(2), &one));
    assert_eq!((&seen["grantedToWholeRole"], &seen["expired"]["count"]), (&one, &json!(0)));
    assert_eq!(
        (&seen["unused"]["count"], &seen["withoutRotation"]["count"]),
        (&json!(0), &json!(1),)
    );
    app.client(A, "member").get(&posture).await.expect_problem(403, "forbidden");
    app.database.clock.advance(90 * DAY);
    // As if there had been sweeps all the time.
    let swept = secret_management::store::Swept { until: app.database.clock.now().minus(3 * DAY) };
    let store = app.database.store();
    let mut transaction = store.transaction(&app.client(A, "owner").tenant());
    transaction.put(&swept);
    transaction.commit().await.unwrap();
    for _ in 0..2 {
        jobs.sweep().await;
    }
    let states: Vec<Value> = keys(&app).await.iter().map(|key| key["state"].clone()).collect();
    assert_eq!(states, [json!("active"), json!("retired")]);
    assert_eq!(said(&app, "secrets.data_key.rotated").await.len(), 1);
}
