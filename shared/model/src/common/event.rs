//! Events of streams.

use super::{Finish, UpstreamError, Usage};

/// What happens in the stream of an answer. `choice` counts the `n` answers, `call` the tool calls
/// of one answer, both from 0.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// First, once.
    Start {
        id: String,
        model: String,
    },
    Text {
        choice: usize,
        text: String,
    },
    Refusal {
        choice: usize,
        text: String,
    },
    Reasoning {
        choice: usize,
        text: String,
    },
    /// Ends a block of reasoning: what proves to the provider that it is its own.
    ReasoningSignature {
        choice: usize,
        signature: String,
    },
    /// A whole block of reasoning that only the provider can read.
    RedactedReasoning {
        choice: usize,
        data: String,
    },
    ToolStart {
        choice: usize,
        call: usize,
        id: String,
        name: String,
    },
    /// A piece of the arguments' JSON.
    ToolArguments {
        choice: usize,
        call: usize,
        json: String,
    },
    Finish {
        choice: usize,
        finish: Finish,
    },
    /// All counts until now; the last one counts.
    Usage(Usage),
    /// The upstream gave up; nothing comes after.
    Error(UpstreamError),
    /// The upstream said that this is all.
    End,
}
