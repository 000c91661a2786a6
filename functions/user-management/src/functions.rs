//! The entry points of the functions.

use std::sync::Arc;

use millwright_access::CATALOGUE;
use millwright_http::Edge;
use millwright_runtime::{
    Environment, StartError, serve_batches, serve_events, serve_http, serve_jobs,
};
use millwright_store::Store;
use serde::Deserialize;

use crate::{
    api::router,
    app::{Ports, UserManagement},
    app_url::AppUrl,
    export::{Exporting, InvokedAuth},
    post::Post,
    work::{Desk, consume, sweep},
};

/// Serves every operation of user-management.
///
/// # Errors
/// If the environment is incomplete or the Lambda runtime API cannot be reached.
pub async fn user_management_api() -> Result<(), StartError> {
    let environment = Environment::start()?;
    let store = environment.store("user-management")?;
    let platform = environment.platform("user-management", Some(store.clone()))?;
    let files = environment.files("user-management")?;
    let ports = Ports { files, catalogue: CATALOGUE, post: post(&environment)? };
    let state = UserManagement::new(platform.clone(), store, ports);
    serve_http(Edge::new(router(state), platform, "user-management-api")).await
}

/// Erases accounts, purges organizations, invites in batches, and exports data.
///
/// # Errors
/// If the environment is incomplete or the Lambda runtime API cannot be reached.
pub async fn user_management_jobs() -> Result<(), StartError> {
    let environment = Environment::start()?;
    let store = environment.store("user-management")?;
    let functions = environment.clients.functions(environment.clock.clone())?;
    let exporting = Exporting {
        store: store.clone(),
        files: environment.files("user-management")?,
        catalogue: CATALOGUE,
        auth: Arc::new(InvokedAuth::new(functions)),
    };
    let desk = Desk::new(store, exporting, post(&environment)?);
    serve_jobs(&environment, "user-management", desk, |desk: Arc<Desk>, message| {
        Box::pin(async move { desk.work(&message).await })
    })
    .await
}

fn post(environment: &Environment) -> Result<Post, StartError> {
    let clock = environment.clock.clone();
    let parameters = environment.clients.parameters(clock.clone())?;
    let public_url = environment.config.public_url.clone();
    Ok(Post {
        app_url: AppUrl::of_settings(parameters, public_url),
        mail: environment.clients.mail(clock)?,
    })
}

/// Follows what is said of users.
///
/// # Errors
/// If the environment is incomplete or the Lambda runtime API cannot be reached.
pub async fn user_management_on_events() -> Result<(), StartError> {
    let environment = Environment::start()?;
    let store = environment.store("user-management")?;
    serve_batches(&environment, "user-management", store, |store: Arc<_>, batch| {
        consume(store, batch)
    })
    .await
}

/// How `user-management-sweep` is invoked, by its schedule or by hand.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case", tag = "action")]
enum Order {
    Sweep,
}

/// Orders what has fallen due, and settles what has expired.
///
/// # Errors
/// If the environment is incomplete or the Lambda runtime API cannot be reached.
pub async fn user_management_sweep() -> Result<(), StartError> {
    let environment = Environment::start()?;
    let store = environment.store("user-management")?;
    serve_events(store, |store: Arc<Store>, Order::Sweep| async move {
        let report = sweep(&store).await?;
        tracing::info!(?report, "swept");
        Ok(report)
    })
    .await
}
