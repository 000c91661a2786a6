//! Anthropic's `messages`.

mod answer;
mod block;
mod read;
mod reader;
mod write;
mod writer;

use serde_json::{Value, json};

use crate::common::{Finish, UpstreamError, Usage};
use crate::wire::{count, string, text_at};

pub(crate) use self::block::block_value;
pub use self::{
    answer::{read_answer, write_answer},
    read::{read_count, read_request},
    reader::Reader,
    write::{write_count, write_request},
    writer::Writer,
};

/// The fields of a request that the common form has a place for; others reach only providers of
/// this dialect.
pub(crate) const KNOWN: &[&str] = &[
    "model",
    "messages",
    "system",
    "max_tokens",
    "tools",
    "tool_choice",
    "temperature",
    "top_p",
    "top_k",
    "stop_sequences",
    "stream",
    "metadata",
    "thinking",
    "output_config",
];

/// The usage object; its input tokens exclude those of the cache.
#[must_use]
pub fn read_usage(value: &Value) -> Usage {
    let mut usage = Usage::default();
    merge_usage(&mut usage, value);
    usage
}

/// Counts of a stream come in two objects, the second perhaps without the input.
fn merge_usage(usage: &mut Usage, value: &Value) {
    let take = |name: &str, place: &mut u64| {
        if value.get(name).is_some_and(Value::is_number) {
            *place = count(value, name);
        }
    };
    take("input_tokens", &mut usage.input_tokens);
    take("cache_read_input_tokens", &mut usage.cache_read_tokens);
    take("cache_creation_input_tokens", &mut usage.cache_write_tokens);
    take("output_tokens", &mut usage.output_tokens);
    if let Some(details) = value.get("output_tokens_details").filter(|details| details.is_object())
    {
        usage.reasoning_tokens = count(details, "thinking_tokens");
    }
}

/// The usage object.
#[must_use]
pub fn write_usage(usage: &Usage) -> Value {
    let mut value = json!({
        "input_tokens": usage.input_tokens,
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "output_tokens": usage.output_tokens,
    });
    if usage.reasoning_tokens > 0
        && let Value::Object(map) = &mut value
    {
        let details = json!({"thinking_tokens": usage.reasoning_tokens});
        map.insert("output_tokens_details".to_owned(), details);
    }
    value
}

/// The answer of `count_tokens`.
#[must_use]
pub fn count_answer(input_tokens: u64) -> Value {
    json!({ "input_tokens": input_tokens })
}

fn read_finish(word: &str, sequence: Option<&str>) -> Finish {
    match word {
        "end_turn" => Finish::Stop,
        "stop_sequence" => Finish::StopSequence(sequence.map(str::to_owned)),
        "max_tokens" => Finish::Length,
        "model_context_window_exceeded" => Finish::ContextLength,
        "tool_use" => Finish::ToolCalls,
        "refusal" => Finish::ContentFilter,
        "pause_turn" => Finish::Pause,
        other => Finish::Other(other.to_owned()),
    }
}

/// `stop_reason` and `stop_sequence`.
fn write_finish(finish: &Finish) -> (&'static str, Option<&str>) {
    match finish {
        Finish::Stop | Finish::Other(_) => ("end_turn", None),
        Finish::StopSequence(sequence) => ("stop_sequence", sequence.as_deref()),
        Finish::Length => ("max_tokens", None),
        Finish::ContextLength => ("model_context_window_exceeded", None),
        Finish::ToolCalls => ("tool_use", None),
        Finish::ContentFilter => ("refusal", None),
        Finish::Pause => ("pause_turn", None),
    }
}

/// The error of an answer's body, which may be anything.
#[must_use]
pub fn read_error(status: u16, body: &[u8]) -> UpstreamError {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    error_of(status, body.get("error").unwrap_or(&body))
}

/// An error object; the status is 0 in a stream.
fn error_of(status: u16, error: &Value) -> UpstreamError {
    let message = error.as_str().map_or_else(|| string(error, "message"), str::to_owned);
    UpstreamError::of(status, text_at(error, "type").unwrap_or_default(), message)
}

/// The error object of this surface.
#[must_use]
pub fn error_body(kind: &str, message: &str) -> Value {
    json!({ "type": "error", "error": { "type": kind, "message": message } })
}

/// Ids of calls may have letters, digits, `_` and `-`.
fn call_id(id: &str) -> String {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    if id.is_empty() {
        return "call".to_owned();
    }
    id.chars().map(|letter| if fits(letter) { letter } else { '_' }).collect()
}
