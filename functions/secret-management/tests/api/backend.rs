//! Values in the secret store: a Secrets Manager on loopback, behind the real SDK.

use std::{sync::Arc, time::Duration};

use axum::Router;
use futures::future::join_all;
use millwright_http::Platform;
use millwright_store::Store;
use millwright_testkit::{Client, Faults, Files, TestApp, TestSecrets};
use secret_management::{Ports, SecretManagement, backend::SecretsManager};
use serde_json::{Value, json};

use crate::{
    A, PATH, api_key, create,
    following::organization_deleted,
    reveal, surroundings,
    work::{DAY, Jobs},
};

pub const MINUTE: Duration = Duration::from_secs(60);

pub fn secrets() -> &'static TestSecrets {
    TestSecrets::of_process()
}

/// Secrets Manager behind a client that fails as it is told.
fn faulty(faults: &Faults) -> impl Fn(Platform, Store, Files) -> Router + Send + Sync + 'static {
    let faults = faults.clone();
    move |platform, store, _files| {
        let client = secrets().client_with(&faults);
        let ports = Ports {
            outside: Arc::new(SecretsManager::new(client, "test")),
            ..surroundings().ports()
        };
        ::secret_management::router(SecretManagement::new(platform, store, ports))
    }
}

pub async fn start_faulty(faults: &Faults) -> TestApp {
    let app = TestApp::start("secret-management", faulty(faults)).await;
    let backends = json!({ "allowedBackends": ["internal", "aws_secrets_manager"] });
    let settings = format!("{PATH}/settings");
    app.client(A, "owner").patch(&settings, backends).await.expect(200);
    app
}

pub async fn start() -> TestApp {
    start_faulty(&Faults::default()).await
}

pub fn outside(name: &str, key: &str) -> Value {
    let mut body = api_key(name, key);
    body["backend"] = json!("aws_secrets_manager");
    body
}

/// What the store calls it.
pub fn stored(owner: &Client, path: &str) -> String {
    let id = path.rsplit('/').next().unwrap();
    format!("test/{}/{id}", owner.tenant().organization().unwrap())
}

pub fn written(key: &str) -> Value {
    json!({ "value": { "key": key } })
}

/// How many values the table itself has.
pub async fn values(app: &TestApp) -> usize {
    app.database.items().await.iter().filter(|item| item.kind() == "value").count()
}

/// Every version that is there, with its value.
pub async fn all_values(owner: &Client, path: &str) -> Vec<(u64, String)> {
    let mut all = Vec::new();
    for version in owner.all(&format!("{path}/versions"), 100).await {
        if version["state"] == "enabled" {
            let number = version["number"].as_u64().unwrap();
            let value = reveal(owner, path, json!({ "version": number })).await;
            all.push((number, value["value"]["key"].as_str().unwrap().to_owned()));
        }
    }
    all
}

#[tokio::test]
async fn values_are_in_the_store_and_never_in_the_table() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let path = create(&owner, outside("k", "v1-4711")).await;
    let name = stored(&owner, &path);
    assert_eq!(secrets().labelled(&name)["v1"], r#"{"key":"v1-4711"}"#);
    owner.post(&format!("{path}/versions"), written("v2-4711")).await.expect(201);
    let pending = json!({ "value": { "key": "v3-4711" }, "stage": "pending" });
    let version = owner.post(&format!("{path}/versions"), pending).await.expect(201);
    assert_eq!((&version["number"], &version["dataKeyId"]), (&json!(3), &Value::Null));
    for (stage, key) in [("current", "v2-4711"), ("previous", "v1-4711"), ("pending", "v3-4711")] {
        let revealed = reveal(&owner, &path, json!({ "stage": stage })).await;
        assert_eq!(revealed["value"]["key"], key);
    }
    assert_eq!(values(&app).await, 0);
    let items = format!("{:?}", app.database.items().await);
    assert!(!items.contains("4711"), "a value in the table");
    let secret = owner.get(&path).await.expect(200);
    assert_eq!(
        (&secret["backend"], &secret["maxVersions"], &secret["currentVersion"]),
        (&json!("aws_secrets_manager"), &json!(10), &json!(2))
    );
    // The jobs say in the store, too, which is current.
    let mut jobs = Jobs::of(&app, 2);
    jobs.drain().await;
    let labelled = secrets().labelled(&name);
    assert_eq!(labelled["AWSCURRENT"], r#"{"key":"v2-4711"}"#);
    assert_eq!(labelled.keys().filter(|label| label.starts_with('v')).count(), 3);
    owner.post(&format!("{path}/versions/3/promote"), json!({})).await.expect(200);
    owner.post(&format!("{path}/versions/1/destroy"), json!({})).await.expect(200);
    jobs.drain().await;
    let labelled = secrets().labelled(&name);
    assert_eq!(labelled["AWSCURRENT"], r#"{"key":"v3-4711"}"#);
    assert!(!labelled.contains_key("v1"));
    owner
        .post(&format!("{path}/reveal"), json!({ "version": 1 }))
        .await
        .expect_problem(409, "version_destroyed");
    // With the secret all of it goes.
    owner.delete(&path).await.expect(204);
    app.database.clock.advance(31 * DAY);
    jobs.sweep().await;
    assert!(secrets().names(&name).is_empty());
}

#[tokio::test]
async fn the_sixth_write_within_ten_minutes_waits() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let path = create(&owner, outside("k", "v1")).await;
    let versions = format!("{path}/versions");
    for key in ["v2", "v3", "v4", "v5"] {
        owner.post(&versions, written(key)).await.expect(201);
    }
    let refused = owner.post(&versions, written("v6")).await;
    refused.expect_problem(429, "backend_write_limited");
    assert_eq!(refused.header("retry-after"), Some("600"));
    app.database.clock.advance(10 * MINUTE);
    let owner = app.client(A, "owner");
    owner.post(&versions, written("v6")).await.expect(201);
    owner.post(&versions, written("v7")).await.expect_problem(429, "backend_write_limited");
    assert_eq!(all_values(&owner, &path).await.len(), 6);
}

#[tokio::test]
async fn of_32_writers_as_many_get_consecutive_numbers_as_the_store_takes() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let path = create(&owner, outside("k", "v1")).await;
    let versions = format!("{path}/versions");
    let instances: Vec<TestApp> = (0..32).map(|_| app.instance()).collect();
    let asked = instances.iter().enumerate().map(|(n, instance)| {
        instance.faults().conflict(n as u64, 0.1);
        let (client, versions) = (instance.client(A, "owner"), versions.clone());
        async move {
            loop {
                let answer = client.post(&versions, written(&format!("w{n}"))).await;
                match answer.status.as_u16() {
                    503 => {}
                    409 => drop(answer.expect_problem(409, "contention")),
                    status => return (status, answer.json()),
                }
            }
        }
    });
    let answers = join_all(asked).await;
    let mut numbers: Vec<u64> = answers
        .iter()
        .filter(|(s, _)| *s == 201)
        .map(|(_, v)| v["number"].as_u64().unwrap())
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [2, 3, 4, 5]);
    assert_eq!(answers.iter().filter(|(status, _)| *status == 429).count(), 28);
    let all = all_values(&owner, &path).await;
    assert_eq!(all.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [5, 4, 3, 2, 1]);
    assert_eq!(owner.get(&path).await.expect(200)["currentVersion"], 5);
}

