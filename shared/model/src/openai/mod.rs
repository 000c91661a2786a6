//! OpenAI's `chat/completions`.

mod answer;
mod message;
mod read;
mod reader;
mod write;
mod writer;

use serde_json::{Value, json};

use crate::common::{Finish, UpstreamError, Usage};
use crate::wire::{count, string, text_at};

pub(crate) use self::message::message_values;
pub use self::{
    answer::{read_answer, write_answer},
    read::read_request,
    reader::Reader,
    write::write_request,
    writer::Writer,
};

/// The fields of a request that the common form has a place for; others reach only providers of
/// this dialect.
pub(crate) const KNOWN: &[&str] = &[
    "model",
    "messages",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "response_format",
    "temperature",
    "top_p",
    "top_k",
    "frequency_penalty",
    "presence_penalty",
    "seed",
    "stop",
    "n",
    "logprobs",
    "reasoning_effort",
    "max_tokens",
    "max_completion_tokens",
    "stream",
    "stream_options",
    "user",
    "functions",
];

/// The usage object; its prompt tokens include those of the cache.
#[must_use]
pub fn read_usage(value: &Value) -> Usage {
    let prompt = count(value, "prompt_tokens");
    let detail = |group: &str, name: &str| value.get(group).map_or(0, |group| count(group, name));
    let cache_read_tokens = detail("prompt_tokens_details", "cached_tokens").min(prompt);
    let cache_write_tokens = detail("prompt_tokens_details", "cache_write_tokens")
        .min(prompt.saturating_sub(cache_read_tokens));
    Usage {
        input_tokens: prompt.saturating_sub(cache_read_tokens).saturating_sub(cache_write_tokens),
        cache_read_tokens,
        cache_write_tokens,
        output_tokens: count(value, "completion_tokens"),
        reasoning_tokens: detail("completion_tokens_details", "reasoning_tokens"),
    }
}

/// The usage object.
#[must_use]
pub fn write_usage(usage: &Usage) -> Value {
    let prompt = usage.all_input();
    json!({
        "prompt_tokens": prompt,
        "completion_tokens": usage.output_tokens,
        "total_tokens": prompt.saturating_add(usage.output_tokens),
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "completion_tokens_details": { "reasoning_tokens": usage.reasoning_tokens },
    })
}

fn read_finish(word: &str) -> Finish {
    match word {
        "stop" => Finish::Stop,
        "length" => Finish::Length,
        "tool_calls" | "function_call" => Finish::ToolCalls,
        "content_filter" => Finish::ContentFilter,
        other => Finish::Other(other.to_owned()),
    }
}

/// The SDKs know four words.
fn write_finish(finish: &Finish) -> &'static str {
    match finish {
        Finish::Stop | Finish::StopSequence(_) | Finish::Pause | Finish::Other(_) => "stop",
        Finish::Length | Finish::ContextLength => "length",
        Finish::ToolCalls => "tool_calls",
        Finish::ContentFilter => "content_filter",
    }
}

/// The error of an answer's body, which may be anything.
#[must_use]
pub fn read_error(status: u16, body: &[u8]) -> UpstreamError {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    // Some servers send the message alone, or an array.
    let body = body.get(0).cloned().unwrap_or(body);
    let error = body.get("error").cloned().unwrap_or(body);
    error_of(status, &error)
}

/// An error object; the status is 0 in a stream.
fn error_of(status: u16, error: &Value) -> UpstreamError {
    let message = error.as_str().map_or_else(|| string(error, "message"), str::to_owned);
    let code = text_at(error, "code").or_else(|| text_at(error, "type")).unwrap_or_default();
    UpstreamError::of(status, code, message)
}

/// The error object of this surface.
#[must_use]
pub fn error_body(kind: &str, code: &str, message: &str, param: Option<&str>) -> Value {
    json!({ "error": { "message": message, "type": kind, "param": param, "code": code } })
}
