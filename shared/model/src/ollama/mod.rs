//! Ollama's own `/api/chat`, upstream only.

mod answer;
mod write;

use serde_json::Value;

use crate::common::{Finish, UpstreamError, Usage};
use crate::wire::{count, string};

pub use self::{
    answer::{Reader, read_answer},
    write::write_request,
};

/// The counts of an answer. Ollama does not say what its cache saved.
#[must_use]
pub fn read_usage(value: &Value) -> Usage {
    Usage {
        input_tokens: count(value, "prompt_eval_count"),
        output_tokens: count(value, "eval_count"),
        ..Usage::default()
    }
}

fn read_finish(word: &str, has_calls: bool) -> Finish {
    match word {
        // It has no word for calls.
        "stop" | "" if has_calls => Finish::ToolCalls,
        "stop" | "" => Finish::Stop,
        "length" => Finish::Length,
        other => Finish::Other(other.to_owned()),
    }
}

/// The error of an answer's body, which may be anything.
#[must_use]
pub fn read_error(status: u16, body: &[u8]) -> UpstreamError {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    error_of(status, &body)
}

/// `{"error": "text"}`; the status is 0 in a stream.
fn error_of(status: u16, body: &Value) -> UpstreamError {
    let message = match body.get("error") {
        Some(Value::Object(_)) => body.get("error").map(|error| string(error, "message")),
        _ => Some(string(body, "error")),
    };
    UpstreamError::of(status, "", message.unwrap_or_default())
}
