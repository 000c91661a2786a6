//! Streams for clients.

use std::collections::VecDeque;

use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::{call_id, write_finish, write_usage};
use crate::{
    common::{Event, Finish, Usage},
    surface::Envelope,
    wire::Frame,
};

/// Writes `message_start` to `message_stop`.
///
/// Blocks come one after the other here, while other dialects may say several calls at once: what
/// belongs to a later block waits until the one before it is whole.
#[derive(Debug)]
pub struct Writer {
    envelope: Envelope,
    is_started: bool,
    is_relaying: bool,
    /// Blocks until now, the open one included.
    blocks: usize,
    open: Option<Block>,
    waiting: VecDeque<Block>,
    usage: Usage,
    finish: Option<Finish>,
}

#[derive(Debug)]
struct Block {
    kind: Kind,
    /// What was said of it: deltas, in pieces.
    pieces: Vec<String>,
    signature: Option<String>,
}

#[derive(Debug, PartialEq)]
enum Kind {
    Text,
    Thinking,
    Redacted { data: String },
    Tool { call: usize, id: String, name: String },
}

impl Block {
    fn of(kind: Kind) -> Block {
        Block { kind, pieces: Vec::new(), signature: None }
    }

    /// Whether another block may begin: only of a call more may come.
    fn is_whole(&self) -> bool {
        match &self.kind {
            Kind::Tool { .. } => serde_json::from_str::<IgnoredAny>(&self.pieces.concat()).is_ok(),
            _ => true,
        }
    }
}

impl Writer {
    /// For one answer.
    #[must_use]
    pub fn new(envelope: Envelope) -> Writer {
        Writer {
            envelope,
            is_started: false,
            is_relaying: false,
            blocks: 0,
            open: None,
            waiting: VecDeque::new(),
            usage: Usage::default(),
            finish: None,
        }
    }

    /// The frames of an event.
    pub fn event(&mut self, event: &Event) -> Vec<Frame> {
        let mut frames = Vec::new();
        self.start(&mut frames);
        match event {
            Event::Text { choice: 0, text } | Event::Refusal { choice: 0, text } => {
                self.say(Kind::Text, Some(text), &mut frames);
            }
            Event::Reasoning { choice: 0, text } => {
                self.say(Kind::Thinking, Some(text), &mut frames);
            }
            Event::ReasoningSignature { choice: 0, signature } => {
                self.sign(signature, &mut frames);
            }
            Event::RedactedReasoning { choice: 0, data } => {
                self.say(Kind::Redacted { data: data.clone() }, None, &mut frames);
            }
            Event::ToolStart { choice: 0, call, id, name } => {
                let kind = Kind::Tool { call: *call, id: call_id(id), name: name.clone() };
                self.say(kind, None, &mut frames);
            }
            Event::ToolArguments { choice: 0, call, json } => {
                self.arguments(*call, json, &mut frames);
            }
            Event::Finish { choice: 0, finish } => {
                self.finish = Some(finish.clone());
                self.flush(&mut frames);
            }
            Event::Usage(usage) => self.usage = *usage,
            // There is one answer here.
            _ => {}
        }
        frames
    }

    /// The frames after the last event of a stream that succeeded.
    pub fn end(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        if !self.is_relaying {
            self.start(&mut frames);
            self.flush(&mut frames);
            let finish = self.finish.take().unwrap_or(Finish::Stop);
            let (reason, sequence) = write_finish(&finish);
            frames.push(frame(&json!({
                "type": "message_delta",
                "delta": {"stop_reason": reason, "stop_sequence": sequence},
                "usage": write_usage(&self.usage),
            })));
        }
        frames.push(frame(&json!({"type": "message_stop"})));
        frames
    }

    /// A frame of a provider of the same dialect.
    pub(crate) fn relayed(&mut self, relayed: &Frame) -> Option<Frame> {
        self.is_relaying = true;
        // The gateway says whether a stream ended well.
        (relayed.event.as_deref() != Some("message_stop")).then(|| relayed.clone())
    }

    fn start(&mut self, frames: &mut Vec<Frame>) {
        if std::mem::replace(&mut self.is_started, true) {
            return;
        }
        let usage = Usage { input_tokens: self.envelope.input_tokens, ..Usage::default() };
        frames.push(frame(&json!({
            "type": "message_start",
            "message": {
                "id": self.envelope.id,
                "type": "message",
                "role": "assistant",
                "model": self.envelope.model,
                "content": [],
                "stop_reason": null,
                "stop_sequence": null,
                "usage": write_usage(&usage),
            },
        })));
    }

