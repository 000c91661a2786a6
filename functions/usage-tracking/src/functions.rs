//! The entry point of the function.

use millwright_http::Edge;
use millwright_runtime::{Environment, StartError, serve_http};

use crate::{api::router, app::UsageTracking};

/// Serves every operation of usage-tracking.
///
/// # Errors
/// If the environment is incomplete or the Lambda runtime API cannot be reached.
pub async fn usage_tracking_api() -> Result<(), StartError> {
    let environment = Environment::start()?;
    let store = environment.store("usage-tracking")?;
    let platform = environment.platform("usage-tracking", Some(store.clone()))?;
    let router = router(UsageTracking::new(platform.clone(), store));
    serve_http(Edge::new(router, platform, "usage-tracking-api")).await
}
