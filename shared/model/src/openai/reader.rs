//! Streams of providers.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{error_of, read_finish, read_usage};
use crate::{
    common::{Dialect, Event, UpstreamError},
    stream::Item,
    wire::{Frame, Frames, array, string, text_at},
};

/// Reads `chat.completion.chunk`s.
#[derive(Debug, Default)]
pub struct Reader {
    frames: Frames,
    is_started: bool,
    /// Tool calls that were begun, by answer.
    calls: BTreeSet<(usize, usize)>,
}

impl Reader {
    /// What these bytes complete.
    ///
    /// # Errors
    ///
    /// What is no stream of this dialect; it is over then.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Item>, UpstreamError> {
        self.frames.push(bytes)?.into_iter().map(|frame| self.item(frame)).collect()
    }

    fn item(&mut self, frame: Frame) -> Result<Item, UpstreamError> {
        let mut events = Vec::new();
        let data = frame.data.trim();
        if data == "[DONE]" {
            events.push(Event::End);
        } else if !data.is_empty() {
            let chunk = serde_json::from_str(data)
                .map_err(|_| UpstreamError::malformed("an event of the stream is no JSON"))?;
            self.chunk(&chunk, &mut events);
        }
        Ok(Item { dialect: Dialect::OpenAi, frame, events })
    }

    fn chunk(&mut self, chunk: &Value, events: &mut Vec<Event>) {
        if let Some(error) = chunk.get("error").filter(|error| !error.is_null()) {
            events.push(Event::Error(error_of(0, error)));
            return;
        }
        if !self.is_started {
            self.is_started = true;
            events.push(Event::Start { id: string(chunk, "id"), model: string(chunk, "model") });
        }
        for choice in array(chunk, "choices") {
            self.choice(choice, events);
        }
        if let Some(usage) = chunk.get("usage").filter(|usage| usage.is_object()) {
            events.push(Event::Usage(read_usage(usage)));
        }
    }

    fn choice(&mut self, value: &Value, events: &mut Vec<Event>) {
        let choice = place(value).unwrap_or_default();
        if let Some(delta) = value.get("delta") {
            let filled = |name| text_at(delta, name).filter(|text| !text.is_empty());
            if let Some(text) = filled("reasoning_content").or_else(|| filled("reasoning")) {
                events.push(Event::Reasoning { choice, text: text.to_owned() });
            }
            for text in texts(delta.get("content")) {
                events.push(Event::Text { choice, text });
            }
            if let Some(text) = filled("refusal") {
                events.push(Event::Refusal { choice, text: text.to_owned() });
            }
            for (position, fragment) in array(delta, "tool_calls").iter().enumerate() {
                let call = place(fragment).unwrap_or(position);
                self.call(choice, call, fragment, events);
            }
        }
        if let Some(word) = text_at(value, "finish_reason") {
            events.push(Event::Finish { choice, finish: read_finish(word) });
        }
    }

    fn call(&mut self, choice: usize, call: usize, fragment: &Value, events: &mut Vec<Event>) {
        let function = fragment.get("function").unwrap_or(&Value::Null);
        if self.calls.insert((choice, call)) {
            let (id, name) = (string(fragment, "id"), string(function, "name"));
            events.push(Event::ToolStart { choice, call, id, name });
        }
        let json = string(function, "arguments");
        if !json.is_empty() {
            events.push(Event::ToolArguments { choice, call, json });
        }
    }
}

fn place(value: &Value) -> Option<usize> {
    value.get("index").and_then(Value::as_u64).and_then(|index| usize::try_from(index).ok())
}

/// A string; some servers send parts.
pub(super) fn texts(content: Option<&Value>) -> Vec<String> {
    let texts = match content {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(parts)) => parts.iter().map(|part| string(part, "text")).collect(),
        _ => Vec::new(),
    };
    texts.into_iter().filter(|text| !text.is_empty()).collect()
}
