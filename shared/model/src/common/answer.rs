//! Whole answers.

use serde_json::Value;

use super::{Dialect, Part, Role, Usage};

/// A whole answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The upstream's name for it.
    pub id: String,
    /// The upstream's name of the model.
    pub model: String,
    pub choices: Vec<Choice>,
    /// None where the upstream does not count.
    pub usage: Option<Usage>,
    /// As it came; goes out again to clients of the same dialect, with what this form has no place
    /// for.
    pub original: Option<(Dialect, Value)>,
}

/// One of the `n` answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choice {
    pub parts: Vec<Part>,
    /// None for an answer that was cut off.
    pub finish: Option<Finish>,
}

impl Choice {
    /// Puts a part to the others; text joins text.
    pub(crate) fn push(&mut self, part: Part) {
        push(&mut self.parts, part);
    }
}

/// Joins text to text and thoughts to thoughts: dialects cut them differently.
pub(crate) fn push(parts: &mut Vec<Part>, part: Part) {
    match (parts.last_mut(), part) {
        (Some(Part::Text { text, .. }), Part::Text { text: more, cache: None }) => {
            text.push_str(&more);
        }
        (Some(Part::Refusal { text }), Part::Refusal { text: more }) => text.push_str(&more),
        (
            Some(Part::Reasoning { text, signature: before @ None }),
            Part::Reasoning { text: more, signature },
        ) => {
            text.push_str(&more);
            *before = signature;
        }
        (_, part) => parts.push(part),
    }
}

/// Why a model stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finish {
    Stop,
    /// One of the request's stop sequences, if the upstream tells which.
    StopSequence(Option<String>),
    Length,
    /// The window of the model is full.
    ContextLength,
    ToolCalls,
    ContentFilter,
    /// Anthropic: a long turn, to be continued by sending it back.
    Pause,
    /// Another word of the upstream's dialect.
    Other(String),
}

impl Answer {
    /// The first answer as a message, for the next request.
    #[must_use]
    pub fn message(&self) -> super::Message {
        let parts = self.choices.first().map(|choice| choice.parts.clone()).unwrap_or_default();
        super::Message { role: Role::Assistant, name: None, parts }
    }

    /// The text of the first answer.
    #[must_use]
    pub fn text(&self) -> String {
        let parts = self.choices.first().map(|choice| choice.parts.as_slice()).unwrap_or_default();
        parts.iter().filter_map(Part::text).collect()
    }
}
