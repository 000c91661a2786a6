//! The entry point of the function.

use millwright_http::Edge;
use millwright_runtime::{Environment, StartError, serve_http};

use crate::{api::router, app::Auth};

/// Serves every operation of auth.
///
/// # Errors
/// If the environment is incomplete or the Lambda runtime API cannot be reached.
pub async fn auth_api() -> Result<(), StartError> {
    let environment = Environment::start()?;
    let store = environment.store("auth")?;
    let platform = environment.platform("auth", Some(store.clone()))?;
    let router = router(Auth::new(platform.clone(), store));
    serve_http(Edge::new(router, platform, "auth-api")).await
}
