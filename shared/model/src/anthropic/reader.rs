//! Streams of providers.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{error_of, merge_usage, read_finish};
use crate::{
    common::{Dialect, Event, UpstreamError, Usage},
    stream::Item,
    wire::{Frame, Frames, count, string, text_at},
};

/// Reads `message_start` to `message_stop`.
#[derive(Debug, Default)]
pub struct Reader {
    frames: Frames,
    usage: Usage,
    /// Blocks that are tool calls: which call, and whether it has arguments yet.
    calls: BTreeMap<u64, (usize, bool)>,
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
        if !frame.data.trim().is_empty() {
            let value: Value = serde_json::from_str(&frame.data)
                .map_err(|_| UpstreamError::malformed("an event of the stream is no JSON"))?;
            self.event(&value, &mut events);
        }
        Ok(Item { dialect: Dialect::Anthropic, frame, events })
    }

    fn event(&mut self, value: &Value, events: &mut Vec<Event>) {
        let null = Value::Null;
        let inner = |name: &str| value.get(name).unwrap_or(&null);
        // Of kinds that are added one day, and of `ping`, nothing is needed.
        match text_at(value, "type").unwrap_or_default() {
            "message_start" => {
                let message = inner("message");
                let (id, model) = (string(message, "id"), string(message, "model"));
                events.push(Event::Start { id, model });
                self.count(message, events);
            }
            "content_block_start" => {
                self.block_start(count(value, "index"), inner("content_block"), events);
            }
            "content_block_delta" => self.delta(count(value, "index"), inner("delta"), events),
            "content_block_stop" => {
                // Calls without arguments: whole answers say `{}`.
                if let Some((call, false)) = self.calls.get(&count(value, "index")).copied() {
                    events.push(arguments(call, "{}".to_owned()));
                }
            }
            "message_delta" => {
                let delta = inner("delta");
                if let Some(word) = text_at(delta, "stop_reason") {
                    let finish = read_finish(word, text_at(delta, "stop_sequence"));
                    events.push(Event::Finish { choice: 0, finish });
                }
                self.count(value, events);
            }
            "message_stop" => events.push(Event::End),
            "error" => events.push(Event::Error(error_of(0, inner("error")))),
            _ => {}
        }
    }

    fn count(&mut self, holder: &Value, events: &mut Vec<Event>) {
        if let Some(usage) = holder.get("usage").filter(|usage| usage.is_object()) {
            merge_usage(&mut self.usage, usage);
            events.push(Event::Usage(self.usage));
        }
    }

    fn block_start(&mut self, index: u64, block: &Value, events: &mut Vec<Event>) {
        match text_at(block, "type").unwrap_or_default() {
            "text" => self.text(string(block, "text"), events),
            "thinking" => reasoning(string(block, "thinking"), events),
            "redacted_thinking" => {
                events.push(Event::RedactedReasoning { choice: 0, data: string(block, "data") });
            }
            "tool_use" => {
                let call = self.calls.len();
                let (id, name) = (string(block, "id"), string(block, "name"));
                events.push(Event::ToolStart { choice: 0, call, id, name });
                let input = block
                    .get("input")
                    .filter(|input| input.as_object().is_some_and(|input| !input.is_empty()));
                self.calls.insert(index, (call, input.is_some()));
                events.extend(input.map(|input| arguments(call, input.to_string())));
            }
            _ => {}
        }
    }

    fn delta(&mut self, index: u64, delta: &Value, events: &mut Vec<Event>) {
        match text_at(delta, "type").unwrap_or_default() {
            "text_delta" => self.text(string(delta, "text"), events),
            "thinking_delta" => reasoning(string(delta, "thinking"), events),
            "signature_delta" => {
                let signature = string(delta, "signature");
                if !signature.is_empty() {
                    events.push(Event::ReasoningSignature { choice: 0, signature });
                }
            }
            "input_json_delta" => {
                let json = string(delta, "partial_json");
                if let Some((call, has_arguments)) = self.calls.get_mut(&index)
                    && !json.is_empty()
                {
                    *has_arguments = true;
                    events.push(arguments(*call, json));
                }
            }
            _ => {}
        }
    }

    fn text(&self, text: String, events: &mut Vec<Event>) {
        if !text.is_empty() {
            events.push(Event::Text { choice: 0, text });
        }
    }
}

fn reasoning(text: String, events: &mut Vec<Event>) {
    if !text.is_empty() {
        events.push(Event::Reasoning { choice: 0, text });
    }
}

fn arguments(call: usize, json: String) -> Event {
    Event::ToolArguments { choice: 0, call, json }
}
