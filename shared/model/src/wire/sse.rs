//! Server-sent events, in and out.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use futures::Stream;
use sse_stream::SseByteStream;

use super::MAX_EVENT_BYTES;
use crate::common::UpstreamError;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its name; OpenAI's have none.
    pub event: Option<String>,
    /// JSON, or OpenAI's `[DONE]`.
    pub data: String,
}

impl Frame {
    pub(crate) fn data(data: String) -> Frame {
        Frame { event: None, data }
    }

    pub(crate) fn named(event: &str, data: String) -> Frame {
        Frame { event: Some(event.to_owned()), data }
    }

    /// As bytes for the client. Data is JSON in one line; a line break in it would end the field,
    /// so each line is a field.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        let mut text = String::with_capacity(self.data.len() + 32);
        if let Some(event) = &self.event {
            text.push_str("event: ");
            text.push_str(event);
            text.push('\n');
        }
        for line in self.data.split(['\n', '\r']) {
            text.push_str("data: ");
            text.push_str(line);
            text.push('\n');
        }
        text.push('\n');
        Bytes::from(text)
    }
}

/// What keeps a silent stream open; clients ignore it.
pub const PING: &[u8] = b": ping\n\n";

/// Makes frames of bytes, however they are cut.
pub struct Frames {
    queue: Queue,
    parser: SseByteStream<Queue>,
    /// Bytes since the last frame.
    held: usize,
}

/// The parser is a stream over a stream; this is one that has what was pushed.
#[derive(Clone, Default)]
struct Queue(Arc<Mutex<VecDeque<Bytes>>>);

impl Queue {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stream for Queue {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        // Nobody waits: who pushes polls.
        self.lock().pop_front().map_or(Poll::Pending, |bytes| Poll::Ready(Some(Ok(bytes))))
    }
}

impl Default for Frames {
    fn default() -> Frames {
        let queue = Queue::default();
        Frames { parser: SseByteStream::new(queue.clone()), queue, held: 0 }
    }
}

impl std::fmt::Debug for Frames {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Frames").field("held", &self.held).finish_non_exhaustive()
    }
}

impl Frames {
    /// The frames that these bytes complete. An incomplete last one is never a frame.
    ///
    /// # Errors
    ///
    /// Bytes that are no UTF-8, and frames of more than [`MAX_EVENT_BYTES`]; the stream is over.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Frame>, UpstreamError> {
        self.held = self.held.saturating_add(bytes.len());
        self.queue.lock().push_back(Bytes::copy_from_slice(bytes));
        let mut frames = Vec::new();
        let mut context = Context::from_waker(Waker::noop());
        loop {
            match Pin::new(&mut self.parser).poll_next(&mut context) {
                Poll::Ready(Some(Ok(event))) => {
                    self.held = bytes.len();
                    if let Some(data) = event.data {
                        frames.push(Frame { event: event.event, data });
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    return Err(UpstreamError::malformed(error.to_string()));
                }
                Poll::Ready(None) => return Err(UpstreamError::malformed("the stream is over")),
                Poll::Pending => break,
            }
        }
        if self.held > MAX_EVENT_BYTES {
            return Err(UpstreamError::malformed("an event of the stream is too large"));
        }
        Ok(frames)
    }
}
