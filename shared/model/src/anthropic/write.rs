//! Requests to providers.

use serde_json::{Map, Value, json};

use super::block_value;
use crate::{
    common::{
        Capability, Dialect, FORCED_TOOL, Format, Request, Role, Target, Tool, ToolChoice,
        Translated, Unfit,
    },
    translate::Drops,
    wire::{object, set},
};

/// The request as a provider of this dialect gets it: patched if it was of this dialect, else
/// built.
///
/// Reasoning is asked for as current models have it: adaptive, by effort.
///
/// # Errors
///
/// [`Unfit`]: what the target would not understand, and must.
pub fn write_request(request: &Request, target: &Target<'_>) -> Result<Translated, Unfit> {
    request.fits(target.capabilities)?;
    if request.n > 1 {
        return Err(Unfit::missing("n", "n > 1"));
    }
    let native = matches!(request.format, Format::JsonSchema { .. })
        && target.capabilities.contains(&Capability::JsonSchema);
    let forced_tool = request.forces_tool(native, target.capabilities);
    let mut drops = Drops::of(request, Dialect::Anthropic);
    let mut body = if request.original.dialect == Dialect::Anthropic {
        request.original.body.clone()
    } else {
        build(request, target, forced_tool, &mut drops)?
    };
    body.insert("model".to_owned(), target.model.into());
    body.entry("max_tokens").or_insert_with(|| target.max_output_tokens.into());
    if forced_tool {
        let mut output = object(body.remove("output_config").unwrap_or_default());
        output.remove("format");
        if !output.is_empty() {
            body.insert("output_config".to_owned(), Value::Object(output));
        }
        // A model that thinks cannot be made to call a tool.
        if body.remove("thinking").is_some() {
            drops.lose("thinking");
        }
        body.insert(
            "tools".to_owned(),
            json!([{
                "name": FORCED_TOOL,
                "description": "Gives the answer.",
                "input_schema": request.forced_schema(),
            }]),
        );
        body.insert("tool_choice".to_owned(), json!({"type": "tool", "name": FORCED_TOOL}));
    }
    Ok(Translated { body: Value::Object(body), dropped: drops.named(), forced_tool })
}

/// The request of `count_tokens`, which refuses what only generating needs.
///
/// # Errors
///
/// As [`write_request`].
pub fn write_count(request: &Request, target: &Target<'_>) -> Result<Value, Unfit> {
    let mut body = object(write_request(request, target)?.body);
    for name in [
        "max_tokens",
        "temperature",
        "top_p",
        "top_k",
        "stop_sequences",
        "stream",
        "metadata",
        "service_tier",
    ] {
        body.remove(name);
    }
    Ok(Value::Object(body))
}

fn build(
    request: &Request,
    target: &Target<'_>,
    forced_tool: bool,
    drops: &mut Drops<'_>,
) -> Result<Map<String, Value>, Unfit> {
    drops.refuse_foreign(Dialect::Anthropic)?;
    let mut body = Map::new();
    let (system, messages) = conversation(request, drops);
    body.insert("messages".to_owned(), messages.into());
    set(&mut body, "system", (!system.is_empty()).then_some(system));
    tools(request, &mut body);
    set(&mut body, "stop_sequences", (!request.stop.is_empty()).then(|| request.stop.clone()));
    let thinks = thinks(request, target, forced_tool);
    sampling(request, thinks, &mut body, drops);
    drops.lose_said(&["seed", "frequency_penalty", "presence_penalty", "logprobs"]);
    let limit = request.max_output_tokens.unwrap_or(target.max_output_tokens);
    let limit = limit.clamp(1, target.max_output_tokens.max(1));
    set(&mut body, "max_tokens", Some(limit));
    let user = request.user.as_ref().map(|user| json!({"user_id": user}));
    set(&mut body, "metadata", user);
    if request.stream {
        set(&mut body, "stream", Some(true));
    }

    let mut output = Map::new();
    match &request.format {
        Format::JsonSchema { schema, .. } if !forced_tool => {
            output.insert("format".to_owned(), json!({"type": "json_schema", "schema": schema}));
        }
        Format::JsonObject if !forced_tool => drops.lose("response_format"),
        _ => {}
    }
    match request.reasoning_effort.as_deref() {
        Some("none") if target.capabilities.contains(&Capability::Reasoning) => {
            body.insert("thinking".to_owned(), json!({"type": "disabled"}));
        }
        None | Some("none") => {}
        Some(effort) if thinks => {
            let effort = if effort == "minimal" { "low" } else { effort };
            output.insert("effort".to_owned(), effort.into());
            body.insert("thinking".to_owned(), json!({"type": "adaptive"}));
        }
        Some(_) => drops.lose("reasoning_effort"),
    }
    if !output.is_empty() {
        body.insert("output_config".to_owned(), Value::Object(output));
    }
    Ok(body)
}

