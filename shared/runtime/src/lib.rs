//! What runs around a function: configuration, AWS clients, logs and metrics, and the mains of
//! HTTP, queue and stream functions.
//!
//! ```no_run
//! # async fn service(_: millwright_runtime::Environment) -> millwright_http::Edge { unimplemented!() }
//! # #[allow(clippy::unimplemented)]
//! # async fn main_of_a_function() -> Result<(), millwright_runtime::StartError> {
//! let environment = millwright_runtime::Environment::start()?;
//! let edge = service(environment).await;
//! millwright_runtime::serve_http(edge).await
//! # }
//! ```

pub mod aws;
mod changes;
mod environment;
mod http;
mod queue;
mod secrets;
mod telemetry;
mod uses;
mod work;

pub use changes::{Change, Changes, serve_changes};
pub use environment::Environment;
pub use http::{serve_http, serve_http_streams, to_edge};
pub use queue::QueueSender;
pub use secrets::{InternalSecretReader, JwksReader};
pub use telemetry::init as init_telemetry;
pub use work::{
    Worked, serve_batches, serve_batches_and_ticks, serve_deliveries, serve_events, serve_jobs,
};

/// What a function's main answers when it cannot go on.
pub type StartError = Box<dyn std::error::Error + Send + Sync>;

/// Runs a function to its end: the `main` of every binary.
///
/// One thread is enough for a function that works on one event at a time.
pub fn block_on(function: impl Future<Output = Result<(), StartError>>) -> Result<(), StartError> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(function)
}
