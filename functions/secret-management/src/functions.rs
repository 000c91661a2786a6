//! The entry points of the functions.

use std::sync::Arc;

use millwright_access::DIRECTORY;
use millwright_http::Edge;
use millwright_runtime::{Environment, StartError, serve_http};

use crate::{
    api::router,
    app::{Ports, SecretManagement},
    crypto::MasterKeys,
    directory::InvokedDirectory,
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
        directory: Arc::new(InvokedDirectory::new(functions, environment.store(DIRECTORY)?)),
    };
    let router = router(SecretManagement::new(platform.clone(), store, ports));
    serve_http(Edge::new(router, platform, function)).await
}
