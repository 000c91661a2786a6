//! Whole answers.

use serde_json::{Map, Value, json};

use super::{read_finish, read_usage, write_finish, write_usage};
use crate::{
    common::{Answer, Choice, Dialect, Part, UpstreamError},
    surface::Envelope,
    wire::{array, set, string, text_at},
};

/// Reads the answer of a provider.
///
/// # Errors
///
/// An error object, or what is no answer.
pub fn read_answer(body: Value) -> Result<Answer, UpstreamError> {
    if let Some(error) = body.get("error").filter(|error| !error.is_null()) {
        return Err(super::error_of(0, error));
    }
    if body.get("choices").and_then(Value::as_array).is_none_or(Vec::is_empty) {
        return Err(UpstreamError::malformed("the answer has no choices"));
    }
    let usage = body.get("usage").filter(|usage| usage.is_object()).map(read_usage);
    Ok(Answer {
        id: string(&body, "id"),
        model: string(&body, "model"),
        choices: array(&body, "choices").iter().map(read_choice).collect(),
        usage,
        original: Some((Dialect::OpenAi, body)),
    })
}

fn read_choice(value: &Value) -> Choice {
    let mut choice =
        Choice { parts: Vec::new(), finish: text_at(value, "finish_reason").map(read_finish) };
    let Some(message) = value.get("message") else { return choice };
    let reasoning = text_at(message, "reasoning_content").or_else(|| text_at(message, "reasoning"));
    if let Some(text) = reasoning.filter(|text| !text.is_empty()) {
        choice.push(Part::Reasoning { text: text.to_owned(), signature: None });
    }
    for text in super::reader::texts(message.get("content")) {
        choice.push(Part::of(text));
    }
    if let Some(text) = text_at(message, "refusal").filter(|text| !text.is_empty()) {
        choice.push(Part::Refusal { text: text.to_owned() });
    }
    for call in array(message, "tool_calls") {
        let function = call.get("function").unwrap_or(&Value::Null);
        choice.push(Part::ToolCall {
            id: string(call, "id"),
            name: string(function, "name"),
            arguments: string(function, "arguments"),
        });
    }
    choice
}

/// The answer for a client of this surface: as it came if it came in this dialect.
#[must_use]
pub fn write_answer(answer: &Answer, envelope: &Envelope) -> Value {
    if let Some((Dialect::OpenAi, original)) = &answer.original {
        return original.clone();
    }
    let choices: Vec<Value> = answer
        .choices
        .iter()
        .enumerate()
        .map(|(index, choice)| {
            json!({
                "index": index,
                "message": message(&choice.parts),
                "logprobs": null,
                "finish_reason": choice.finish.as_ref().map_or("stop", write_finish),
            })
        })
        .collect();
    let mut body = Map::new();
    set(&mut body, "id", Some(envelope.id.clone()));
    set(&mut body, "object", Some("chat.completion"));
    set(&mut body, "created", Some(envelope.created));
    set(&mut body, "model", Some(envelope.model.clone()));
    set(&mut body, "choices", Some(choices));
    set(&mut body, "usage", Some(write_usage(&answer.usage.unwrap_or_default())));
    Value::Object(body)
}

fn message(parts: &[Part]) -> Value {
    let joined = |pick: fn(&Part) -> Option<&str>| {
        let text: String = parts.iter().filter_map(pick).collect();
        (!text.is_empty()).then_some(text)
    };
    let content = joined(|part| match part {
        Part::Text { text, .. } => Some(text),
        _ => None,
    });
    let refusal = joined(|part| match part {
        Part::Refusal { text } => Some(text),
        _ => None,
    });
    let reasoning = joined(|part| match part {
        Part::Reasoning { text, .. } => Some(text),
        _ => None,
    });
    let calls: Vec<Value> = parts
        .iter()
        .filter_map(|part| match part {
            Part::ToolCall { id, name, arguments } => Some(json!({
                "id": id,
                "type": "function",
                "function": {"name": name, "arguments": arguments},
            })),
            _ => None,
        })
        .collect();
    let mut message = Map::new();
    set(&mut message, "role", Some("assistant"));
    message.insert("content".to_owned(), content.map_or(Value::Null, Value::String));
    message.insert("refusal".to_owned(), refusal.map_or(Value::Null, Value::String));
    set(&mut message, "reasoning_content", reasoning);
    if !calls.is_empty() {
        message.insert("tool_calls".to_owned(), calls.into());
    }
    Value::Object(message)
}
