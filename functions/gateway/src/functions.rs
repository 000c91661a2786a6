//! The entry point of the gateway's function.

use millwright_http::Edge;
use millwright_runtime::{Environment, StartError, serve_http};

use crate::api::router;

/// Answers whatever no service serves. Its operations are public, so no secret is ever fetched.
///
/// # Errors
/// If the environment is incomplete or the Lambda runtime API cannot be reached.
pub async fn gateway() -> Result<(), StartError> {
    let environment = Environment::start()?;
    let platform = environment.platform("gateway", None)?;
    let router = router(platform.clone());
    serve_http(Edge::new(router, platform, "gateway")).await
}
