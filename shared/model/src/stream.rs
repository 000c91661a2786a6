//! Streams of any dialect, for clients of any surface.

use bytes::Bytes;

use crate::{
    anthropic,
    common::{Answer, Dialect, Event, Unwrap, UpstreamError},
    ollama, openai,
    surface::{Envelope, Surface, SurfaceError},
    wire::Frame,
};

/// A piece of an upstream's stream: as it came, and what it means.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    pub dialect: Dialect,
    pub frame: Frame,
    pub events: Vec<Event>,
}

/// Reads the stream of a provider, however its bytes are cut.
#[derive(Debug)]
pub enum Reader {
    OpenAi(openai::Reader),
    Anthropic(anthropic::Reader),
    Ollama(ollama::Reader),
}

impl Reader {
    /// For one answer. `id` names it where the dialect has no names (Ollama), and its tool calls.
    #[must_use]
    pub fn new(dialect: Dialect, id: &str) -> Reader {
        match dialect {
            Dialect::OpenAi => Reader::OpenAi(openai::Reader::default()),
            Dialect::Anthropic => Reader::Anthropic(anthropic::Reader::default()),
            Dialect::Ollama => Reader::Ollama(ollama::Reader::new(id)),
        }
    }

    /// What these bytes complete.
    ///
    /// # Errors
    ///
    /// What is no stream of the dialect, or an event beyond
    /// [`MAX_EVENT_BYTES`](crate::MAX_EVENT_BYTES); the stream is over then.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Item>, UpstreamError> {
        match self {
            Reader::OpenAi(reader) => reader.push(bytes),
            Reader::Anthropic(reader) => reader.push(bytes),
            Reader::Ollama(reader) => reader.push(bytes),
        }
    }

    /// What the end of the bytes completes: the last line may have no end.
    ///
    /// # Errors
    ///
    /// As [`push`](Reader::push).
    pub fn end(&mut self) -> Result<Vec<Item>, UpstreamError> {
        match self {
            Reader::Ollama(reader) => reader.end(),
            Reader::OpenAi(_) | Reader::Anthropic(_) => Ok(Vec::new()),
        }
    }
}

/// Writes the stream of a client. Items of the client's own dialect are relayed as they came.
#[derive(Debug)]
pub struct Writer {
    inner: Inner,
    unwrap: Option<Unwrap>,
}

#[derive(Debug)]
enum Inner {
    OpenAi(openai::Writer),
    Anthropic(anthropic::Writer),
}

impl Writer {
    /// For one answer; `forced_tool` as [`Translated`](crate::Translated) says.
    #[must_use]
    pub fn new(surface: Surface, envelope: Envelope, forced_tool: bool) -> Writer {
        let inner = match surface {
            Surface::OpenAi => Inner::OpenAi(openai::Writer::new(envelope)),
            Surface::Anthropic => Inner::Anthropic(anthropic::Writer::new(envelope)),
        };
        Writer { inner, unwrap: forced_tool.then(Unwrap::default) }
    }

    /// The bytes of an item, to be flushed at once. Errors of the upstream are not among them: the
    /// caller says them by [`Writer::error`], after redaction.
    pub fn item(&mut self, item: &Item) -> Bytes {
        let is_error = item.events.iter().any(|event| matches!(event, Event::Error(_)));
        if is_error {
            return Bytes::new();
        }
        let relayed = match (&mut self.inner, item.dialect) {
            _ if self.unwrap.is_some() => None,
            (Inner::OpenAi(writer), Dialect::OpenAi) => Some(writer.relayed(&item.frame)),
            (Inner::Anthropic(writer), Dialect::Anthropic) => Some(writer.relayed(&item.frame)),
            _ => None,
        };
        match relayed {
            Some(frame) => {
                // For the usage at the end, should the upstream have none to relay.
                self.remember(&item.events);
                join(frame)
            }
            None => {
                join(item.events.iter().flat_map(|event| self.event(event)).collect::<Vec<_>>())
            }
        }
    }

    /// The frames of an event: replays of the cache have no items.
    pub fn event(&mut self, event: &Event) -> Vec<Frame> {
        let event = match &mut self.unwrap {
            Some(unwrap) => match unwrap.event(event.clone()) {
                Some(event) => event,
                None => return Vec::new(),
            },
            None => event.clone(),
        };
        match &mut self.inner {
            Inner::OpenAi(writer) => writer.event(&event),
            Inner::Anthropic(writer) => writer.event(&event),
        }
    }

    fn remember(&mut self, events: &[Event]) {
        if let Inner::OpenAi(writer) = &mut self.inner {
            writer.relayed_usage(events);
        }
    }

    /// What ends a stream that succeeded.
    pub fn end(&mut self) -> Bytes {
        join(match &mut self.inner {
            Inner::OpenAi(writer) => writer.end(),
            Inner::Anthropic(writer) => writer.end(),
        })
    }

    /// What ends a stream that failed; nothing comes after.
    #[must_use]
    pub fn error(&self, error: &SurfaceError) -> Bytes {
        join([match &self.inner {
            Inner::OpenAi(_) => Frame::data(error.body(Surface::OpenAi).to_string()),
            Inner::Anthropic(_) => {
                Frame::named("error", error.body(Surface::Anthropic).to_string())
            }
        }])
    }
}

/// The whole stream of an answer that is there already.
#[must_use]
pub fn replay(surface: Surface, envelope: Envelope, answer: &Answer) -> Bytes {
    let mut writer = Writer::new(surface, envelope, false);
    let mut bytes = Vec::new();
    for event in answer.events() {
        writer.event(&event).iter().for_each(|frame| bytes.extend_from_slice(&frame.to_bytes()));
    }
    bytes.extend_from_slice(&writer.end());
    bytes.into()
}

fn join(frames: impl IntoIterator<Item = Frame>) -> Bytes {
    let mut bytes = Vec::new();
    for frame in frames {
        bytes.extend_from_slice(&frame.to_bytes());
    }
    bytes.into()
}
