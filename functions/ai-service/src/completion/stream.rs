//! Streams: passed on by a task of their own, which also writes their end.

use std::time::Duration;

use bytes::Bytes;
use millwright_model::{Answer, Code, Envelope, SurfaceError};
use tokio::{
    sync::mpsc::{Receiver, channel},
    time::Instant,
};

use super::{
    CompletionStatus,
    cache::keep,
    finish::{Closing, finish},
    open::Open,
    shape::mismatch,
    shared::Completions,
};
use crate::{
    gateway::{Relay, Stream, relay},
    store::CancelMark,
};

/// What the client reads. It ends after the log is written: the function is alive until then.
pub type Body = Receiver<Bytes>;

/// A stream that has begun.
pub(super) struct Streaming {
    pub open: Open,
    pub target: usize,
    pub stream: Box<Stream>,
    pub envelope: Envelope,
    /// Time spent before the provider was asked.
    pub own: Duration,
    pub first_token: Duration,
}

/// Events that wait for a slow client; then the provider waits too.
const WAITING: usize = 16;
/// How often somebody's wish to end it is looked for.
const LOOKS: Duration = Duration::from_secs(2);

/// Passes the stream on. Who drops the body ends it.
pub(super) fn begin(app: Completions, streaming: Streaming) -> Body {
    let (sender, body) = channel(WAITING);
    tokio::spawn(async move {
        let Streaming { mut open, target, stream, envelope, own, first_token } = streaming;
        let dropped = stream.dropped.clone();
        let shape = open.shape.take();
        let cancelled = cancelled(&app, &open);
        let look = |answer: &Answer| {
            let faults = shape.as_ref()?.faults(answer);
            (!faults.is_empty()).then(|| mismatch(&faults))
        };
        let surface = open.asked.surface;
        let ended = relay(stream, surface, envelope, &sender, cancelled, look).await;
        if let Some(shape) = &shape {
            open.completion.detail.schema_valid = Some(shape.is_met(&ended.answer));
        }
        let ended_at = Instant::now();
        let parts: Vec<_> =
            ended.answer.choices.iter().flat_map(|choice| choice.parts.clone()).collect();
        let prices = open.plan.targets.get(target).and_then(|it| it.prices.as_ref());
        let estimate = open.completion.detail.input_estimate;
        // Counts of a stream that ended early are those of its beginning.
        let counted = match ended.how {
            // It came whole, and is charged so, whether or not it is what was asked for.
            Relay::Finished | Relay::Broke(SurfaceError { code: Code::SchemaMismatch, .. }) => {
                ended.answer.usage
            }
            _ => ended
                .answer
                .usage
                .map(|usage| millwright_model::Usage { output_tokens: 0, ..usage }),
        };
        open.bill.charge(prices, counted, estimate, &parts);
        let mut closing = Closing::succeeded(target, &ended.answer);
        closing.first_token = Some(first_token);
        match ended.how {
            Relay::Finished => keep(&app, &open, target, &ended.answer, &dropped).await,
            Relay::Broke(error) => {
                closing.status = Closing::failed(&error, own).status;
                closing.error = Some(error);
            }
            Relay::ClientGone => closing.status = CompletionStatus::ClientDisconnected,
            Relay::Cancelled => {
                closing.status = CompletionStatus::Cancelled;
                closing.error = None;
            }
        }
        closing.gateway = own + ended_at.elapsed();
        let id = open.id();
        if let Err(error) = finish(&app, open, closing).await {
            // Nobody is told: the text has been sent.
            tracing::error!(%error, %id, "the end of a stream was not written; the sweep will");
        }
        drop(sender);
    });
    body
}

/// What is there already.
pub(super) fn whole(bytes: Bytes) -> Body {
    let (sender, body) = channel(1);
    // There is room for one.
    drop(sender.try_send(bytes));
    body
}

/// Ready once somebody has asked for the end. One GetItem every two seconds.
async fn cancelled(app: &Completions, open: &Open) {
    let place = CancelMark::place(&open.asked.tenant, open.id());
    loop {
        tokio::time::sleep(LOOKS).await;
        match app.store.get::<CancelMark>(&place).await {
            Ok(Some(_)) => return,
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "a wish to cancel cannot be looked for"),
        }
    }
}
