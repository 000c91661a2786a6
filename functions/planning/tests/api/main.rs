//! planning over its router, DynamoDB in memory. Modules mirror URLs; `exactly` and `crashes` hold
//! the promises of the form "exactly N" and "whatever crashes".

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests; what is skipped says so"
)]

mod bad_input;
mod costs;
mod crashes;
mod crashes_of_relations;
mod exactly;
mod exactly_of_relations;
mod exports;
mod idempotency;
mod imports;
mod imports_csv;
mod isolation;
mod jobs;
mod jobs_rows;
mod jobs_worker;
mod keys;
mod projects;
mod projects_deletion;
mod projects_summary;
mod queue;
mod tasks;
mod tasks_batch;
mod tasks_blockers;
mod tasks_claim;
mod tasks_comments;
mod tasks_duplicates;
mod tasks_external;
mod tasks_history;
mod tasks_list;
mod tasks_list_by;
mod tasks_move;
mod tasks_relations;
mod tasks_subtasks;
mod tasks_transition;
mod tasks_watchers;
mod toy;
mod uploads;

use std::time::Duration;

use axum::Router;
use http::Method;
use millwright_files::Files;
use millwright_http::Platform;
use millwright_store::Store;
use millwright_testkit::{Answer, Client, TestApp};
use planning::Planning;
use serde_json::{Value, json};

const A: u128 = 1;
const B: u128 = 2;

/// Without a cache: what one instance changes another sees at once.
fn router(platform: Platform, store: Store, files: Files) -> Router {
    planning::router(platform, Planning::new(store, files, Duration::ZERO))
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

async fn read(client: &Client, task: &Value) -> Value {
    client.get(&path_of(task)).await.expect(200)
}

/// A task with more than a title.
async fn task_with(client: &Client, project: &str, more: Value) -> Value {
    let mut body = json!({ "projectId": project, "title": "T" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    client.post("/api/v1/planning/tasks", body).await.expect(201)
}

/// As many tasks, titled by their index.
async fn tasks(client: &Client, project: &str, count: usize) -> Vec<Value> {
    let mut tasks = Vec::with_capacity(count);
    for index in 0..count {
        tasks.push(task(client, project, &index.to_string()).await);
    }
    tasks
}

/// Through the states one after the other; the task as it is then.
async fn go(client: &Client, task: &Value, states: &[&str]) -> Value {
    let path = format!("{}/transition", path_of(task));
    let mut answer = Value::Null;
    for state in states {
        answer = client.post(&path, json!({ "to": state })).await.expect(200);
    }
    answer
}

fn relation_path(from: &Value, kind: &str, to: &Value) -> String {
    format!("{}/relations/{kind}/{}", path_of(from), to["id"].as_str().unwrap())
}

async fn relate(client: &Client, from: &Value, kind: &str, to: &Value) -> Answer {
    put(client, &relation_path(from, kind, to)).await
}

async fn put(client: &Client, path: &str) -> Answer {
    client.send(Method::PUT, path, &[], "").await
}

/// The ids of these tasks, as a list.
fn ids<'a>(tasks: impl IntoIterator<Item = &'a Value>) -> Value {
    tasks.into_iter().map(|task| task["id"].clone()).collect()
}

/// The data of the events of a type, in order.
async fn said(app: &TestApp, kind: &str) -> Vec<Value> {
    let events = app.events().await.into_iter().filter(|event| event.kind == kind);
    events.map(|event| event.data).collect()
}

/// Says nothing but what happened after it was made.
struct Since(usize);

impl Since {
    async fn now(app: &TestApp) -> Since {
        Since(app.events().await.len())
    }

    /// Types and subjects of the events since then, in order.
    async fn said(&self, app: &TestApp) -> Vec<(String, String)> {
        let events = app.events().await.into_iter().skip(self.0);
        events.map(|event| (event.kind, event.subject)).collect()
    }

    async fn types(&self, app: &TestApp) -> Vec<String> {
        self.said(app).await.into_iter().map(|(kind, _)| kind).collect()
    }
}
