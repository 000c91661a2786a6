//! ai-service over its router, DynamoDB in memory. Modules mirror URLs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod catalog;
mod completions;
mod models;
mod prompts;
mod providers;
mod rate_limits;
mod routing;
mod settings;

use std::sync::Arc;

use ai_service::{
    AiService,
    doubles::{StandInSecrets, ports},
};
use axum::Router;
use millwright_http::Platform;
use millwright_store::Store;
use millwright_testkit::{Client, Files, TestApp};
use serde_json::{Value, json};

/// Two organizations.
const A: u128 = 1;
const B: u128 = 2;

const PROVIDERS: &str = "/api/v1/ai/providers";
const MODELS: &str = "/api/v1/ai/models";
const CHAINS: &str = "/api/v1/ai/fallback-chains";
const RULES: &str = "/api/v1/ai/routing-rules";

const SECRET: &str = "sec_01jdz7xk2nf5h9vq3w8c6m4t0b";

fn router(platform: Platform, store: Store, _files: Files) -> Router {
    let ports = ports(store, Arc::new(StandInSecrets::default()));
    ::ai_service::router(AiService::new(platform, ports))
}

async fn start() -> TestApp {
    TestApp::start("ai-service", router).await
}

fn open_ai(slug: &str) -> Value {
    json!({ "slug": slug, "name": "OpenAI", "kind": "openai", "secretId": SECRET })
}

/// The id of what was created.
async fn made(client: &Client, path: &str, body: Value) -> String {
    let created = client.post(path, body).await.expect(201);
    created["id"].as_str().unwrap().to_owned()
}

/// A provider with models of these names.
async fn provider_with(client: &Client, slug: &str, names: &[&str]) -> (String, Vec<String>) {
    let provider = made(client, PROVIDERS, open_ai(slug)).await;
    let mut models = Vec::new();
    for name in names {
        models.push(made(client, MODELS, json!({ "providerId": provider, "name": name })).await);
    }
    (provider, models)
}

/// The ids of candidates, in order.
fn candidates(explained: &Value) -> Vec<&str> {
    let all = explained["candidates"].as_array().unwrap();
    all.iter().filter_map(|it| it["modelId"].as_str()).collect()
}
