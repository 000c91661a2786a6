//! One call to a provider.

use std::{collections::VecDeque, time::Duration};

use millwright_egress::{Answer as Body, Client};
use millwright_model::{
    Answer, Event, Item, Reader, Request, Translated, UpstreamError, read_answer, read_error,
};

use super::{Miss, Target};

/// What came of a call.
#[derive(Debug)]
pub enum Reply {
    Whole(Box<Whole>),
    Stream(Box<Stream>),
}

/// A whole answer.
#[derive(Debug)]
pub struct Whole {
    pub answer: Answer,
    /// Fields that the provider did not get.
    pub dropped: Vec<String>,
}

/// An answer that has begun: the first event is there.
#[derive(Debug)]
pub struct Stream {
    body: Body,
    reader: Reader,
    ready: VecDeque<Item>,
    is_over: bool,
    pub dropped: Vec<String>,
    /// As [`Translated::forced_tool`].
    pub forced_tool: bool,
}

/// The most of a whole answer.
const MAX_ANSWER: usize = 16 * 1024 * 1024;
/// The most of an error that is read.
const MAX_ERROR: usize = 64 * 1024;

/// Asks once. A stream is answered when its first event has come, so that a failure before it is
/// as good as no answer.
///
/// # Errors
/// [`Miss`].
pub async fn ask(
    client: &Client,
    target: &Target,
    request: &Request,
    translated: Translated,
    id: &str,
) -> Result<Reply, Miss> {
    let mut body = client.call(target.completion(&translated.body), &target.waits).await?;
    let status = body.status();
    if !(200..300).contains(&status) {
        let retry_after = body.header("retry-after").and_then(|value| value.parse().ok());
        let retry_after = retry_after.map(Duration::from_secs);
        let said = body.whole(MAX_ERROR).await.unwrap_or_default();
        let error = read_error(target.dialect, status, &said);
        return Err(Miss::answered(status, error, retry_after));
    }
    let Translated { dropped, forced_tool, .. } = translated;
    if request.stream {
        let reader = Reader::new(target.dialect, id);
        let ready = VecDeque::new();
        let mut stream = Stream { body, reader, ready, is_over: false, dropped, forced_tool };
        stream.begin().await?;
        return Ok(Reply::Stream(Box::new(stream)));
    }
    let bytes = body.whole(MAX_ANSWER).await?;
    let broken = |error| Miss::answered(status, error, None);
    let value = serde_json::from_slice(&bytes).map_err(|_| {
        let message = "the answer is no JSON".to_owned();
        let class = millwright_model::ErrorClass::Malformed;
        broken(UpstreamError { class, message })
    })?;
    let answer = read_answer(target.dialect, id, value).map_err(broken)?;
    let answer = if forced_tool { answer.unwrapped() } else { answer };
    Ok(Reply::Whole(Box::new(Whole { answer, dropped })))
}

impl Stream {
    /// Waits for the first event.
    async fn begin(&mut self) -> Result<(), Miss> {
        while self.ready.iter().all(|item| item.events.is_empty()) {
            if !self.fill().await? {
                let message = "the stream ended before it began".to_owned();
                let class = super::Class::ServerError;
                return Err(Miss { class, status: None, message, retry_after: None });
            }
        }
        let events = self.ready.iter().flat_map(|item| &item.events);
        let error = events.into_iter().find_map(|event| match event {
            Event::Error(error) => Some(error.clone()),
            _ => None,
        });
        match error {
            Some(error) => Err(Miss::answered(0, error, None)),
            None => Ok(()),
        }
    }

    /// Reads more; false at the end.
    async fn fill(&mut self) -> Result<bool, Miss> {
        if self.is_over {
            return Ok(false);
        }
        let broken = |error| Miss::answered(0, error, None);
        let items = match self.body.next().await? {
            Some(bytes) => self.reader.push(&bytes).map_err(broken)?,
            None => {
                self.is_over = true;
                self.reader.end().map_err(broken)?
            }
        };
        self.ready.extend(items);
        Ok(true)
    }

    /// The next piece; none at the end.
    ///
    /// # Errors
    /// [`Miss`]: the stream is over then.
    pub async fn next(&mut self) -> Result<Option<Item>, Miss> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Ok(Some(item));
            }
            if !self.fill().await? {
                return Ok(None);
            }
        }
    }
}
