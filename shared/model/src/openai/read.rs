//! Requests of clients.

use serde_json::Value;

use super::message::read_message;
use crate::{
    common::{Dialect, Fault, Format, Original, Request, Tool, ToolChoice, begins_with_prompt},
    wire::Fields,
};

/// The most answers of one request.
const MOST_ANSWERS: u64 = 8;

/// Reads a request.
///
/// # Errors
///
/// [`Fault`]: what is not of the dialect, by its field. Unknown fields are no fault.
pub fn read_request(body: Value) -> Result<Request, Fault> {
    let Value::Object(mut body) = body else {
        return Err(Fault::new("", "the body must be an object"));
    };
    let extension = body.remove("millwright");
    let fields = Fields { map: &body, path: String::new() };
    if fields.get("messages").is_none() {
        return Err(fields.fault("messages", "is required"));
    }
    let messages =
        fields.objects("messages")?.iter().map(read_message).collect::<Result<Vec<_>, _>>()?;
    if messages.is_empty() && !begins_with_prompt(extension.as_ref()) {
        return Err(fields.fault("messages", "must have at least one message"));
    }
    let mut tools =
        fields.objects("tools")?.iter().map(read_tool).collect::<Result<Vec<_>, _>>()?;
    // What tools were called before 2023: only providers of the dialect understand them.
    tools.extend(fields.array("functions")?.iter().map(other_tool));
    let n = fields.u64("n")?.unwrap_or(1);
    if !(1..=MOST_ANSWERS).contains(&n) {
        return Err(fields.fault("n", format!("must be from 1 to {MOST_ANSWERS}")));
    }
    let options = fields.object("stream_options")?;
    let include_usage = options.map(|options| options.bool("include_usage")).transpose()?.flatten();
    let limit = fields.u64("max_completion_tokens")?;
    Ok(Request {
        model: fields.str("model")?.unwrap_or_default().to_owned(),
        messages,
        tools,
        tool_choice: read_choice(&fields)?,
        parallel_tool_calls: fields.bool("parallel_tool_calls")?,
        format: read_format(&fields)?,
        temperature: fields.f64("temperature")?,
        top_p: fields.f64("top_p")?,
        top_k: fields.u64("top_k")?,
        frequency_penalty: fields.f64("frequency_penalty")?,
        presence_penalty: fields.f64("presence_penalty")?,
        seed: fields.i64("seed")?,
        stop: fields.strings("stop")?,
        n,
        logprobs: fields.bool("logprobs")?.unwrap_or_default(),
        reasoning_effort: fields.str("reasoning_effort")?.map(str::to_owned),
        reasoning_budget: None,
        max_output_tokens: limit.or(fields.u64("max_tokens")?),
        stream: fields.bool("stream")?.unwrap_or_default(),
        include_usage: include_usage.unwrap_or_default(),
        user: fields.str("user")?.map(str::to_owned),
        extension,
        original: Original { dialect: Dialect::OpenAi, body },
    })
}

fn other_tool(value: &Value) -> Tool {
    Tool::Other { dialect: Dialect::OpenAi, value: value.clone() }
}

fn read_tool(fields: &Fields<'_>) -> Result<Tool, Fault> {
    if fields.str("type")? != Some("function") {
        return Ok(other_tool(&Value::Object(fields.map.clone())));
    }
    let function =
        fields.object("function")?.ok_or_else(|| fields.fault("function", "is required"))?;
    let parameters = function.object("parameters")?;
    Ok(Tool::Function {
        name: function.text("name")?,
        description: function.str("description")?.map(str::to_owned),
        parameters: parameters.map_or_else(
            || serde_json::json!({"type": "object", "properties": {}}),
            |parameters| Value::Object(parameters.map.clone()),
        ),
        strict: function.bool("strict")?,
        cache: None,
    })
}

fn read_choice(fields: &Fields<'_>) -> Result<Option<ToolChoice>, Fault> {
    match fields.get("tool_choice") {
        None => Ok(None),
        Some(Value::String(word)) => match word.as_str() {
            "auto" => Ok(Some(ToolChoice::Auto)),
            "none" => Ok(Some(ToolChoice::None)),
            "required" => Ok(Some(ToolChoice::Required)),
            _ => Err(fields.fault("tool_choice", "must be auto, none, required, or an object")),
        },
        Some(value) => {
            let choice = Fields::of(value, "tool_choice")?;
            // Others (allowed_tools, custom) have no equal elsewhere.
            let function = choice.object("function")?;
            function.map(|function| function.text("name").map(ToolChoice::Named)).transpose()
        }
    }
}

fn read_format(fields: &Fields<'_>) -> Result<Format, Fault> {
    let Some(format) = fields.object("response_format")? else { return Ok(Format::Text) };
    match format.str("type")? {
        Some("text") => Ok(Format::Text),
        Some("json_object") => Ok(Format::JsonObject),
        Some("json_schema") => {
            let schema = format
                .object("json_schema")?
                .ok_or_else(|| format.fault("json_schema", "is required"))?;
            Ok(Format::JsonSchema {
                name: schema.text("name")?,
                description: schema.str("description")?.map(str::to_owned),
                schema: schema.object("schema")?.map_or_else(
                    || serde_json::json!({"type": "object"}),
                    |schema| Value::Object(schema.map.clone()),
                ),
                strict: schema.bool("strict")?,
            })
        }
        _ => Err(format.fault("type", "must be text, json_object or json_schema")),
    }
}
