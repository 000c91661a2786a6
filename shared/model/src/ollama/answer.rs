//! Answers and streams of providers: the same objects, whole or one a line.

use serde_json::Value;

use super::{error_of, read_finish, read_usage};
use crate::{
    common::{Answer, Dialect, Event, Fold, UpstreamError},
    stream::Item,
    wire::{Frame, Lines, array, string, text_at},
};

/// Reads a whole answer. `id` names it and its tool calls, which have no names here.
///
/// # Errors
///
/// An error object, or what is no answer.
pub fn read_answer(id: &str, body: Value) -> Result<Answer, UpstreamError> {
    if !body.get("error").is_none_or(Value::is_null) {
        return Err(error_of(0, &body));
    }
    if !body.get("message").is_some_and(Value::is_object) {
        return Err(UpstreamError::malformed("the answer has no message"));
    }
    let mut reader = Reader::new(id);
    let mut fold = Fold::default();
    let mut events = Vec::new();
    reader.object(&body, &mut events);
    events.iter().for_each(|event| fold.take(event));
    Ok(Answer { original: Some((Dialect::Ollama, body)), ..fold.answer() })
}

/// Reads one object a line.
#[derive(Debug)]
pub struct Reader {
    id: String,
    lines: Lines,
    is_started: bool,
    calls: usize,
}

impl Reader {
    /// For one answer; `id` names it and its tool calls.
    #[must_use]
    pub fn new(id: &str) -> Reader {
        Reader { id: id.to_owned(), lines: Lines::default(), is_started: false, calls: 0 }
    }

    /// What these bytes complete.
    ///
    /// # Errors
    ///
    /// What is no stream of this dialect; it is over then.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Item>, UpstreamError> {
        self.lines.push(bytes)?.into_iter().map(|line| self.item(line)).collect()
    }

    /// The last line may have no end.
    ///
    /// # Errors
    ///
    /// As [`push`](Reader::push).
    pub fn end(&mut self) -> Result<Vec<Item>, UpstreamError> {
        self.lines.end()?.into_iter().map(|line| self.item(line)).collect()
    }

    fn item(&mut self, line: String) -> Result<Item, UpstreamError> {
        let value: Value = serde_json::from_str(&line)
            .map_err(|_| UpstreamError::malformed("a line of the stream is no JSON"))?;
        let mut events = Vec::new();
        self.object(&value, &mut events);
        Ok(Item { dialect: Dialect::Ollama, frame: Frame::data(line), events })
    }

    fn object(&mut self, value: &Value, events: &mut Vec<Event>) {
        if !value.get("error").is_none_or(Value::is_null) {
            events.push(Event::Error(error_of(0, value)));
            return;
        }
        if !self.is_started {
            self.is_started = true;
            events.push(Event::Start { id: self.id.clone(), model: string(value, "model") });
        }
        if let Some(message) = value.get("message") {
            self.message(message, events);
        }
        if value.get("done").and_then(Value::as_bool) == Some(true) {
            let word = text_at(value, "done_reason").unwrap_or_default();
            let finish = read_finish(word, self.calls > 0);
            events.push(Event::Finish { choice: 0, finish });
            if value.get("eval_count").is_some() || value.get("prompt_eval_count").is_some() {
                events.push(Event::Usage(read_usage(value)));
            }
            events.push(Event::End);
        }
    }

    fn message(&mut self, message: &Value, events: &mut Vec<Event>) {
        let filled = |name| text_at(message, name).filter(|text| !text.is_empty());
        if let Some(text) = filled("thinking") {
            events.push(Event::Reasoning { choice: 0, text: text.to_owned() });
        }
        if let Some(text) = filled("content") {
            events.push(Event::Text { choice: 0, text: text.to_owned() });
        }
        for value in array(message, "tool_calls") {
            let call = self.calls;
            self.calls += 1;
            let function = value.get("function").unwrap_or(&Value::Null);
            // Newer servers name calls.
            let id = match text_at(value, "id") {
                Some(id) if !id.is_empty() => id.to_owned(),
                _ => format!("call_{}_{call}", self.id),
            };
            events.push(Event::ToolStart { choice: 0, call, id, name: string(function, "name") });
            let json = match function.get("arguments") {
                Some(Value::String(json)) => json.clone(),
                Some(arguments) => arguments.to_string(),
                None => "{}".to_owned(),
            };
            events.push(Event::ToolArguments { choice: 0, call, json });
        }
    }
}
