//! Language models: how providers and clients speak, what it costs, which models there are.
//!
//! Pure functions: no network, no AWS, no clock. The gateway to models calls them.
//!
//! - [`openai`], [`anthropic`]: what clients and providers say; [`ollama`]: what providers say.
//! - [`Request`], [`Answer`], [`Event`]: the form between them; [`Usage`] counts all alike.
//! - [`Reader`], [`Writer`]: streams, from any dialect to any surface.
//! - [`Surface`], [`SurfaceError`]: errors in the shape of the surface.
//! - [`Prices`], [`estimate`]: costs and worst cases, in integers.
//! - [`catalogue`]: the models of the world with their prices.
//!
//! # Patched, not rebuilt
//!
//! A request to a provider of the client's own dialect is the client's body with a few fields set;
//! an answer and the events of a stream go back as they came. Fields that only the provider knows
//! need no release of ours. A request to another dialect is built from the common form, and names
//! what it leaves out: [`Translated::dropped`], or [`Unfit`] where that would change what is meant.
//!
//! # Crates
//!
//! - `sse-stream` is taken: it parses events strictly and incrementally, and has no dependency that
//!   is not here anyway. `eventsource-stream` parses its buffer anew with every piece.
//! - `genai` is not: it has its own HTTP client, and keeps of a request only what its own form
//!   knows.
//! - `async-openai`'s types are not: what their structures do not name is lost, and answers with a
//!   new word in an enumeration are errors.
//! - `tiktoken-rs` is not: its tables add several megabytes to every function, and are right for
//!   one family. [`estimate::Tokenizer`] is where a tokenizer goes.

pub mod anthropic;
pub mod catalogue;
mod common;
pub mod estimate;
pub mod ollama;
pub mod openai;
mod patch;
mod price;
mod stream;
mod surface;
mod translate;
mod wire;

pub use self::{
    common::{
        Answer, Capabilities, Capability, Choice, Dialect, ErrorClass, Event, FORCED_TOOL, Fault,
        Finish, Fold, Format, Image, Message, Original, Part, Request, Role, Target, Tool,
        ToolChoice, Translated, Unfit, Unwrap, UpstreamError, Usage,
    },
    patch::Defaults,
    price::{Prices, Rates, Tier},
    stream::{Item, Reader, Writer, replay},
    surface::{Code, Envelope, Surface, SurfaceError},
    wire::{Frame, MAX_EVENT_BYTES, PING},
};

/// Reads the request of a client.
///
/// # Errors
///
/// [`Fault`]: what is not of the surface's dialect, by its field.
pub fn read_request(surface: Surface, body: serde_json::Value) -> Result<Request, Fault> {
    match surface {
        Surface::OpenAi => openai::read_request(body),
        Surface::Anthropic => anthropic::read_request(body),
    }
}

/// The request as a provider gets it.
///
/// # Errors
///
/// [`Unfit`]: what the target would not understand, and must.
pub fn write_request(
    dialect: Dialect,
    request: &Request,
    target: &Target<'_>,
) -> Result<Translated, Unfit> {
    match dialect {
        Dialect::OpenAi => openai::write_request(request, target),
        Dialect::Anthropic => anthropic::write_request(request, target),
        Dialect::Ollama => ollama::write_request(request, target),
    }
}

/// Reads the whole answer of a provider; `id` names it where the dialect has no names.
///
/// # Errors
///
/// An error object, or what is no answer.
pub fn read_answer(
    dialect: Dialect,
    id: &str,
    body: serde_json::Value,
) -> Result<Answer, UpstreamError> {
    match dialect {
        Dialect::OpenAi => openai::read_answer(body),
        Dialect::Anthropic => anthropic::read_answer(body),
        Dialect::Ollama => ollama::read_answer(id, body),
    }
}

/// Reads the error of a provider: its status, and a body that may be anything.
#[must_use]
pub fn read_error(dialect: Dialect, status: u16, body: &[u8]) -> UpstreamError {
    match dialect {
        Dialect::OpenAi => openai::read_error(status, body),
        Dialect::Anthropic => anthropic::read_error(status, body),
        Dialect::Ollama => ollama::read_error(status, body),
    }
}

/// The whole answer for a client.
#[must_use]
pub fn write_answer(surface: Surface, answer: &Answer, envelope: &Envelope) -> serde_json::Value {
    match surface {
        Surface::OpenAi => openai::write_answer(answer, envelope),
        Surface::Anthropic => anthropic::write_answer(answer, envelope),
    }
}
