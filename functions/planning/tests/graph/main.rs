//! The graph of `blocks` over an organization: always a directed acyclic graph, whoever adds what at
//! the same time (specs planning 22, numbers 3 to 5). Judged by petgraph, and by networkx where
//! `MILLWRIGHT_TEST_PYTHON` names a Python that has it, as `cargo xtask test` sees to.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests; what is skipped says so"
)]

mod bounds;
mod oracle;
mod races;
mod random;

use std::time::Duration;

use axum::Router;
use http::Method;
use millwright_files::Files;
use millwright_http::Platform;
use millwright_store::Store;
use millwright_testkit::{Answer, Client};
use planning::Planning;
use serde_json::{Value, json};

const ORGANIZATION: u128 = 1;
const PROJECTS: &str = "/api/v1/planning/projects";
const TASKS: &str = "/api/v1/planning/tasks";

/// With a cache, as it runs: projects stay as they are here.
fn router(platform: Platform, store: Store, files: Files) -> Router {
    planning::router(platform, Planning::new(store, files, Duration::from_secs(60)))
}

async fn project(client: &Client, key: &str) -> String {
    let body = json!({ "key": key, "name": key });
    client.post(PROJECTS, body).await.expect(201)["id"].as_str().unwrap().to_owned()
}

/// The id of a new task.
async fn task(client: &Client, project: &str) -> String {
    let body = json!({ "projectId": project, "title": "T" });
    client.post(TASKS, body).await.expect(201)["id"].as_str().unwrap().to_owned()
}

async fn block(client: &Client, from: &str, to: &str) -> Answer {
    let path = format!("{TASKS}/{from}/relations/blocks/{to}");
    client.send(Method::PUT, &path, &[], "").await
}

/// As [`block`], said from the other end.
async fn block_from_behind(client: &Client, from: &str, to: &str) -> Answer {
    let path = format!("{TASKS}/{to}/relations/blocked-by/{from}");
    client.send(Method::PUT, &path, &[], "").await
}

async fn read(client: &Client, task: &str) -> Value {
    client.get(&format!("{TASKS}/{task}")).await.expect(200)
}

/// A 503 says that nothing happened: the client asks again, as told.
async fn persistent(call: impl AsyncFn() -> Answer) -> Answer {
    loop {
        let answer = call().await;
        if answer.status != 503 {
            return answer;
        }
    }
}

/// The ids in a list of a representation.
fn ids(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}
