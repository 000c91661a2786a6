//! The entry points of the functions.

use std::sync::Arc;

use axum::Router;
use millwright_egress::{Client, Destinations};
use millwright_http::{Edge, Platform};
use millwright_runtime::{Environment, StartError, serve_events, serve_http, serve_http_streams};
use millwright_usage::UsageClient;
use serde::Deserialize;

use crate::{
    api::router,
    app::{AiService, Ports},
    completion::{Completions, sweep},
    keys::InvokedKeys,
    secrets::InvokedSecrets,
    surface::elsewhere,
};

/// Serves what administrators and members do: providers, models, routes, limits, the log.
///
/// # Errors
/// If the environment is incomplete or the Lambda runtime API cannot be reached.
pub async fn ai_service_api() -> Result<(), StartError> {
    let environment = Environment::start()?;
    let url = environment.config.function_url.clone();
    let (router, platform) = served(&environment)?;
    // Deployed they have a host of their own, which does not cut off what takes long.
    let router = match &url {
        Some(origin) => elsewhere(router, origin),
        None => router,
    };
    serve_http(Edge::new(router, platform, "ai-service-api")).await
}

/// Serves the compatible surfaces: whatever waits for a model.
///
/// # Errors
/// As [`ai_service_api`].
pub async fn ai_service_completions() -> Result<(), StartError> {
    let (router, platform) = served(&Environment::start()?)?;
    serve_http_streams(Edge::new(router, platform, "ai-service-completions")).await
}

/// How `ai-service-on-events` is invoked: by its schedule, or by hand.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case", tag = "action")]
enum Order {
    Sweep,
}

/// Closes completions whose function has died.
///
/// # Errors
/// As [`ai_service_api`].
pub async fn ai_service_on_events() -> Result<(), StartError> {
    let environment = Environment::start()?;
    let completions = completions(&environment)?;
    serve_events(completions, |completions: Arc<Completions>, Order::Sweep| async move {
        let swept = sweep(&completions).await?;
        tracing::info!(closed = swept.closed, purged = swept.purged, "swept");
        Ok(swept)
    })
    .await
}

/// One router for all: which operations reach a function is said by its routes, what it can do by
/// its rights.
fn served(environment: &Environment) -> Result<(Router, Platform), StartError> {
    let completions = completions(environment)?;
    let platform = environment.platform("ai-service", Some(completions.store.clone()))?;
    let functions = environment.clients.functions(environment.clock.clone())?;
    let config = &environment.config;
    let ports = Ports {
        completions,
        secrets: Arc::new(InvokedSecrets::new(functions)),
        completions_origin: config.function_url.as_ref().unwrap_or(&config.public_url).clone(),
    };
    Ok((router(AiService::new(platform.clone(), ports)), platform))
}

/// What asks models, over the network.
fn completions(environment: &Environment) -> Result<Completions, StartError> {
    let store = environment.store("ai-service")?;
    let functions = environment.clients.functions(environment.clock.clone())?;
    let client = Client::new(Destinations::with(&environment.config.allowed_private_hosts));
    let keys = InvokedKeys::new(functions.clone(), environment.clock.clone());
    let usage = UsageClient::new(Arc::new(functions), "ai-service");
    Ok(Completions::new(store, client, Arc::new(keys), Some(usage)))
}
