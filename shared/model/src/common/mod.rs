//! The form between the dialects: requests, answers, events of streams.

mod answer;
mod capability;
mod event;
mod fault;
mod fold;
mod forced;
mod replay;
mod request;
mod usage;

pub(crate) use self::request::begins_with_prompt;
pub use self::{
    answer::{Answer, Choice, Finish},
    capability::{Capabilities, Capability},
    event::Event,
    fault::{ErrorClass, Fault, Unfit, UpstreamError},
    fold::Fold,
    forced::{FORCED_TOOL, Unwrap},
    request::{
        Format, Image, Message, Original, Part, Request, Role, Target, Tool, ToolChoice, Translated,
    },
    usage::Usage,
};

/// How a provider, or a client, speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// `chat/completions`.
    OpenAi,
    /// `messages`.
    Anthropic,
    /// `/api/chat`, upstream only.
    Ollama,
}
