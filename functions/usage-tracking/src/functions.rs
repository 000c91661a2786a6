//! The entry points of the functions.

use std::sync::Arc;

use futures::future::BoxFuture;
use millwright_core::Result;
use millwright_http::Edge;
use millwright_job::Times;
use millwright_runtime::{
    Environment, QueueSender, StartError, serve_changes, serve_deliveries, serve_events,
    serve_http, serve_jobs,
};
use serde::Deserialize;

use crate::{
    api::router,
    app::{IngestQueue, Usage, UsageTracking},
    ingest::Ingest,
    job::{Worker, order_due, works},
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
    let files = environment.files("usage-tracking")?;
    let router = router(UsageTracking::new(platform.clone(), store, queue, files));
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

/// Works off jobs.
///
/// # Errors
/// If the environment is incomplete or the Lambda runtime API cannot be reached.
pub async fn usage_tracking_jobs() -> Result<(), StartError> {
    let environment = Environment::start()?;
    let store = environment.store("usage-tracking")?;
    let files = environment.files("usage-tracking")?;
    let works = works(Usage::new(store.clone()), files);
    let worker = Worker::new(store, works, Times::default());
    serve_jobs(&environment, "usage-tracking", worker, |worker: Arc<Worker>, message| {
        Box::pin(async move { worker.work(&message).await })
    })
    .await
}

/// How `usage-tracking-hourly` is invoked, by its schedule or by hand.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case", tag = "action")]
enum Order {
    Order,
}

/// Orders a job for every organization in which something has fallen due.
///
/// # Errors
/// If the environment is incomplete or the Lambda runtime API cannot be reached.
pub async fn usage_tracking_hourly() -> Result<(), StartError> {
    let environment = Environment::start()?;
    let usage = Usage::new(environment.store("usage-tracking")?);
    serve_events(usage, |usage: Arc<Usage>, Order::Order| async move {
        let ordered = order_due(&usage).await?;
        tracing::info!(ordered, "roll-ups ordered");
        Ok(ordered)
    })
    .await
}
