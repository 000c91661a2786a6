//! The entry points of the functions.

use std::sync::Arc;

use futures::future::BoxFuture;
use millwright_core::Result;
use millwright_http::Edge;
use millwright_runtime::{
    Environment, QueueSender, StartError, serve_changes, serve_deliveries, serve_http,
};

use crate::{
    api::router,
    app::{IngestQueue, Usage, UsageTracking},
    ingest::Ingest,
    thresholds::Thresholds,
};

/// The function whose queue takes accepted events.
pub(crate) const INGEST: &str = "usage-tracking-ingest";

impl IngestQueue for QueueSender {
    fn send<'a>(&'a self, body: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(QueueSender::send(self, body))
    }
}

/// Serves every operation of usage-tracking.
///
/// # Errors
/// If the environment is incomplete or the Lambda runtime API cannot be reached.
pub async fn usage_tracking_api() -> Result<(), StartError> {
    let environment = Environment::start()?;
    let store = environment.store("usage-tracking")?;
    let platform = environment.platform("usage-tracking", Some(store.clone()))?;
    let queue = Arc::new(QueueSender::to(&environment, INGEST)?);
    let router = router(UsageTracking::new(platform.clone(), store, queue));
    serve_http(Edge::new(router, platform, "usage-tracking-api")).await
}

/// Counts accepted events and the platform's own.
///
/// # Errors
/// If the environment is incomplete or the Lambda runtime API cannot be reached.
pub async fn usage_tracking_ingest() -> Result<(), StartError> {
    let environment = Environment::start()?;
    let store = environment.store("usage-tracking")?;
    let ingest = Ingest::new(Usage::new(store));
    serve_deliveries(
        &environment,
        "usage-tracking",
        ingest,
        |ingest: Arc<Ingest>, deliveries| async move { ingest.consume(deliveries).await },
    )
    .await
}

/// Alerts as soon as a limit is used up to a threshold.
///
/// # Errors
/// If the environment is incomplete or the Lambda runtime API cannot be reached.
pub async fn usage_tracking_on_limits() -> Result<(), StartError> {
    let environment = Environment::start()?;
    let thresholds = Thresholds::new(Usage::new(environment.store("usage-tracking")?));
    serve_changes(thresholds, |thresholds: Arc<Thresholds>, changes| async move {
        thresholds.watch(changes).await
    })
    .await
}
