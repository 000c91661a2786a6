//! The entry points of the functions.

use std::sync::Arc;

use millwright_access::DIRECTORY;
use millwright_http::Edge;
use millwright_runtime::{
    Environment, StartError, serve_batches_and_ticks, serve_http, serve_jobs,
};
use millwright_store::Store;
use serde::Deserialize;

use crate::{
    api::router,
    app::{Ports, SecretManagement},
    backend::{SecretStore, SecretsManager},
    crypto::{KeyRing, MasterKeys},
    directory::InvokedDirectory,
    vault::Vault,
    work::{Desk, consume, sweep},
};

/// Serves every operation that gives no value away.
///
/// # Errors
/// If the environment is incomplete or the Lambda runtime API cannot be reached.
pub async fn secret_management_api() -> Result<(), StartError> {
    serve("secret-management-api").await
}

/// Serves the operations that read values.
///
/// # Errors
/// As [`secret_management_api`].
pub async fn secret_management_reveal() -> Result<(), StartError> {
    serve("secret-management-reveal").await
}

/// One router for both: which operations reach a function is said by its routes, what it can do by
/// its rights.
async fn serve(function: &'static str) -> Result<(), StartError> {
    let environment = Environment::start()?;
    let store = environment.store("secret-management")?;
    let platform = environment.platform("secret-management", Some(store.clone()))?;
    let clock = environment.clock.clone();
    let master = environment.clients.master_key("secret-management", clock.clone())?;
    let functions = environment.clients.functions(clock)?;
    let ports = Ports {
        keys: Arc::new(MasterKeys(master)),
        outside: outside(&environment)?,
        directory: Arc::new(InvokedDirectory::new(functions, environment.store(DIRECTORY)?)),
    };
    let router = router(SecretManagement::new(platform.clone(), store, ports));
    serve_http(Edge::new(router, platform, function)).await
}

/// Nothing is asked of it before somebody uses that backend.
fn outside(environment: &Environment) -> Result<Arc<dyn SecretStore>, StartError> {
    let client = environment.clients.secretsmanager()?;
    Ok(Arc::new(SecretsManager::new(client, &environment.config.prefix)))
}

/// Carries out what is due, what follows from events, and jobs.
///
/// # Errors
/// As [`secret_management_api`].
pub async fn secret_management_jobs() -> Result<(), StartError> {
    let environment = Environment::start()?;
    let store = environment.store("secret-management")?;
    let clock = environment.clock.clone();
    let master = environment.clients.master_key("secret-management", clock)?;
    let keys = Arc::new(KeyRing::new(Arc::new(MasterKeys(master)), store.clone()));
    let desk = Desk::new(Vault { store, keys, outside: outside(&environment)? });
    serve_jobs(&environment, "secret-management", desk, |desk: Arc<Desk>, message| {
        Box::pin(async move { desk.work(&message).await })
    })
    .await
}

/// What the schedule says.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case", tag = "action")]
enum Tick {
    Sweep,
}

/// Follows the events of others, and finds what is due; both as orders to the jobs.
///
/// # Errors
/// As [`secret_management_api`].
pub async fn secret_management_on_events() -> Result<(), StartError> {
    let environment = Environment::start()?;
    let store = environment.store("secret-management")?;
    serve_batches_and_ticks(
        &environment,
        "secret-management",
        store,
        |store: Arc<Store>, batch| consume(store, batch),
        |store: Arc<Store>, Tick::Sweep| async move {
            let report = sweep(&store).await?;
            tracing::info!(?report, "swept");
            Ok(())
        },
    )
    .await
}
