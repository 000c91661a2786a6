//! The entry points of the functions.

use millwright_access::CATALOGUE;
use millwright_http::Edge;
use millwright_runtime::{Environment, StartError, serve_http};

use crate::{api::router, app::UserManagement};

/// Serves every operation of user-management.
///
/// # Errors
/// If the environment is incomplete or the Lambda runtime API cannot be reached.
pub async fn user_management_api() -> Result<(), StartError> {
    let environment = Environment::start()?;
    let store = environment.store("user-management")?;
    let platform = environment.platform("user-management", Some(store.clone()))?;
    let app_url = environment.config.public_url.clone();
    let state = UserManagement::new(platform.clone(), store, CATALOGUE, app_url);
    serve_http(Edge::new(router(state), platform, "user-management-api")).await
}
