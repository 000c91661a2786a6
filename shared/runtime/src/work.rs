//! Functions that work on events instead of requests.

use std::sync::Arc;

use aws_lambda_events::sqs::SqsEvent;
use lambda_runtime::{LambdaEvent, service_fn};
use millwright_core::Clock;
use millwright_event::batch::Batch;
use serde::{Serialize, de::DeserializeOwned};

use crate::StartError;

/// Serves a queue: the handler works on a batch and marks what failed in it.
///
/// # Errors
/// If the Lambda runtime API cannot be reached.
pub async fn serve_batches<S, F, Fut>(state: S, clock: Clock, handler: F) -> Result<(), StartError>
where
    S: Send + Sync + 'static,
    F: Fn(Arc<S>, Batch) -> Fut + Copy + Send,
    Fut: Future<Output = Batch> + Send,
{
    let state = Arc::new(state);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<SqsEvent>| {
        let (state, batch) = (state.clone(), Batch::read(event.payload, &clock));
        async move { Ok::<_, StartError>(handler(state, batch).await.into_response()) }
    }))
    .await
}

/// Serves any other event.
///
/// # Errors
/// If the Lambda runtime API cannot be reached.
pub async fn serve_events<S, E, R, F, Fut>(state: S, handler: F) -> Result<(), StartError>
where
    S: Send + Sync + 'static,
    E: DeserializeOwned,
    R: Serialize,
    F: Fn(Arc<S>, E) -> Fut + Copy + Send,
    Fut: Future<Output = Result<R, StartError>> + Send,
{
    let state = Arc::new(state);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<E>| {
        handler(state.clone(), event.payload)
    }))
    .await
}