    /// Says a piece of a block: of the last one if it is of this kind, else of a new one.
    fn say(&mut self, kind: Kind, piece: Option<&str>, frames: &mut Vec<Frame>) {
        let joins = matches!(kind, Kind::Text | Kind::Thinking);
        let last = self.waiting.back_mut();
        if let Some(block) = last {
            if joins && block.kind == kind && block.signature.is_none() {
                block.pieces.extend(piece.map(str::to_owned));
                return;
            }
        } else if let Some(open) = &self.open
            && joins
            && open.kind == kind
            && open.signature.is_none()
        {
            frames.extend(piece.map(|piece| self.delta(&kind, piece)));
            return;
        }
        let mut block = Block::of(kind);
        block.pieces.extend(piece.map(str::to_owned));
        self.waiting.push_back(block);
        self.advance(frames);
    }

    fn arguments(&mut self, call: usize, json: &str, frames: &mut Vec<Frame>) {
        let is_it =
            |block: &Block| matches!(&block.kind, Kind::Tool { call: own, .. } if *own == call);
        if let Some(block) = self.waiting.iter_mut().find(|block| is_it(block)) {
            block.pieces.push(json.to_owned());
            return;
        }
        let Some(block) = self.open.as_mut().filter(|block| is_it(block)) else { return };
        block.pieces.push(json.to_owned());
        frames.push(self.piece("input_json_delta", "partial_json", json));
        self.advance(frames);
    }

    fn sign(&mut self, signature: &str, frames: &mut Vec<Frame>) {
        let last = self.waiting.back_mut().or(self.open.as_mut());
        if last.is_none_or(|block| block.kind != Kind::Thinking || block.signature.is_some()) {
            self.say(Kind::Thinking, None, frames);
        }
        if let Some(block) = self.waiting.back_mut() {
            block.signature = Some(signature.to_owned());
        } else if let Some(block) = &mut self.open {
            block.signature = Some(signature.to_owned());
            frames.push(self.piece("signature_delta", "signature", signature));
        }
    }

    /// Opens the next block if the open one is whole.
    fn advance(&mut self, frames: &mut Vec<Frame>) {
        while !self.waiting.is_empty() && self.open.as_ref().is_none_or(Block::is_whole) {
            self.close(frames);
            self.open_next(frames);
        }
    }

    /// All that waits: nothing more comes.
    fn flush(&mut self, frames: &mut Vec<Frame>) {
        loop {
            self.close(frames);
            if self.waiting.is_empty() {
                break;
            }
            self.open_next(frames);
        }
    }

    fn close(&mut self, frames: &mut Vec<Frame>) {
        if self.open.take().is_some() {
            let index = self.blocks.saturating_sub(1);
            frames.push(frame(&json!({"type": "content_block_stop", "index": index})));
        }
    }

    fn open_next(&mut self, frames: &mut Vec<Frame>) {
        let Some(block) = self.waiting.pop_front() else { return };
        let content = match &block.kind {
            Kind::Text => json!({"type": "text", "text": ""}),
            Kind::Thinking => json!({"type": "thinking", "thinking": "", "signature": ""}),
            Kind::Redacted { data } => json!({"type": "redacted_thinking", "data": data}),
            Kind::Tool { id, name, .. } => {
                json!({"type": "tool_use", "id": id, "name": name, "input": {}})
            }
        };
        let index = self.blocks;
        self.blocks += 1;
        frames.push(frame(&json!({
            "type": "content_block_start", "index": index, "content_block": content,
        })));
        for piece in &block.pieces {
            frames.push(self.delta(&block.kind, piece));
        }
        if let Some(signature) = &block.signature {
            frames.push(self.piece("signature_delta", "signature", signature));
        }
        self.open = Some(block);
    }

    fn delta(&self, kind: &Kind, piece: &str) -> Frame {
        match kind {
            Kind::Thinking => self.piece("thinking_delta", "thinking", piece),
            Kind::Tool { .. } => self.piece("input_json_delta", "partial_json", piece),
            Kind::Text | Kind::Redacted { .. } => self.piece("text_delta", "text", piece),
        }
    }

    fn piece(&self, kind: &str, name: &str, piece: &str) -> Frame {
        let mut delta = serde_json::Map::new();
        delta.insert("type".to_owned(), kind.into());
        delta.insert(name.to_owned(), piece.into());
        let index = self.blocks.saturating_sub(1);
        frame(&json!({"type": "content_block_delta", "index": index, "delta": delta}))
    }
}

fn frame(event: &Value) -> Frame {
    let name = event.get("type").and_then(Value::as_str).unwrap_or_default();
    Frame::named(name, event.to_string())
}
