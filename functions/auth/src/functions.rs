//! The entry points of the functions.

use std::sync::Arc;

use millwright_access::CATALOGUE;
use millwright_core::IdGenerator;
use millwright_http::Edge;
use millwright_runtime::{
    Environment, StartError, serve_batches_and_ticks, serve_events, serve_http,
};
use serde::Deserialize;

use crate::{
    api::router,
    app::{Auth, Ports},
    directory::InvokedDirectory,
    jobs::{consume, sweep},
    provider::WebProviderHttp,
    rotation::Rotation,
    secrets::SecretsManager,
    settings::Settings,
    stages::SecretStages,
};

/// Serves every operation of auth.
///
/// # Errors
/// If the environment is incomplete or the Lambda runtime API cannot be reached.
pub async fn auth_api() -> Result<(), StartError> {
    serve("auth-api").await
}

/// Serves sign-in: `login_start`, `login_finish`, `login_create`, `authorization_start`.
///
/// # Errors
/// As [`auth_api`].
pub async fn auth_login() -> Result<(), StartError> {
    serve("auth-login").await
}

/// Serves tokens: `token_create`, `token_revoke`, `session_refresh`, `session_switch`,
/// `session_end`.
///
/// # Errors
/// As [`auth_api`].
pub async fn auth_token() -> Result<(), StartError> {
    serve("auth-token").await
}

/// How `auth-keys` is invoked: by its schedule, or by hand.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
struct Order {
    #[allow(dead_code, reason = "there is one action; who reads the schedule sees it named")]
    action: Action,
    /// The current keys must not be trusted any more.
    compromised: bool,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Action {
    #[default]
    Rotate,
}

/// Rotates keys, daily and by hand.
///
/// # Errors
/// As [`auth_api`].
pub async fn auth_keys() -> Result<(), StartError> {
    let environment = Environment::start()?;
    serve_events(environment, |environment: Arc<Environment>, order: Order| async move {
        let client = environment.clients.secretsmanager()?;
        let stages = SecretStages::new(client, &environment.config.prefix);
        let clock = environment.clock.clone();
        let ids = IdGenerator::new(clock.clone());
        let rotated = Rotation { stages: &stages, clock, ids }.run(order.compromised).await?;
        tracing::info!(?rotated, "keys looked after");
        Ok(())
    })
    .await
}

/// What its schedule tells `auth-jobs`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tick {
    #[allow(dead_code, reason = "there is one action; who reads the schedule sees it named")]
    action: Sweep,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Sweep {
    Sweep,
}

/// Tidies up behind people and organizations that are gone; sweeps hourly.
///
/// # Errors
/// As [`auth_api`].
pub async fn auth_jobs() -> Result<(), StartError> {
    let environment = Environment::start()?;
    let store = environment.store("auth")?;
    serve_batches_and_ticks(
        &environment,
        "auth",
        store,
        |store: Arc<_>, batch| consume(store, batch),
        |store: Arc<_>, _: Tick| async move {
            let expiring = sweep(&store).await?;
            tracing::info!(expiring, "swept");
            Ok(())
        },
    )
    .await
}

/// One router for all: which operations reach a function is said by its routes, what it can do by
/// its rights.
async fn serve(function: &'static str) -> Result<(), StartError> {
    let environment = Environment::start()?;
    let store = environment.store("auth")?;
    let platform = environment.platform("auth", Some(store.clone()))?;
    let config = &environment.config;
    let ports = Ports {
        settings: settings(&environment).await?,
        facts: environment.store("user-management")?,
        secrets: Arc::new(SecretsManager::new(
            environment.clients.secretsmanager()?,
            &config.prefix,
        )),
        provider_http: Arc::new(WebProviderHttp::default()),
        directory: Arc::new(InvokedDirectory::new(
            environment.clients.functions(environment.clock.clone())?,
        )),
        catalogue: CATALOGUE.to_vec(),
    };
    let router = router(Auth::new(platform.clone(), store, ports));
    serve_http(Edge::with_cookies(router, platform, function)).await
}

/// The parameter `/<prefix>/auth/settings`; without it nobody can sign in. One GetParameter.
async fn settings(environment: &Environment) -> Result<Settings, StartError> {
    let config = &environment.config;
    let parameters = environment.clients.parameters(environment.clock.clone())?;
    Ok(match parameters.get("auth/settings").await? {
        Some(text) => Settings::parse(&text, &config.public_url)?,
        None => {
            tracing::warn!("the parameter auth/settings was never set: nobody can sign in");
            Settings::without_providers(&config.public_url, &config.audience)
        }
    })
}
