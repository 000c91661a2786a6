//! Messages.

use serde_json::{Map, Value, json};

use crate::{
    common::{Dialect, Fault, Image, Message, Part, Role},
    wire::{Fields, set},
};

pub(super) fn read_message(fields: &Fields<'_>) -> Result<Message, Fault> {
    let name = fields.str("name")?.map(str::to_owned);
    let role = match fields.str("role")? {
        Some("system" | "developer") => Role::System,
        Some("user") => Role::User,
        Some("assistant") => return read_assistant(fields, name),
        Some("tool") => {
            let content = read_content(fields)?;
            let part =
                Part::ToolResult { id: fields.text("tool_call_id")?, content, is_error: false };
            return Ok(Message { role: Role::User, name: None, parts: vec![part] });
        }
        Some("function") => {
            let content = read_content(fields)?;
            let part = Part::ToolResult { id: fields.text("name")?, content, is_error: false };
            return Ok(Message { role: Role::User, name: None, parts: vec![part] });
        }
        _ => {
            return Err(fields.fault("role", "must be system, developer, user, assistant or tool"));
        }
    };
    if fields.get("content").is_none() {
        return Err(fields.fault("content", "is required"));
    }
    Ok(Message { role, name, parts: read_content(fields)? })
}

fn read_assistant(fields: &Fields<'_>, name: Option<String>) -> Result<Message, Fault> {
    let mut parts = Vec::new();
    // Not OpenAI's own, but of many that speak its dialect.
    if let Some(text) = fields.str("reasoning_content")?.filter(|text| !text.is_empty()) {
        parts.push(Part::Reasoning { text: text.to_owned(), signature: None });
    }
    parts.extend(read_content(fields)?);
    if let Some(text) = fields.str("refusal")? {
        parts.push(Part::Refusal { text: text.to_owned() });
    }
    for call in fields.objects("tool_calls")? {
        parts.push(match call.object("function")? {
            Some(function) => Part::ToolCall {
                id: call.text("id")?,
                name: function.text("name")?,
                arguments: function.str("arguments")?.unwrap_or_default().to_owned(),
            },
            None => {
                let value = Value::Object(call.map.clone());
                Part::Other { dialect: Dialect::OpenAi, value }
            }
        });
    }
    Ok(Message { role: Role::Assistant, name, parts })
}

/// A string, an array of parts, or nothing.
fn read_content(fields: &Fields<'_>) -> Result<Vec<Part>, Fault> {
    match fields.get("content") {
        None => Ok(Vec::new()),
        // A message may say nothing; dialects differ in what they call it.
        Some(Value::String(text)) if text.is_empty() => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![Part::of(text)]),
        Some(Value::Array(_)) => fields.objects("content")?.iter().map(read_part).collect(),
        Some(_) => Err(fields.fault("content", "must be a string or an array of parts")),
    }
}

fn read_part(fields: &Fields<'_>) -> Result<Part, Fault> {
    match fields.str("type")? {
        Some("text") => Ok(Part::of(fields.text("text")?)),
        Some("refusal") => Ok(Part::Refusal { text: fields.text("refusal")? }),
        Some("image_url") => {
            let image = fields
                .object("image_url")?
                .ok_or_else(|| fields.fault("image_url", "is required"))?;
            Ok(Part::Image(Image::of_url(&image.text("url")?)))
        }
        Some(_) => {
            let value = Value::Object(fields.map.clone());
            Ok(Part::Other { dialect: Dialect::OpenAi, value })
        }
        None => Err(fields.fault("type", "is required")),
    }
}

/// A message in this dialect: several, where it answers several tool calls. What has no word here
/// is named in `lost`.
pub(crate) fn message_values(message: &Message, lost: &mut Vec<&'static str>) -> Vec<Value> {
    let mut values = Vec::new();
    let mut content = Vec::new();
    let mut calls = Vec::new();
    let mut refusal = None;
    for part in &message.parts {
        match part {
            Part::Text { text, cache } => {
                if cache.is_some() {
                    lost.push("cache_control");
                }
                content.push(json!({"type": "text", "text": text}));
            }
            Part::Image(image) => {
                content.push(json!({"type": "image_url", "image_url": {"url": image.to_url()}}));
            }
            Part::ToolCall { id, name, arguments } => calls.push(json!({
                "id": id,
                "type": "function",
                "function": {"name": name, "arguments": arguments},
            })),
            Part::ToolResult { id, content: result, is_error } => {
                let (text, images) = result_content(result, *is_error);
                values.push(json!({"role": "tool", "tool_call_id": id, "content": text}));
                // Tools answer in text here; their pictures come as if the user showed them.
                content.extend(images);
            }
            Part::Refusal { text } => refusal = Some(text.clone()),
            Part::Reasoning { .. } | Part::RedactedReasoning { .. } => lost.push("thinking"),
            Part::Other { dialect: Dialect::OpenAi, value } => content.push(value.clone()),
            // Refused before, see `write`.
            Part::Other { .. } => {}
        }
    }
    let is_answered = !values.is_empty() && content.is_empty() && calls.is_empty();
    if !is_answered {
        values.push(one_message(message, content, calls, refusal));
    }
    values
}

fn one_message(
    message: &Message,
    content: Vec<Value>,
    calls: Vec<Value>,
    refusal: Option<String>,
) -> Value {
    let role = match message.role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    };
    let mut map = Map::new();
    set(&mut map, "role", Some(role));
    let only = match content.as_slice() {
        [one] => one.get("text").cloned(),
        _ => None,
    };
    let content = match only {
        Some(text) => text,
        None if content.is_empty() && message.role == Role::Assistant => Value::Null,
        None if content.is_empty() => "".into(),
        None => Value::Array(content),
    };
    map.insert("content".to_owned(), content);
    set(&mut map, "name", message.name.clone());
    set(&mut map, "refusal", refusal);
    if !calls.is_empty() {
        map.insert("tool_calls".to_owned(), Value::Array(calls));
    }
    Value::Object(map)
}

/// The text of a result, and its pictures. That it is an error has no field here; the model reads
/// it.
fn result_content(parts: &[Part], is_error: bool) -> (String, Vec<Value>) {
    let mut text: String = if is_error { "Error: ".to_owned() } else { String::new() };
    let mut images = Vec::new();
    for part in parts {
        match part {
            Part::Image(image) => {
                images.push(json!({"type": "image_url", "image_url": {"url": image.to_url()}}));
            }
            part => text.push_str(part.text().unwrap_or_default()),
        }
    }
    (text, images)
}
