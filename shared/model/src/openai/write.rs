//! Requests to providers.

use serde_json::{Map, Value, json};

use super::message_values;
use crate::{
    common::{
        Capability, Dialect, FORCED_TOOL, Format, Request, Target, Tool, ToolChoice, Translated,
        Unfit,
    },
    translate::Drops,
    wire::{object, set},
};

/// The request as a provider of this dialect gets it: patched if it was of this dialect, else
/// built. Usage is always asked for in streams.
///
/// # Errors
///
/// [`Unfit`]: what the target would not understand, and must.
pub fn write_request(request: &Request, target: &Target<'_>) -> Result<Translated, Unfit> {
    request.fits(target.capabilities)?;
    let has = |capability| target.capabilities.contains(&capability);
    // Whether a model takes `json_object` is seldom known; what it is for is done by all.
    let native = match request.format {
        Format::JsonSchema { .. } => has(Capability::JsonSchema),
        _ => true,
    };
    let forced_tool = request.forces_tool(native, target.capabilities);
    let mut drops = Drops::of(request, Dialect::OpenAi);
    let mut body = if request.original.dialect == Dialect::OpenAi {
        request.original.body.clone()
    } else {
        build(request, target, &mut drops)?
    };
    body.insert("model".to_owned(), target.model.into());
    if request.stream {
        let mut options = object(body.remove("stream_options").unwrap_or_default());
        options.insert("include_usage".to_owned(), true.into());
        body.insert("stream_options".to_owned(), Value::Object(options));
    }
    if forced_tool {
        body.remove("response_format");
        body.insert(
            "tools".to_owned(),
            json!([{"type": "function", "function": {
                "name": FORCED_TOOL,
                "description": "Gives the answer.",
                "parameters": request.forced_schema(),
            }}]),
        );
        body.insert(
            "tool_choice".to_owned(),
            json!({"type": "function", "function": {"name": FORCED_TOOL}}),
        );
    }
    Ok(Translated { body: Value::Object(body), dropped: drops.named(), forced_tool })
}

fn build(
    request: &Request,
    target: &Target<'_>,
    drops: &mut Drops<'_>,
) -> Result<Map<String, Value>, Unfit> {
    drops.refuse_foreign(Dialect::OpenAi)?;
    let mut body = Map::new();
    let mut lost = Vec::new();
    let messages: Vec<Value> =
        request.messages.iter().flat_map(|message| message_values(message, &mut lost)).collect();
    body.insert("messages".to_owned(), messages.into());
    if !request.tools.is_empty() {
        let tools: Vec<Value> =
            request.tools.iter().filter_map(|tool| tool_value(tool, &mut lost)).collect();
        body.insert("tools".to_owned(), tools.into());
    }
    lost.iter().for_each(|name| drops.lose(name));
    if !request.tools.is_empty() {
        set(&mut body, "tool_choice", request.tool_choice.as_ref().map(choice_value));
        set(&mut body, "parallel_tool_calls", request.parallel_tool_calls);
    }
    set(&mut body, "response_format", format_value(&request.format));
    set(&mut body, "temperature", request.temperature);
    set(&mut body, "top_p", request.top_p);
    if request.top_k.is_some() {
        drops.lose("top_k");
    }
    set(&mut body, "frequency_penalty", request.frequency_penalty);
    set(&mut body, "presence_penalty", request.presence_penalty);
    set(&mut body, "seed", request.seed);
    set(&mut body, "stop", (!request.stop.is_empty()).then(|| request.stop.clone()));
    set(&mut body, "n", (request.n > 1).then_some(request.n));
    if let Some(effort) = effort(request) {
        if target.capabilities.contains(&Capability::Reasoning) {
            set(&mut body, "reasoning_effort", Some(effort));
        } else {
            drops.lose_said(&["thinking", "output_config"]);
        }
    }
    set(&mut body, "max_completion_tokens", request.max_output_tokens);
    set(&mut body, "user", request.user.clone());
    if request.stream {
        set(&mut body, "stream", Some(true));
    }
    Ok(body)
}

/// Tokens for thinking as a word.
fn effort(request: &Request) -> Option<String> {
    let of_budget = |budget| match budget {
        0..=2_048 => "low",
        2_049..=8_192 => "medium",
        _ => "high",
    };
    let said = request.reasoning_effort.clone();
    said.or_else(|| request.reasoning_budget.map(|budget| of_budget(budget).to_owned()))
}

fn tool_value(tool: &Tool, lost: &mut Vec<&'static str>) -> Option<Value> {
    match tool {
        Tool::Function { name, description, parameters, strict, cache } => {
            if cache.is_some() {
                lost.push("cache_control");
            }
            let mut function = Map::new();
            set(&mut function, "name", Some(name.clone()));
            set(&mut function, "description", description.clone());
            set(&mut function, "parameters", Some(parameters.clone()));
            set(&mut function, "strict", *strict);
            Some(json!({"type": "function", "function": function}))
        }
        Tool::Other { dialect: Dialect::OpenAi, value } => Some(value.clone()),
        Tool::Other { .. } => None,
    }
}

fn choice_value(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Required => "required".into(),
        ToolChoice::Named(name) => json!({"type": "function", "function": {"name": name}}),
    }
}

fn format_value(format: &Format) -> Option<Value> {
    match format {
        Format::Text => None,
        Format::JsonObject => Some(json!({"type": "json_object"})),
        Format::JsonSchema { name, description, schema, strict } => {
            let mut inner = Map::new();
            set(&mut inner, "name", Some(name.clone()));
            set(&mut inner, "description", description.clone());
            set(&mut inner, "schema", Some(schema.clone()));
            set(&mut inner, "strict", *strict);
            Some(json!({"type": "json_schema", "json_schema": inner}))
        }
    }
}
