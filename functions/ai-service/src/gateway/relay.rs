//! A stream from a provider to a client.

use std::time::Duration;

use bytes::Bytes;
use millwright_model::{Answer, Code, Envelope, Event, Fold, PING, Surface, SurfaceError, Writer};
use tokio::{
    sync::mpsc::Sender,
    time::{Instant, sleep_until},
};

use super::{Miss, Stream};

/// How a stream ended.
#[derive(Debug)]
pub struct Ended {
    pub how: Relay,
    /// As far as it came.
    pub answer: Answer,
}

/// The ways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Relay {
    Finished,
    /// In the middle: no other model goes on with the text.
    Broke(SurfaceError),
    /// The client has hung up.
    ClientGone,
    /// Somebody with the right to do so has ended it.
    Cancelled,
}

/// A silent stream says so often that it is there.
const SILENCE: Duration = Duration::from_secs(15);

/// Passes every event on as it comes; ends with the stream, with its failure, when the client has
/// gone, or when `cancelled` is ready. A whole answer fails all the same if `look` finds a fault. The connection to the provider is closed on return.
pub async fn relay(
    mut stream: Box<Stream>,
    surface: Surface,
    envelope: Envelope,
    client: &Sender<Bytes>,
    cancelled: impl Future<Output = ()>,
    look: impl FnOnce(&Answer) -> Option<SurfaceError>,
) -> Ended {
    let mut writer = Writer::new(surface, envelope, stream.forced_tool);
    let forced_tool = stream.forced_tool;
    let mut fold = Fold::default();
    let mut cancelled = std::pin::pin!(cancelled);
    let how = loop {
        let item = tokio::select! {
            biased;
            () = client.closed() => break Relay::ClientGone,
            () = &mut cancelled => break Relay::Cancelled,
            item = next(&mut stream, client) => item,
        };
        match item {
            Ok(Some(item)) => {
                item.events.iter().for_each(|event| fold.take(event));
                if let Some(Event::Error(error)) =
                    item.events.iter().find(|event| matches!(event, Event::Error(_)))
                {
                    break Relay::Broke(broke(&Miss::answered(0, error.clone(), None)));
                }
                let bytes = writer.item(&item);
                if !bytes.is_empty() && client.send(bytes).await.is_err() {
                    break Relay::ClientGone;
                }
            }
            Ok(None) if fold.is_finished() => break Relay::Finished,
            Ok(None) => {
                let message = "the provider's stream ended before the answer did";
                break Relay::Broke(SurfaceError::new(Code::ProviderError, message));
            }
            Err(miss) => break Relay::Broke(broke(&miss)),
        }
    };
    drop(stream);
    let answer = fold.answer();
    let answer = if forced_tool { answer.unwrapped() } else { answer };
    let how = match how {
        Relay::Finished => look(&answer).map_or(Relay::Finished, Relay::Broke),
        how => how,
    };
    let how = match how {
        Relay::Finished => match client.send(writer.end()).await {
            Ok(()) => Relay::Finished,
            Err(_) => Relay::ClientGone,
        },
        Relay::Broke(error) => {
            // Who has gone meanwhile misses nothing.
            drop(client.send(writer.error(&error)).await);
            Relay::Broke(error)
        }
        Relay::Cancelled => {
            let error = SurfaceError::new(Code::ProviderError, "the completion was cancelled");
            drop(client.send(writer.error(&error)).await);
            Relay::Cancelled
        }
        Relay::ClientGone => Relay::ClientGone,
    };
    Ended { how, answer }
}

/// The next piece; meanwhile the client hears that somebody is there.
async fn next(
    stream: &mut Stream,
    client: &Sender<Bytes>,
) -> Result<Option<millwright_model::Item>, Miss> {
    let mut waiting = std::pin::pin!(stream.next());
    loop {
        tokio::select! {
            biased;
            item = &mut waiting => return item,
            () = sleep_until(Instant::now() + SILENCE) => {
                // A client that does not read is not told.
                drop(client.try_send(Bytes::from_static(PING)));
            }
        }
    }
}

fn broke(miss: &Miss) -> SurfaceError {
    SurfaceError::new(miss.code(), miss.message.clone())
}
