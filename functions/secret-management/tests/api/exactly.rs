//! What is promised to be exact, with many clients at once.

use std::collections::BTreeSet;

use futures::future::join_all;
use millwright_core::Clock;
use millwright_testkit::{CrashPoint, TestApp};
use serde_json::{Value, json};

use crate::{A, PATH, api_key, create, reveal, router};

async fn start() -> TestApp {
    TestApp::start_at("secret-management", router, Clock::system()).await
}

/// Many instances; a tenth of their transactions conflict.
fn instances(app: &TestApp, count: u64) -> Vec<TestApp> {
    (0..count)
        .map(|seed| {
            let instance = app.instance();
            instance.faults().conflict(seed, 0.1);
            instance
        })
        .collect()
}

/// Asks again as long as nothing happened, as a 503 says.
async fn ask(app: TestApp, path: String, body: Value) -> (u16, Value) {
    let owner = app.client(A, "owner");
    loop {
        let answer = owner.post(&path, body.clone()).await;
        if answer.status != 503 {
            return (answer.status.as_u16(), answer.json());
        }
    }
}

async fn all(app: &TestApp, count: u64, path: &str, body: Value) -> Vec<(u16, Value)> {
    let asked = instances(app, count).into_iter();
    join_all(asked.map(|instance| ask(instance, path.to_owned(), body.clone()))).await
}

#[tokio::test]
async fn of_64_writers_with_the_same_expectation_one_succeeds() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let path = create(&owner, api_key("k", "v1")).await;
    let versions = format!("{path}/versions");
    for key in ["v2", "v3"] {
        owner.post(&versions, json!({ "value": { "key": key } })).await.expect(201);
    }
    let body = json!({ "value": { "key": "v4" }, "expectedCurrentVersion": 3 });
    let answers = all(&app, 64, &versions, body).await;
    let count = |status: u16| answers.iter().filter(|(s, _)| *s == status).count();
    assert_eq!((count(201), count(412)), (1, 63));
    assert_eq!(owner.get(&path).await.expect(200)["currentVersion"], 4);
}

#[tokio::test]
async fn of_64_writers_without_an_expectation_all_get_consecutive_numbers() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let path = create(&owner, api_key("k", "v1")).await;
    let versions = format!("{path}/versions");
    let answers = all(&app, 64, &versions, json!({ "value": { "key": "next" } })).await;
    let numbers: BTreeSet<u64> = answers.iter().filter_map(|(_, v)| v["number"].as_u64()).collect();
    assert_eq!(numbers, (2..=65).collect());
    let secret = owner.get(&path).await.expect(200);
    assert_eq!((&secret["currentVersion"], &secret["previousVersion"]), (&json!(65), &json!(64)));
}

#[tokio::test]
async fn of_200_reveals_exactly_as_many_succeed_as_the_limit_allows() {
    let app = TestApp::start("secret-management", router).await;
    let owner = app.client(A, "owner");
    let path = create(&owner, api_key("k", "v")).await;
    let instances: Vec<TestApp> = (0..8).map(|_| app.instance()).collect();
    let asked = (0..200).map(|n| {
        let client = instances[n % 8].client(A, "owner");
        let path = format!("{path}/reveal");
        async move {
            loop {
                let answer = client.post(&path, json!({})).await;
                // A 503 says that nothing was given: ask again, as told.
                if answer.status != 503 {
                    return answer;
                }
            }
        }
    });
    let answers = join_all(asked).await;
    let given = answers.iter().filter(|a| a.status == 200).count();
    let refused: Vec<_> = answers.iter().filter(|a| a.status == 429).collect();
    assert_eq!((given, refused.len()), (100, 100));
    assert!(refused.iter().all(|a| a.header("retry-after").is_some()));
    let records = owner.all(&format!("{PATH}/accesses?action=secret_reveal"), 100).await;
    assert_eq!(records.len(), 100);
    app.database.clock.advance(std::time::Duration::from_secs(60));
    reveal(&app.client(A, "owner"), &path, json!({})).await;
}

#[tokio::test]
async fn of_32_clients_one_gets_the_name() {
    let app = start().await;
    let answers = all(&app, 32, PATH, api_key("k", "v")).await;
    let count = |status: u16| answers.iter().filter(|(s, _)| *s == status).count();
    assert_eq!((count(201), count(409)), (1, 31));
    let items = app.database.items().await;
    let keys = items.iter().filter(|item| item.kind() == "active_key").count();
    assert_eq!(keys, 2, "one data key in force for each purpose");
}

#[tokio::test]
async fn of_32_confirmations_one_succeeds() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let mut body = api_key("k", "v1");
    body["rotation"] = json!({ "mode": "manual", "strategy": "confirm" });
    let path = create(&owner, body).await;
    let begun = owner.post(&format!("{path}/rotate"), json!({ "value": { "key": "v2" } })).await;
    let id = begun.expect(201)["id"].as_str().unwrap().to_owned();
    let confirming = format!("{path}/rotations/{id}/confirm");
    let answers = all(&app, 32, &confirming, json!({})).await;
    let count = |status: u16| answers.iter().filter(|(s, _)| *s == status).count();
    assert_eq!((count(200), count(409)), (1, 31));
    let types = app.event_types().await;
    assert_eq!(types.iter().filter(|t| *t == "secrets.rotation.succeeded").count(), 1);
}

#[tokio::test]
async fn wherever_a_writer_dies_there_is_all_of_a_version_or_nothing() {
    for at in 1..=5 {
        for crash in [CrashPoint::Before(at), CrashPoint::After(at)] {
            let app = TestApp::start("secret-management", router).await;
            let owner = app.client(A, "owner");
            let path = create(&owner, api_key("k", "v1")).await;
            let instance = app.instance();
            instance.faults().crash(crash);
            let late = instance.client(A, "owner");
            let versions = format!("{path}/versions");
            let writing = late.post(&versions, json!({ "value": { "key": "v2" } }));
            tokio::select! {
                _ = writing => {}
                () = instance.faults().crashed() => {}
            }
            let secret = owner.get(&path).await.expect(200);
            let current = secret["currentVersion"].as_u64().unwrap();
            let listed = owner.all(&versions, 10).await;
            assert_eq!(listed.len() as u64, current, "{crash:?}");
            let expected = format!("v{current}");
            assert_eq!(reveal(&owner, &path, json!({})).await["value"]["key"], expected);
            let events = app.event_types().await;
            let created = events.iter().filter(|t| *t == "secrets.version.created").count();
            assert_eq!(created as u64, current, "{crash:?}");
        }
    }
}
