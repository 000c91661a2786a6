//! The entry points of the functions.

use std::sync::Arc;

use futures::future::BoxFuture;
use millwright_core::{Error, IdGenerator, Result, UserId};
use millwright_http::Edge;
use millwright_runtime::{Environment, StartError, serve_http};

use crate::{
    api::router,
    app::{Auth, Ports},
    directory::{Directory, Provision, Provisioned},
    provider::WebProviderHttp,
    rotation::{Rotated, Rotation},
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

/// One router for all: which operations reach a function is said by its routes, what it can do by
/// its rights.
async fn serve(function: &'static str) -> Result<(), StartError> {
    let environment = Environment::start()?;
    let store = environment.store("auth")?;
    let platform = environment.platform("auth", Some(store.clone()))?;
    let config = &environment.config;
    let ports = Ports {
        settings: Settings::without_providers(&config.public_url, &config.audience),
        facts: environment.store("user-management")?,
        secrets: Arc::new(SecretsManager::new(
            environment.clients.secretsmanager()?,
            &config.prefix,
        )),
        provider_http: Arc::new(WebProviderHttp::new()?),
        directory: Arc::new(Unreachable),
        catalogue: crate::permissions::CATALOGUE.to_vec(),
    };
    let router = router(Auth::new(platform.clone(), store, ports));
    serve_http(Edge::with_cookies(router, platform, function)).await
}

/// One run of the key rotation: what `auth-keys` does daily, and by hand with `compromised`.
///
/// # Errors
/// `unavailable`; the next run goes on.
pub async fn rotate_keys(environment: &Environment, compromised: bool) -> Result<Rotated> {
    let client = environment.clients.secretsmanager().map_err(Error::internal)?;
    let stages = SecretStages::new(client, &environment.config.prefix);
    let clock = environment.clock.clone();
    let ids = IdGenerator::new(clock.clone());
    Rotation { stages: &stages, clock, ids }.run(compromised).await
}

/// No way to user-management: whoever is new is told to come back.
struct Unreachable;

impl Directory for Unreachable {
    fn provision<'a>(
        &'a self,
        _user: UserId,
        _request: &'a Provision,
    ) -> BoxFuture<'a, Result<Provisioned>> {
        Box::pin(async { Err(Error::unavailable("user-management cannot be reached")) })
    }
}
