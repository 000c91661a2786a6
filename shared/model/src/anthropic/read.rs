//! Requests of clients.

use serde_json::Value;

use super::block::read_content;
use crate::{
    common::{
        Dialect, Fault, Format, Message, Original, Request, Role, Tool, ToolChoice,
        begins_with_prompt,
    },
    wire::Fields,
};

/// Reads a request.
///
/// # Errors
///
/// [`Fault`]: what is not of the dialect, by its field. Unknown fields are no fault.
pub fn read_request(body: Value) -> Result<Request, Fault> {
    let request = read_count(body)?;
    if request.max_output_tokens.is_none_or(|limit| limit == 0) {
        return Err(Fault::new("max_tokens", "is required, at least 1"));
    }
    Ok(request)
}

/// Reads a request of `count_tokens`: the same without a limit.
///
/// # Errors
///
/// As [`read_request`].
pub fn read_count(body: Value) -> Result<Request, Fault> {
    let Value::Object(mut body) = body else {
        return Err(Fault::new("", "the body must be an object"));
    };
    let extension = body.remove("millwright");
    let fields = Fields { map: &body, path: String::new() };
    let system = read_content(&fields, "system")?;
    let mut messages = Vec::new();
    if !system.is_empty() {
        messages.push(Message { role: Role::System, name: None, parts: system });
    }
    let said = fields.objects("messages")?;
    if said.is_empty() && !begins_with_prompt(extension.as_ref()) {
        return Err(fields.fault("messages", "must have at least one message"));
    }
    for message in &said {
        messages.push(read_message(message)?);
    }
    let choice = fields.object("tool_choice")?;
    let one_at_a_time = match &choice {
        Some(choice) => choice.bool("disable_parallel_tool_use")?,
        None => None,
    };
    let output = fields.object("output_config")?;
    let thinking = fields.object("thinking")?;
    let budget = match &thinking {
        Some(thinking) => thinking.u64("budget_tokens")?,
        None => None,
    };
    let metadata = fields.object("metadata")?;
    let user = metadata.map(|metadata| metadata.str("user_id")).transpose()?.flatten();
    Ok(Request {
        model: fields.str("model")?.unwrap_or_default().to_owned(),
        messages,
        tools: fields.objects("tools")?.iter().map(read_tool).collect::<Result<_, _>>()?,
        tool_choice: choice.as_ref().map(read_choice).transpose()?,
        parallel_tool_calls: one_at_a_time.map(|one| !one),
        format: read_format(output.as_ref())?,
        temperature: fields.f64("temperature")?,
        top_p: fields.f64("top_p")?,
        top_k: fields.u64("top_k")?,
        frequency_penalty: None,
        presence_penalty: None,
        seed: None,
        stop: fields.strings("stop_sequences")?,
        n: 1,
        logprobs: false,
        reasoning_effort: read_effort(output.as_ref(), thinking.as_ref())?,
        reasoning_budget: budget,
        max_output_tokens: fields.u64("max_tokens")?,
        stream: fields.bool("stream")?.unwrap_or_default(),
        include_usage: true,
        user: user.map(str::to_owned),
        extension,
        original: Original { dialect: Dialect::Anthropic, body },
    })
}

fn read_message(fields: &Fields<'_>) -> Result<Message, Fault> {
    let role = match fields.str("role")? {
        Some("user") => Role::User,
        Some("assistant") => Role::Assistant,
        Some("system") => Role::System,
        _ => return Err(fields.fault("role", "must be user or assistant")),
    };
    if fields.get("content").is_none() {
        return Err(fields.fault("content", "is required"));
    }
    Ok(Message { role, name: None, parts: read_content(fields, "content")? })
}

fn read_tool(fields: &Fields<'_>) -> Result<Tool, Fault> {
    if fields.str("type")?.is_some_and(|kind| kind != "custom") {
        let value = Value::Object(fields.map.clone());
        return Ok(Tool::Other { dialect: Dialect::Anthropic, value });
    }
    let schema = fields
        .object("input_schema")?
        .ok_or_else(|| fields.fault("input_schema", "is required"))?;
    Ok(Tool::Function {
        name: fields.text("name")?,
        description: fields.str("description")?.map(str::to_owned),
        parameters: Value::Object(schema.map.clone()),
        strict: fields.bool("strict")?,
        cache: fields.get("cache_control").cloned(),
    })
}

fn read_choice(choice: &Fields<'_>) -> Result<ToolChoice, Fault> {
    match choice.str("type")? {
        Some("auto") => Ok(ToolChoice::Auto),
        Some("any") => Ok(ToolChoice::Required),
        Some("none") => Ok(ToolChoice::None),
        Some("tool") => choice.text("name").map(ToolChoice::Named),
        _ => Err(choice.fault("type", "must be auto, any, tool or none")),
    }
}

fn read_format(output: Option<&Fields<'_>>) -> Result<Format, Fault> {
    let Some(format) = output.map(|output| output.object("format")).transpose()?.flatten() else {
        return Ok(Format::Text);
    };
    if format.str("type")? != Some("json_schema") {
        return Err(format.fault("type", "must be json_schema"));
    }
    let schema = format.object("schema")?.ok_or_else(|| format.fault("schema", "is required"))?;
    Ok(Format::JsonSchema {
        name: "answer".to_owned(),
        description: None,
        schema: Value::Object(schema.map.clone()),
        strict: Some(true),
    })
}

/// Anthropic's words for effort are OpenAI's, which also has `none`.
fn read_effort(
    output: Option<&Fields<'_>>,
    thinking: Option<&Fields<'_>>,
) -> Result<Option<String>, Fault> {
    let said = output.map(|output| output.str("effort")).transpose()?.flatten();
    let kind = thinking.map(|thinking| thinking.str("type")).transpose()?.flatten();
    Ok(match (said, kind) {
        (_, Some("disabled")) => Some("none".to_owned()),
        (Some(effort), _) => Some(effort.to_owned()),
        (None, Some("adaptive")) => Some("medium".to_owned()),
        (None, _) => None,
    })
}
