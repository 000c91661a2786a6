//! Streams for clients.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{write_finish, write_usage};
use crate::{
    common::{Event, Usage},
    surface::Envelope,
    wire::Frame,
};

/// Writes `chat.completion.chunk`s.
#[derive(Debug)]
pub struct Writer {
    envelope: Envelope,
    /// Answers whose role was said.
    spoken: BTreeSet<usize>,
    usage: Usage,
    /// The client got the usage from the provider.
    is_usage_sent: bool,
}

impl Writer {
    /// For one answer.
    #[must_use]
    pub fn new(envelope: Envelope) -> Writer {
        Writer { envelope, spoken: BTreeSet::new(), usage: Usage::default(), is_usage_sent: false }
    }

    /// The frames of an event: of most one, of some none.
    pub fn event(&mut self, event: &Event) -> Vec<Frame> {
        match event {
            Event::Start { .. } => self.delta(0, json!({})),
            Event::Text { choice, text } => self.delta(*choice, json!({"content": text})),
            Event::Refusal { choice, text } => self.delta(*choice, json!({"refusal": text})),
            Event::Reasoning { choice, text } => {
                self.delta(*choice, json!({"reasoning_content": text}))
            }
            Event::ToolStart { choice, call, id, name } => {
                let function = json!({"name": name, "arguments": ""});
                let start =
                    json!({"index": call, "id": id, "type": "function", "function": function});
                self.delta(*choice, json!({"tool_calls": [start]}))
            }
            Event::ToolArguments { choice, call, json } => {
                let fragment = json!({"index": call, "function": {"arguments": json}});
                self.delta(*choice, json!({"tool_calls": [fragment]}))
            }
            Event::Finish { choice, finish } => {
                let choice = json!({
                    "index": choice, "delta": {}, "logprobs": null,
                    "finish_reason": write_finish(finish),
                });
                vec![self.chunk(json!([choice]), None)]
            }
            Event::Usage(usage) => {
                self.usage = *usage;
                Vec::new()
            }
            Event::ReasoningSignature { .. }
            | Event::RedactedReasoning { .. }
            | Event::Error(_)
            | Event::End => Vec::new(),
        }
    }

    /// The frames after the last event of a stream that succeeded.
    pub fn end(&mut self) -> Vec<Frame> {
        let usage = self.usage;
        let asked = self.envelope.include_usage && !self.is_usage_sent;
        let last = asked.then(|| self.chunk(json!([]), Some(&usage)));
        last.into_iter().chain([Frame::data("[DONE]".to_owned())]).collect()
    }

    /// A frame of a provider of the same dialect, for a client that may not have asked for usage.
    #[must_use]
    pub fn relayed(&self, frame: &Frame) -> Option<Frame> {
        // The gateway says whether a stream ended well.
        if frame.data.trim() == "[DONE]" {
            return None;
        }
        if self.envelope.include_usage || !frame.data.contains("\"usage\"") {
            return Some(frame.clone());
        }
        let Ok(Value::Object(mut chunk)) = serde_json::from_str(&frame.data) else {
            return Some(frame.clone());
        };
        let had = chunk.remove("usage").is_some_and(|usage| !usage.is_null());
        let is_empty = chunk.get("choices").and_then(Value::as_array).is_none_or(Vec::is_empty);
        if had && is_empty {
            return None;
        }
        Some(Frame::data(Value::Object(chunk).to_string()))
    }

    pub(crate) fn relayed_usage(&mut self, events: &[Event]) {
        // Beside other things it is no chunk of its own, which clients look for.
        let is_alone = events.iter().all(|event| matches!(event, Event::Usage(_)));
        for event in events {
            if let Event::Usage(usage) = event {
                self.usage = *usage;
                self.is_usage_sent |= is_alone;
            }
        }
    }

    fn delta(&mut self, choice: usize, delta: Value) -> Vec<Frame> {
        let mut delta = crate::wire::object(delta);
        if self.spoken.insert(choice) {
            delta.insert("role".to_owned(), "assistant".into());
            delta.entry("content").or_insert_with(|| "".into());
        } else if delta.is_empty() {
            return Vec::new();
        }
        let choice =
            json!({"index": choice, "delta": delta, "logprobs": null, "finish_reason": null});
        vec![self.chunk(json!([choice]), None)]
    }

    fn chunk(&self, choices: Value, usage: Option<&Usage>) -> Frame {
        let mut chunk = Map::new();
        chunk.insert("id".to_owned(), self.envelope.id.clone().into());
        chunk.insert("object".to_owned(), "chat.completion.chunk".into());
        chunk.insert("created".to_owned(), self.envelope.created.into());
        chunk.insert("model".to_owned(), self.envelope.model.clone().into());
        chunk.insert("choices".to_owned(), choices);
        if self.envelope.include_usage {
            chunk.insert("usage".to_owned(), usage.map_or(Value::Null, write_usage));
        }
        Frame::data(Value::Object(chunk).to_string())
    }
}