/// A model that thinks cannot be made to call a tool; being made to is what the client says more
/// clearly.
fn thinks(request: &Request, target: &Target<'_>, forced_tool: bool) -> bool {
    let asks = request.reasoning_effort.as_deref().is_some_and(|effort| effort != "none");
    let is_made_to_call = !request.tools.is_empty()
        && matches!(request.tool_choice, Some(ToolChoice::Required | ToolChoice::Named(_)));
    let can = target.capabilities.contains(&Capability::Reasoning);
    asks && can && !forced_tool && !is_made_to_call
}

/// One of temperature and `top_p` at a time here, and none while a model thinks.
fn sampling(request: &Request, thinks: bool, body: &mut Map<String, Value>, drops: &mut Drops<'_>) {
    if thinks {
        drops.lose_said(&["temperature", "top_p", "top_k"]);
        return;
    }
    set(body, "top_k", request.top_k);
    let Some(temperature) = request.temperature else {
        set(body, "top_p", request.top_p);
        return;
    };
    if request.top_p.is_some() {
        drops.lose("top_p");
    }
    // OpenAI's goes to 2, this one to 1.
    if temperature > 1.0 {
        drops.lose("temperature");
    }
    set(body, "temperature", Some(temperature.min(1.0)));
}

/// System prompts are a field of their own here, and who speaks takes turns: what follows of the
/// same speaker is of the same message, the results of tools first.
fn conversation(request: &Request, drops: &mut Drops<'_>) -> (Vec<Value>, Vec<Value>) {
    let mut lost = Vec::new();
    let mut system = Vec::new();
    let mut turns: Vec<(Role, Vec<Value>, Vec<Value>)> = Vec::new();
    for message in &request.messages {
        if message.name.is_some() {
            lost.push("messages.name");
        }
        for part in &message.parts {
            let Some(block) = block_value(part, &mut lost) else { continue };
            if message.role == Role::System {
                system.push(block);
                continue;
            }
            if turns.last().is_none_or(|(role, ..)| *role != message.role) {
                turns.push((message.role, Vec::new(), Vec::new()));
            }
            if let Some((_, results, others)) = turns.last_mut() {
                let is_result = block.get("type").is_some_and(|kind| kind == "tool_result");
                if is_result { results.push(block) } else { others.push(block) }
            }
        }
    }
    lost.iter().for_each(|name| drops.lose(name));
    let messages = turns.into_iter().map(|(role, mut blocks, others)| {
        blocks.extend(others);
        let role = if role == Role::Assistant { "assistant" } else { "user" };
        json!({"role": role, "content": blocks})
    });
    (system, messages.collect())
}

fn tools(request: &Request, body: &mut Map<String, Value>) {
    if request.tools.is_empty() {
        return;
    }
    let tools: Vec<Value> = request.tools.iter().filter_map(tool_value).collect();
    body.insert("tools".to_owned(), tools.into());
    let one_at_a_time = request.parallel_tool_calls == Some(false);
    let choice = match &request.tool_choice {
        None if one_at_a_time => Some(json!({"type": "auto"})),
        None => None,
        Some(ToolChoice::Auto) => Some(json!({"type": "auto"})),
        Some(ToolChoice::None) => Some(json!({"type": "none"})),
        Some(ToolChoice::Required) => Some(json!({"type": "any"})),
        Some(ToolChoice::Named(name)) => Some(json!({"type": "tool", "name": name})),
    };
    let mut choice = object(choice.unwrap_or_default());
    if !choice.is_empty() {
        if one_at_a_time && request.tool_choice != Some(ToolChoice::None) {
            choice.insert("disable_parallel_tool_use".to_owned(), true.into());
        }
        body.insert("tool_choice".to_owned(), Value::Object(choice));
    }
}

fn tool_value(tool: &Tool) -> Option<Value> {
    match tool {
        Tool::Function { name, description, parameters, strict, cache } => {
            let mut value = Map::new();
            set(&mut value, "name", Some(name.clone()));
            set(&mut value, "description", description.clone());
            set(&mut value, "input_schema", Some(parameters.clone()));
            set(&mut value, "strict", strict.filter(|strict| *strict));
            set(&mut value, "cache_control", cache.clone());
            Some(Value::Object(value))
        }
        Tool::Other { dialect: Dialect::Anthropic, value } => Some(value.clone()),
        Tool::Other { .. } => None,
    }
}
