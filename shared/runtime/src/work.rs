//! Functions that work on events instead of requests.

use std::{sync::Arc, time::Duration};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use futures::future::BoxFuture;
use lambda_runtime::{LambdaEvent, service_fn};
use millwright_core::Result;
use millwright_event::batch::{Batch, Delivery, Message};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Environment, StartError, queue::Queue};

/// Serves a queue: the handler works on a batch and marks what failed in it.
///
/// # Errors
/// If the Lambda runtime API cannot be reached.
pub async fn serve_batches<S, F, Fut>(
    environment: &Environment,
    service: &'static str,
    state: S,
    handler: F,
) -> Result<(), StartError>
where
    S: Send + Sync + 'static,
    F: Fn(Arc<S>, Batch) -> Fut + Copy + Send,
    Fut: Future<Output = Batch> + Send + 'static,
{
    let queue = Arc::new(Queue::of(environment, service)?);
    let (state, clock) = (Arc::new(state), environment.clock.clone());
    lambda_runtime::run(service_fn(move |event: LambdaEvent<SqsEvent>| {
        let (state, queue) = (state.clone(), queue.clone());
        let batch = Batch::read(event.payload, &clock);
        boxed(async move { Ok(settle(handler(state, batch).await, &queue).await) })
    }))
    .await
}

/// What comes to a function with a queue and a schedule.
#[derive(Deserialize)]
#[serde(untagged)]
enum Arrival<T> {
    Tick(T),
    Batch(SqsEvent),
}

/// Serves a queue, as [`serve_batches`], and a schedule: `tick` gets what the schedule says.
///
/// # Errors
/// If the Lambda runtime API cannot be reached.
pub async fn serve_batches_and_ticks<S, T, F, Fut, G, Ticked>(
    environment: &Environment,
    service: &'static str,
    state: S,
    handler: F,
    tick: G,
) -> Result<(), StartError>
where
    S: Send + Sync + 'static,
    T: DeserializeOwned + Send + 'static,
    F: Fn(Arc<S>, Batch) -> Fut + Copy + Send,
    Fut: Future<Output = Batch> + Send + 'static,
    G: Fn(Arc<S>, T) -> Ticked + Copy + Send,
    Ticked: Future<Output = Result<(), StartError>> + Send + 'static,
{
    let queue = Arc::new(Queue::of(environment, service)?);
    let (state, clock) = (Arc::new(state), environment.clock.clone());
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Arrival<T>>| {
        let (state, queue) = (state.clone(), queue.clone());
        match event.payload {
            Arrival::Batch(event) => {
                let batch = Batch::read(event, &clock);
                boxed(async move { Ok(settle(handler(state, batch).await, &queue).await) })
            }
            Arrival::Tick(ticked) => {
                let done = tick(state, ticked);
                boxed(async move { done.await.map(|()| SqsBatchResponse::default()) })
            }
        }
    }))
    .await
}

/// Serves a queue that takes more than envelopes: the handler reads what was sent, and marks in a
/// batch what failed.
///
/// # Errors
/// If the Lambda runtime API cannot be reached.
pub async fn serve_deliveries<S, F, Fut>(
    environment: &Environment,
    service: &'static str,
    state: S,
    handler: F,
) -> Result<(), StartError>
where
    S: Send + Sync + 'static,
    F: Fn(Arc<S>, Vec<Delivery>) -> Fut + Copy + Send,
    Fut: Future<Output = Batch> + Send + 'static,
{
    let queue = Arc::new(Queue::of(environment, service)?);
    let state = Arc::new(state);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<SqsEvent>| {
        let (state, queue) = (state.clone(), queue.clone());
        let deliveries = Delivery::all_of(event.payload);
        boxed(async move { Ok(settle(handler(state, deliveries).await, &queue).await) })
    }))
    .await
}

/// How the work on one message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worked {
    /// It need not come again.
    Done,
    /// Somebody else is at it: the message hides itself for so long and is delivered again.
    Later(Duration),
}

/// Serves a queue of jobs: one message at a time, each of which may take as long as the function.
///
/// # Errors
/// If the Lambda runtime API cannot be reached.
pub async fn serve_jobs<S: Send + Sync + 'static>(
    environment: &Environment,
    service: &'static str,
    state: S,
    handler: fn(Arc<S>, Message) -> BoxFuture<'static, Result<Worked>>,
) -> Result<(), StartError> {
    let queue = Arc::new(Queue::of(environment, service)?);
    let (state, clock) = (Arc::new(state), environment.clock.clone());
    lambda_runtime::run(service_fn(move |event: LambdaEvent<SqsEvent>| {
        let (state, queue) = (state.clone(), queue.clone());
        let mut batch = Batch::read(event.payload, &clock);
        boxed(async move {
            for message in std::mem::take(&mut batch.messages) {
                match handler(state.clone(), message.clone()).await {
                    Ok(Worked::Done) => {}
                    Ok(Worked::Later(rest)) => {
                        queue.hide(&message, rest).await;
                        batch.postpone(&message);
                    }
                    Err(error) => batch.fail(&message, &error),
                }
            }
            Ok(settle(batch, &queue).await)
        })
    }))
    .await
}

/// Without its type, which would be too deep for the compiler within those of the Lambda runtime.
fn boxed<'a>(
    answer: impl Future<Output = Result<SqsBatchResponse, StartError>> + Send + 'a,
) -> BoxFuture<'a, Result<SqsBatchResponse, StartError>> {
    Box::pin(answer)
}

async fn settle(batch: Batch, queue: &Queue) -> SqsBatchResponse {
    if batch.rejected() > 0 {
        tracing::info!(
            target: "metric",
            service = queue.service,
            function = queue.function.as_str(),
            Rejected = batch.rejected() as u64,
        );
    }
    batch.settle(queue).await
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
