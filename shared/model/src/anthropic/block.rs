//! Blocks of content.

use serde_json::{Map, Value, json};

use super::call_id;
use crate::{
    common::{Dialect, Fault, Image, Part},
    wire::{Fields, arguments, set},
};

/// A string, an array of blocks, or nothing.
pub(super) fn read_content(fields: &Fields<'_>, name: &str) -> Result<Vec<Part>, Fault> {
    match fields.get(name) {
        None => Ok(Vec::new()),
        Some(Value::String(text)) if text.is_empty() => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![Part::of(text)]),
        Some(Value::Array(_)) => fields.objects(name)?.iter().map(read_block).collect(),
        Some(_) => Err(fields.fault(name, "must be a string or an array of blocks")),
    }
}

fn read_block(fields: &Fields<'_>) -> Result<Part, Fault> {
    let other = || {
        let value = Value::Object(fields.map.clone());
        Part::Other { dialect: Dialect::Anthropic, value }
    };
    match fields.str("type")? {
        Some("text") => Ok(Part::Text {
            text: fields.text("text")?,
            cache: fields.get("cache_control").cloned(),
        }),
        Some("image") => {
            let source =
                fields.object("source")?.ok_or_else(|| fields.fault("source", "is required"))?;
            match source.str("type")? {
                Some("base64") => Ok(Part::Image(Image::Data {
                    mime: source.text("media_type")?,
                    base64: source.text("data")?,
                })),
                Some("url") => Ok(Part::Image(Image::Url { url: source.text("url")? })),
                // A file that the provider holds.
                _ => Ok(other()),
            }
        }
        Some("tool_use") => Ok(Part::ToolCall {
            id: fields.text("id")?,
            name: fields.text("name")?,
            arguments: match fields.get("input") {
                Some(input) => input.to_string(),
                None => "{}".to_owned(),
            },
        }),
        Some("tool_result") => Ok(Part::ToolResult {
            id: fields.text("tool_use_id")?,
            content: read_content(fields, "content")?,
            is_error: fields.bool("is_error")?.unwrap_or_default(),
        }),
        Some("thinking") => Ok(Part::Reasoning {
            text: fields.text("thinking")?,
            signature: fields.str("signature")?.map(str::to_owned),
        }),
        Some("redacted_thinking") => Ok(Part::RedactedReasoning { data: fields.text("data")? }),
        Some(_) => Ok(other()),
        None => Err(fields.fault("type", "is required")),
    }
}

/// A part of an answer: what is not understood stays readable in the original.
pub(super) fn read_answer_block(value: &Value) -> Option<Part> {
    let fields = Fields::of(value, "content").ok()?;
    match read_block(&fields).ok()? {
        // Markers are of requests.
        Part::Text { text, .. } => (!text.is_empty()).then(|| Part::of(text)),
        Part::Reasoning { text, signature } => {
            let signature = signature.filter(|signature| !signature.is_empty());
            (!text.is_empty() || signature.is_some()).then_some(Part::Reasoning { text, signature })
        }
        Part::Other { .. } => None,
        part => Some(part),
    }
}

/// A part as a block; None for what has no block here, which is named in `lost`.
pub(crate) fn block_value(part: &Part, lost: &mut Vec<&'static str>) -> Option<Value> {
    match part {
        // Empty texts are refused.
        Part::Text { text, .. } | Part::Refusal { text } if text.is_empty() => None,
        Part::Refusal { text } => Some(json!({"type": "text", "text": text})),
        Part::Text { text, cache } => {
            let mut block = Map::new();
            set(&mut block, "type", Some("text"));
            set(&mut block, "text", Some(text.clone()));
            set(&mut block, "cache_control", cache.clone());
            Some(Value::Object(block))
        }
        Part::Image(Image::Url { url }) => {
            Some(json!({"type": "image", "source": {"type": "url", "url": url}}))
        }
        Part::Image(Image::Data { mime, base64 }) => {
            let source = json!({"type": "base64", "media_type": mime, "data": base64});
            Some(json!({"type": "image", "source": source}))
        }
        Part::ToolCall { id, name, arguments: json } => Some(json!({
            "type": "tool_use",
            "id": call_id(id),
            "name": name,
            "input": arguments(json),
        })),
        Part::ToolResult { id, content, is_error } => {
            let content: Vec<Value> =
                content.iter().filter_map(|part| block_value(part, lost)).collect();
            let mut block = Map::new();
            set(&mut block, "type", Some("tool_result"));
            set(&mut block, "tool_use_id", Some(call_id(id)));
            set(&mut block, "content", (!content.is_empty()).then_some(content));
            set(&mut block, "is_error", is_error.then_some(true));
            Some(Value::Object(block))
        }
        Part::Reasoning { text, signature: Some(signature) } => {
            Some(json!({"type": "thinking", "thinking": text, "signature": signature}))
        }
        // The provider takes only what it has signed.
        Part::Reasoning { signature: None, .. } => {
            lost.push("reasoning_content");
            None
        }
        Part::RedactedReasoning { data } => {
            Some(json!({"type": "redacted_thinking", "data": data}))
        }
        Part::Other { dialect: Dialect::Anthropic, value } => Some(value.clone()),
        // Refused before, see `write`.
        Part::Other { .. } => None,
    }
}
