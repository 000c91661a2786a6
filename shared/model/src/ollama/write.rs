//! Requests to providers.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    common::{
        Capability, Dialect, Format, Image, Message, Part, Request, Role, Target, Tool, ToolChoice,
        Translated, Unfit,
    },
    translate::Drops,
    wire::{arguments, set},
};

/// The request as Ollama gets it. It has a format for every schema, so no tool is forced; which
/// tool to call cannot be chosen.
///
/// # Errors
///
/// [`Unfit`]: what the target would not understand, and must; images by URL.
pub fn write_request(request: &Request, target: &Target<'_>) -> Result<Translated, Unfit> {
    request.fits(target.capabilities)?;
    if request.n > 1 {
        return Err(Unfit::missing("n", "n > 1"));
    }
    let mut drops = Drops::of(request, Dialect::Ollama);
    drops.refuse_foreign(Dialect::Ollama)?;
    let mut body = Map::new();
    set(&mut body, "model", Some(target.model));
    body.insert("messages".to_owned(), messages(request, &mut drops)?.into());
    // Absent means true here.
    set(&mut body, "stream", Some(request.stream));
    // By default what is too long is cut, silently; older servers do not know these.
    set(&mut body, "truncate", Some(false));
    set(&mut body, "shift", Some(false));
    tools(request, &mut body, &mut drops);
    match &request.format {
        Format::Text => {}
        Format::JsonObject => set(&mut body, "format", Some("json")),
        Format::JsonSchema { schema, .. } => set(&mut body, "format", Some(schema.clone())),
    }
    think(request, target, &mut body, &mut drops);
    let options = options(request);
    set(&mut body, "options", (!options.is_empty()).then_some(options));
    drops.lose_said(&["logprobs", "user", "metadata"]);
    Ok(Translated { body: Value::Object(body), dropped: drops.named(), forced_tool: false })
}

fn options(request: &Request) -> Map<String, Value> {
    let mut options = Map::new();
    set(&mut options, "temperature", request.temperature);
    set(&mut options, "top_p", request.top_p);
    set(&mut options, "top_k", request.top_k);
    set(&mut options, "frequency_penalty", request.frequency_penalty);
    set(&mut options, "presence_penalty", request.presence_penalty);
    set(&mut options, "seed", request.seed);
    set(&mut options, "num_predict", request.max_output_tokens);
    set(&mut options, "stop", (!request.stop.is_empty()).then(|| request.stop.clone()));
    options
}

fn think(
    request: &Request,
    target: &Target<'_>,
    body: &mut Map<String, Value>,
    drops: &mut Drops<'_>,
) {
    if !target.capabilities.contains(&Capability::Reasoning) {
        let asks = request.reasoning_effort.as_deref().is_some_and(|effort| effort != "none");
        if asks || request.reasoning_budget.is_some() {
            drops.lose_said(&["reasoning_effort", "thinking", "output_config"]);
        }
        return;
    }
    match request.reasoning_effort.as_deref() {
        Some("none") => set(body, "think", Some(false)),
        Some(_) => set(body, "think", Some(true)),
        None if request.reasoning_budget.is_some() => set(body, "think", Some(true)),
        None => {}
    }
}

fn tools(request: &Request, body: &mut Map<String, Value>, drops: &mut Drops<'_>) {
    if request.tools.is_empty() || request.tool_choice == Some(ToolChoice::None) {
        return;
    }
    if !matches!(request.tool_choice, None | Some(ToolChoice::Auto)) {
        drops.lose("tool_choice");
    }
    if request.parallel_tool_calls == Some(false) {
        drops.lose_said(&["parallel_tool_calls"]);
    }
    let tools = request.tools.iter().filter_map(|tool| match tool {
        Tool::Function { name, description, parameters, .. } => Some(json!({
            "type": "function",
            "function": {
                "name": name,
                "description": description.as_deref().unwrap_or_default(),
                "parameters": parameters,
            },
        })),
        Tool::Other { .. } => None,
    });
    body.insert("tools".to_owned(), tools.collect::<Vec<_>>().into());
}

fn messages(request: &Request, drops: &mut Drops<'_>) -> Result<Vec<Value>, Unfit> {
    let mut values = Vec::new();
    // Results name the tool here, and calls of others name it by id.
    let mut names = BTreeMap::new();
    for (index, message) in request.messages.iter().enumerate() {
        let mut said = Said::default();
        for part in &message.parts {
            said.take(part, &format!("messages[{index}]"), &mut names, drops)?;
        }
        if message.name.is_some() {
            drops.lose("messages.name");
        }
        values.append(&mut said.results);
        values.extend(said.message(message));
    }
    Ok(values)
}

/// What a message says, sorted.
#[derive(Default)]
struct Said {
    text: String,
    thinking: String,
    images: Vec<String>,
    calls: Vec<Value>,
    results: Vec<Value>,
}

impl Said {
    fn take(
        &mut self,
        part: &Part,
        param: &str,
        names: &mut BTreeMap<String, String>,
        drops: &mut Drops<'_>,
    ) -> Result<(), Unfit> {
        match part {
            Part::Text { text, cache } => {
                if cache.is_some() {
                    drops.lose("cache_control");
                }
                self.text.push_str(text);
            }
            Part::Refusal { text } => self.text.push_str(text),
            Part::Image(Image::Data { base64, .. }) => self.images.push(base64.clone()),
            Part::Image(Image::Url { .. }) => {
                return Err(Unfit::ImageUrlUnsupported { param: param.to_owned() });
            }
            Part::ToolCall { id, name, arguments: json } => {
                names.insert(id.clone(), name.clone());
                self.calls.push(json!({
                    "id": id,
                    "function": {"name": name, "arguments": arguments(json)},
                }));
            }
            Part::ToolResult { id, content, is_error } => {
                let mut inner = Said::default();
                for part in content {
                    inner.take(part, param, names, drops)?;
                }
                let prefix = if *is_error { "Error: " } else { "" };
                let mut result = Map::new();
                set(&mut result, "role", Some("tool"));
                set(&mut result, "content", Some(format!("{prefix}{}", inner.text)));
                set(&mut result, "tool_name", names.get(id).cloned());
                set(&mut result, "tool_call_id", Some(id.clone()));
                set(&mut result, "images", (!inner.images.is_empty()).then_some(inner.images));
                self.results.push(Value::Object(result));
            }
            Part::Reasoning { text, .. } => self.thinking.push_str(text),
            Part::RedactedReasoning { .. } => drops.lose("redacted_thinking"),
            // Refused before.
            Part::Other { .. } => {}
        }
        Ok(())
    }

    fn message(self, message: &Message) -> Option<Value> {
        let says_nothing = self.text.is_empty() && self.images.is_empty() && self.calls.is_empty();
        // Results are messages of their own.
        if says_nothing && message.role == Role::User {
            return None;
        }
        let mut value = Map::new();
        let role = match message.role {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        set(&mut value, "role", Some(role));
        set(&mut value, "content", Some(self.text));
        set(&mut value, "thinking", (!self.thinking.is_empty()).then_some(self.thinking));
        set(&mut value, "images", (!self.images.is_empty()).then_some(self.images));
        set(&mut value, "tool_calls", (!self.calls.is_empty()).then_some(self.calls));
        Some(Value::Object(value))
    }
}
