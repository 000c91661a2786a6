//! Whole answers.

use serde_json::{Map, Value};

use super::{
    block::read_answer_block, block_value, read_finish, read_usage, write_finish, write_usage,
};
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
    if !body.get("content").is_some_and(Value::is_array) {
        return Err(UpstreamError::malformed("the answer has no content"));
    }
    let mut choice = Choice::default();
    for part in array(&body, "content").iter().filter_map(read_answer_block) {
        choice.push(part);
    }
    choice.finish = text_at(&body, "stop_reason")
        .map(|word| read_finish(word, text_at(&body, "stop_sequence")));
    Ok(Answer {
        id: string(&body, "id"),
        model: string(&body, "model"),
        choices: vec![choice],
        usage: body.get("usage").filter(|usage| usage.is_object()).map(read_usage),
        original: Some((Dialect::Anthropic, body)),
    })
}

/// The answer for a client of this surface: as it came if it came in this dialect.
#[must_use]
pub fn write_answer(answer: &Answer, envelope: &Envelope) -> Value {
    if let Some((Dialect::Anthropic, original)) = &answer.original {
        return original.clone();
    }
    let choice = answer.choices.first().cloned().unwrap_or_default();
    let blocks: Vec<Value> = choice.parts.iter().filter_map(answer_block).collect();
    let (reason, sequence) = choice.finish.as_ref().map_or(("end_turn", None), write_finish);
    let mut body = Map::new();
    set(&mut body, "id", Some(envelope.id.clone()));
    set(&mut body, "type", Some("message"));
    set(&mut body, "role", Some("assistant"));
    set(&mut body, "model", Some(envelope.model.clone()));
    set(&mut body, "content", Some(blocks));
    set(&mut body, "stop_reason", Some(reason));
    body.insert("stop_sequence".to_owned(), sequence.map_or(Value::Null, Value::from));
    set(&mut body, "usage", Some(write_usage(&answer.usage.unwrap_or_default())));
    Value::Object(body)
}

/// Thoughts that nobody signed are shown all the same; they are only not taken back.
fn answer_block(part: &Part) -> Option<Value> {
    match part {
        Part::Reasoning { text, signature: None } => {
            Some(serde_json::json!({"type": "thinking", "thinking": text, "signature": ""}))
        }
        part => block_value(part, &mut Vec::new()),
    }
}
