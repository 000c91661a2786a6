//! planning over its router, DynamoDB in memory. Modules mirror URLs; `exactly` and `crashes` hold
//! the promises of the form "exactly N" and "whatever crashes".

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod bad_input;
mod crashes;
mod exactly;
mod idempotency;
mod jobs;
mod jobs_rows;
mod jobs_worker;
mod keys;
mod projects;
mod projects_summary;
mod tasks;
mod tasks_comments;
mod tasks_history;
mod tasks_list;
mod tasks_transition;
mod toy;
mod uploads;

use std::time::Duration;

use axum::Router;
use millwright_files::Files;
use millwright_http::Platform;
use millwright_store::Store;
use millwright_testkit::{Client, TestApp};
use planning::Planning;
use serde_json::{Value, json};

const A: u128 = 1;
const B: u128 = 2;

/// Without a cache: what one instance changes another sees at once.
fn router(platform: Platform, store: Store, files: Files) -> Router {
    planning::api().router(Planning::new(platform, store, files, Duration::ZERO))
}

async fn app() -> TestApp {
    TestApp::start("planning", router).await
}

async fn project(client: &Client, key: &str) -> String {
    let body = json!({ "key": key, "name": format!("Project {key}") });
    let created = client.post("/api/v1/planning/projects", body).await.expect(201);
    created["id"].as_str().unwrap().to_owned()
}

async fn task(client: &Client, project: &str, title: &str) -> Value {
    let body = json!({ "projectId": project, "title": title });
    client.post("/api/v1/planning/tasks", body).await.expect(201)
}

fn path_of(task: &Value) -> String {
    format!("/api/v1/planning/tasks/{}", task["id"].as_str().unwrap())
}