#[tokio::test]
async fn a_store_that_is_down_costs_an_attempt_and_no_number_twice() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let path = create(&owner, outside("k", "v1")).await;
    let versions = format!("{path}/versions");
    secrets().outage(true);
    owner.post(&versions, written("lost")).await.expect_problem(503, "backend_unavailable");
    owner
        .post(&format!("{path}/reveal"), json!({}))
        .await
        .expect_problem(503, "backend_unavailable");
    owner.post(PATH, outside("never", "v")).await.expect_problem(503, "backend_unavailable");
    secrets().outage(false);
    app.database.clock.advance(2 * MINUTE);
    let owner = app.client(A, "owner");
    let version = owner.post(&versions, written("v3")).await.expect(201);
    // The number that was announced is nobody's.
    assert_eq!(version["number"], 3);
    assert_eq!(all_values(&owner, &path).await, [(3, "v3".to_owned()), (1, "v1".to_owned())]);
}

#[tokio::test]
async fn a_hundred_are_resolved_by_five_batches() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let mut references = Vec::new();
    for n in 0..100 {
        create(&owner, outside(&format!("k{n}"), &format!("v{n}"))).await;
        references.push(format!("k{n}#key"));
    }
    secrets().take_calls();
    let body = json!({ "references": references });
    let resolved = owner.post(&format!("{PATH}/resolve"), body).await.expect(200);
    for (n, result) in resolved["results"].as_array().unwrap().iter().enumerate() {
        assert_eq!(result["value"], format!("v{n}"));
    }
    assert_eq!(secrets().take_calls(), ["BatchGetSecretValue"; 5]);
}

#[tokio::test]
async fn a_backend_is_used_only_if_the_settings_allow_it() {
    let app = TestApp::start("secret-management", faulty(&Faults::default())).await;
    let owner = app.client(A, "owner");
    owner.post(PATH, outside("k", "v")).await.expect_problem(409, "backend_not_allowed");
    let path = create(&owner, api_key("k", "v")).await;
    let to = json!({ "backend": "aws_secrets_manager" });
    owner.post(&format!("{path}/migrate"), to).await.expect_problem(409, "backend_not_allowed");
    let settings = format!("{PATH}/settings");
    for refused in [
        json!({ "defaultBackend": "aws_secrets_manager" }),
        json!({ "allowedBackends": [] }),
        json!({ "allowedBackends": ["aws_secrets_manager"] }),
    ] {
        owner.patch(&settings, refused).await.expect_problem(409, "backend_not_allowed");
    }
    let both = json!({
        "allowedBackends": ["aws_secrets_manager"], "defaultBackend": "aws_secrets_manager",
    });
    owner.patch(&settings, both).await.expect(200);
    let path = create(&owner, api_key("by-default", "v")).await;
    assert_eq!(owner.get(&path).await.expect(200)["backend"], "aws_secrets_manager");
    reveal(&owner, &path, json!({})).await;
    // The facade and imports write where the others do.
    let data = json!({ "data": { "a": "b" }, "options": { "cas": 0 } });
    owner.post(&format!("{PATH}/kv/v1/secret/data/apps/web"), data).await.expect(200);
    let read = owner.get(&format!("{PATH}/kv/v1/secret/data/apps/web")).await.expect(200);
    assert_eq!(read["data"]["data"], json!({ "a": "b" }));
    let file = json!({ "format": "dotenv", "content": "X=1\nY=2\n", "scope": "organization" });
    owner.post(&format!("{PATH}/import"), file).await.expect(200);
    assert_eq!(values(&app).await, 1);
}

#[tokio::test]
async fn an_organization_that_is_gone_leaves_nothing_in_the_store() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let path = create(&owner, outside("k", "v")).await;
    let name = stored(&owner, &path);
    organization_deleted(&app).await;
    Jobs::of(&app, 2).drain().await;
    assert!(secrets().names(&name).is_empty());
}
