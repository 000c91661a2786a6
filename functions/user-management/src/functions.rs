//! The entry point of the function.

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
    let router = router(UserManagement::new(platform.clone(), store));
    serve_http(Edge::new(router, platform, "user-management-api")).await
}
