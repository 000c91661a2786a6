//! secret-management over its router, DynamoDB in memory. Modules mirror URLs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod backend;
mod canary;
mod costs;
mod crashes;
mod exactly;
mod following;
mod grants;
mod keys;
mod kv;
mod limits;
mod moving;
mod platform;
mod policies;
mod reveal;
mod rotations;
mod secrets;
mod settings;
mod transfer;
mod versions;
mod work;

use axum::Router;
use millwright_http::Platform;
use millwright_store::Store;
use millwright_testkit::{Client, Files, TestApp};
use secret_management::{SecretManagement, doubles::Surroundings};
use serde_json::{Value, json};

/// Two organizations.
const A: u128 = 1;
const B: u128 = 2;

const PATH: &str = "/api/v1/secrets";

fn router(platform: Platform, store: Store, _files: Files) -> Router {
    let ports = Surroundings::of_process().ports();
    ::secret_management::router(SecretManagement::new(platform, store, ports))
}

async fn start() -> TestApp {
    TestApp::start("secret-management", router).await
}

fn surroundings() -> &'static Surroundings {
    Surroundings::of_process()
}

/// An API key of the organization.
fn api_key(name: &str, key: &str) -> Value {
    json!({ "name": name, "type": "api_key", "scope": "organization", "value": { "key": key } })
}

/// Creates a secret; gives its path.
async fn create(client: &Client, body: Value) -> String {
    let created = client.post(PATH, body).await;
    created.expect(201);
    created.header("location").unwrap().to_owned()
}

/// The value at a stage or number, by an owner.
async fn reveal(client: &Client, path: &str, which: Value) -> Value {
    client.post(&format!("{path}/reveal"), which).await.expect(200)
}
