//! The entry points of planning's functions.

use std::{sync::Arc, time::Duration};

use millwright_http::Edge;
use millwright_runtime::{Environment, StartError, serve_batches, serve_http, serve_jobs};

use crate::{
    api::router,
    app::Planning,
    consumer::consume,
    worker::{Times, Worker, works},
};

/// Serves every planning operation.
///
/// # Errors
/// If the environment is incomplete or the Lambda runtime API cannot be reached.
pub async fn planning_api() -> Result<(), StartError> {
    let environment = Environment::start()?;
    let store = environment.store("planning")?;
    let platform = environment.platform("planning", Some(store.clone()))?;
    let cache = Duration::from_secs(environment.config.project_cache_seconds.into());
    let files = environment.files("planning")?;
    let router = router(platform.clone(), Planning::new(store, files, cache));
    serve_http(Edge::new(router, platform, "planning-api")).await
}

/// Keeps the counts of project summaries.
///
/// # Errors
/// If the environment is incomplete or the Lambda runtime API cannot be reached.
pub async fn planning_on_events() -> Result<(), StartError> {
    let environment = Environment::start()?;
    let store = environment.store("planning")?;
    serve_batches(&environment, "planning", store, |store: Arc<_>, batch| consume(store, batch))
        .await
}

/// Works off jobs.
///
/// # Errors
/// If the environment is incomplete or the Lambda runtime API cannot be reached.
pub async fn planning_jobs() -> Result<(), StartError> {
    let environment = Environment::start()?;
    let (store, files) = (environment.store("planning")?, environment.files("planning")?);
    let cache = Duration::from_secs(environment.config.project_cache_seconds.into());
    let planning = Planning::new(store.clone(), files, cache);
    let worker = Worker::new(store, works(planning), Times::default());
    serve_jobs(&environment, "planning", worker, |worker: Arc<Worker>, message| {
        Box::pin(async move { worker.work(&message).await })
    })
    .await
}
