//! Changes of a request that reach the original too, so that providers of its dialect see them.

use serde_json::{Map, Value, json};

use crate::{
    anthropic,
    common::{Dialect, Format, Message, Request, Role},
    openai,
};

/// What a model's settings say for requests that say nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Defaults {
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub max_output_tokens: Option<u64>,
    pub stop: Vec<String>,
}

impl Request {
    /// Puts messages before all others: prompts by reference.
    pub fn prepend(&mut self, messages: Vec<Message>) {
        self.original.insert(&messages, true);
        self.messages.splice(0..0, messages);
    }

    /// Puts messages after all others: the faults of an answer that is asked for again.
    pub fn append(&mut self, messages: Vec<Message>) {
        self.original.insert(&messages, false);
        self.messages.extend(messages);
    }

    /// The schema of the answer, where the request says nothing of its format. True if it is set.
    pub fn set_schema(&mut self, name: &str, schema: &Value) -> bool {
        if self.format != Format::Text {
            return false;
        }
        let (name, schema) = (name.to_owned(), schema.clone());
        let body = &mut self.original.body;
        if self.original.dialect == Dialect::OpenAi {
            let inner = json!({"name": name, "schema": schema});
            let format = json!({"type": "json_schema", "json_schema": inner});
            body.insert("response_format".to_owned(), format);
        } else {
            let output = body.entry("output_config").or_insert_with(|| json!({}));
            output["format"] = json!({"type": "json_schema", "schema": schema});
        }
        self.format = Format::JsonSchema { name, description: None, schema, strict: None };
        true
    }

    /// Fills in what the request leaves open.
    pub fn set_defaults(&mut self, defaults: &Defaults) {
        let is_openai = self.original.dialect == Dialect::OpenAi;
        let body = &mut self.original.body;
        let mut fill = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                body.insert(name.to_owned(), value);
            }
        };
        if self.temperature.is_none() {
            self.temperature = defaults.temperature;
            fill("temperature", defaults.temperature.map(Value::from));
        }
        if self.top_p.is_none() {
            self.top_p = defaults.top_p;
            fill("top_p", defaults.top_p.map(Value::from));
        }
        if self.max_output_tokens.is_none() {
            self.max_output_tokens = defaults.max_output_tokens;
            let name = if is_openai { "max_completion_tokens" } else { "max_tokens" };
            fill(name, defaults.max_output_tokens.map(Value::from));
        }
        if self.stop.is_empty() && !defaults.stop.is_empty() {
            self.stop.clone_from(&defaults.stop);
            let name = if is_openai { "stop" } else { "stop_sequences" };
            fill(name, Some(defaults.stop.clone().into()));
        }
    }
}

impl crate::Original {
    fn insert(&mut self, messages: &[Message], first: bool) {
        let mut lost = Vec::new();
        let mut values = Vec::new();
        let mut system = Vec::new();
        for message in messages {
            if self.dialect == Dialect::OpenAi {
                values.extend(openai::message_values(message, &mut lost));
                continue;
            }
            let blocks: Vec<Value> = message
                .parts
                .iter()
                .filter_map(|part| anthropic::block_value(part, &mut lost))
                .collect();
            if blocks.is_empty() {
                continue;
            }
            match message.role {
                Role::System => system.extend(blocks),
                role => {
                    let role = if role == Role::Assistant { "assistant" } else { "user" };
                    values.push(serde_json::json!({"role": role, "content": blocks}));
                }
            }
        }
        join(&mut self.body, "messages", values, first);
        if !system.is_empty() {
            if let Some(Value::String(text)) = self.body.get("system") {
                let block = serde_json::json!([{"type": "text", "text": text}]);
                let blocks = if text.is_empty() { Value::Array(Vec::new()) } else { block };
                self.body.insert("system".to_owned(), blocks);
            }
            join(&mut self.body, "system", system, first);
        }
    }
}

fn join(body: &mut Map<String, Value>, name: &str, mut more: Vec<Value>, first: bool) {
    let mut present = match body.remove(name) {
        Some(Value::Array(present)) => present,
        _ => Vec::new(),
    };
    if first {
        more.append(&mut present);
    } else {
        present.append(&mut more);
        more = present;
    }
    body.insert(name.to_owned(), Value::Array(more));
}
