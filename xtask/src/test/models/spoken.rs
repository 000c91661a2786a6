//! What the SDKs must understand: answers, streams and errors of both surfaces, requests to both
//! providers.

use anyhow::Result;
use millwright_model::{
    Capabilities, Capability, Code, Dialect, Envelope, Event, Finish, Fold, Surface, SurfaceError,
    Target, Usage, Writer, read_request, write_answer, write_request,
};
use serde_json::{Value, json};

/// All of it, as a list of `{kind, surface, body or text, expected}`.
pub(super) fn all() -> Result<Value> {
    let mut spoken = Vec::new();
    for (surface, name) in [(Surface::OpenAi, "openai"), (Surface::Anthropic, "anthropic")] {
        for events in answers() {
            answer(surface, name, &events, &mut spoken);
        }
        for code in Code::ALL {
            let error = SurfaceError::new(*code, "what is wrong");
            spoken.push(json!({
                "kind": "error", "surface": name, "status": code.status(surface),
                "body": error.body(surface), "stream": text(&Writer::new(
                    surface, Envelope::default(), false).error(&error)),
            }));
        }
    }
    for (surface, body) in requests() {
        let request = read_request(surface, body)?;
        for (dialect, name) in [(Dialect::OpenAi, "openai"), (Dialect::Anthropic, "anthropic")] {
            for capabilities in [able(&[]), able(&[Capability::JsonSchema])] {
                let target =
                    Target { model: "m", capabilities: &capabilities, max_output_tokens: 4_096 };
                // A schema beside tools needs the capability.
                if let Ok(out) = write_request(dialect, &request, &target) {
                    spoken.push(json!({"kind": "request", "surface": name, "body": out.body}));
                }
            }
        }
    }
    Ok(spoken.into())
}

fn answer(surface: Surface, name: &str, events: &[Event], spoken: &mut Vec<Value>) {
    let mut fold = Fold::default();
    events.iter().for_each(|event| fold.take(event));
    let answer = fold.answer();
    let calls: Vec<Value> = answer.choices[0]
        .parts
        .iter()
        .filter_map(|part| match part {
            millwright_model::Part::ToolCall { id, name, arguments } => {
                Some(json!([id, name, serde_json::from_str::<Value>(arguments).ok()?]))
            }
            _ => None,
        })
        .collect();
    let usage = answer.usage.unwrap_or_default();
    let expected = json!({
        "text": answer.text(), "calls": calls,
        "usage": [usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens,
            usage.output_tokens],
    });
    for include_usage in [true, false] {
        let envelope = Envelope {
            id: "cmp_1".to_owned(),
            model: "acme/m".to_owned(),
            created: 1_700_000_000,
            include_usage,
            input_tokens: 5,
        };
        let body = write_answer(surface, &answer, &envelope);
        spoken.push(json!({
            "kind": "answer", "surface": name, "body": body, "expected": expected,
        }));
        let mut writer = Writer::new(surface, envelope, false);
        let mut bytes = Vec::new();
        for frame in events.iter().flat_map(|event| writer.event(event)).collect::<Vec<_>>() {
            bytes.extend_from_slice(&frame.to_bytes());
        }
        bytes.extend_from_slice(millwright_model::PING);
        bytes.extend_from_slice(&writer.end());
        spoken.push(json!({
            "kind": "stream", "surface": name, "text": text(&bytes), "expected": expected,
            "includeUsage": include_usage,
        }));
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A model that can do all, but for these.
fn able(lacks: &[Capability]) -> Capabilities {
    Capability::ALL.iter().copied().filter(|each| !lacks.contains(each)).collect()
}

/// Text; thoughts; refusal; one call; two at once; one without arguments; nothing.
fn answers() -> Vec<Vec<Event>> {
    let choice = 0;
    let say = |text: &str| Event::Text { choice, text: text.to_owned() };
    let start = |call: usize, id: &str, name: &str| Event::ToolStart {
        choice,
        call,
        id: id.to_owned(),
        name: name.to_owned(),
    };
    let piece =
        |call: usize, json: &str| Event::ToolArguments { choice, call, json: json.to_owned() };
    let whole = |said: Vec<Event>, finish: Finish| {
        let mut events = vec![Event::Start { id: "u".to_owned(), model: "m".to_owned() }];
        events.extend(said);
        events.push(Event::Finish { choice, finish });
        events.push(Event::Usage(Usage {
            input_tokens: 30,
            cache_read_tokens: 60,
            cache_write_tokens: 10,
            output_tokens: 20,
            reasoning_tokens: 5,
        }));
        events.push(Event::End);
        events
    };
    vec![
        whole(vec![say("Hello "), say("wörld\n\"€😀\"")], Finish::Stop),
        whole(
            vec![Event::Reasoning { choice, text: "hm".to_owned() }, say("so")],
            Finish::StopSequence(Some("x".to_owned())),
        ),
        whole(vec![Event::Refusal { choice, text: "no".to_owned() }], Finish::ContentFilter),
        whole(
            vec![say("I look"), start(0, "c1", "f"), piece(0, "{\"a\":"), piece(0, "1}")],
            Finish::ToolCalls,
        ),
        whole(
            vec![
                start(0, "c1", "f"),
                piece(0, "{\"a\""),
                start(1, "c2", "g"),
                piece(1, "{\"b\":"),
                piece(0, ":[1]}"),
                piece(1, "null}"),
            ],
            Finish::ToolCalls,
        ),
        whole(vec![start(0, "c1", "f"), piece(0, "{}")], Finish::ToolCalls),
        whole(vec![say("cut")], Finish::Length),
        whole(vec![], Finish::Pause),
    ]
}

fn requests() -> Vec<(Surface, Value)> {
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let openai = |more: Value| {
        let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}]});
        if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
            body.extend(more);
        }
        (Surface::OpenAi, body)
    };
    let anthropic = |more: Value| {
        let (_, mut body) = openai(more);
        if let Value::Object(body) = &mut body {
            body.insert("max_tokens".to_owned(), 9.into());
        }
        (Surface::Anthropic, body)
    };
    let tools = json!([{"type": "function", "function": {
        "name": "f", "description": "d", "parameters": schema}}]);
    vec![
        openai(json!({"stream": true, "temperature": 0.5, "stop": ["x"], "user": "u"})),
        openai(json!({"tools": tools, "tool_choice": "required", "parallel_tool_calls": false,
            "reasoning_effort": "high"})),
        openai(json!({"response_format": {"type": "json_object"}})),
        openai(json!({"response_format": {"type": "json_schema",
            "json_schema": {"name": "n", "schema": schema, "strict": true}}})),
        openai(json!({"tools": tools, "messages": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": [{"type": "text", "text": "see"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}]},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                {"id": "c2", "type": "function",
                    "function": {"name": "f", "arguments": "{\"a\":1}"}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "r1"},
            {"role": "tool", "tool_call_id": "c2", "content": "r2"},
            {"role": "user", "content": "go on"}]})),
        anthropic(json!({"system": "s", "stream": true, "top_k": 4, "stop_sequences": ["x"],
            "metadata": {"user_id": "u"}, "thinking": {"type": "enabled", "budget_tokens": 2000}})),
        anthropic(json!({"output_config": {"format": {"type": "json_schema", "schema": schema}}})),
        anthropic(json!({"tools": [{"name": "f", "input_schema": schema}],
            "tool_choice": {"type": "any", "disable_parallel_tool_use": true},
            "messages": [
                {"role": "user", "content": "q"},
                {"role": "assistant", "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "s"},
                    {"type": "text", "text": "I look"},
                    {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}}]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "t1", "is_error": true, "content": [
                        {"type": "text", "text": "no"},
                        {"type": "image", "source":
                            {"type": "url", "url": "https://a.example/b.png"}}]},
                    {"type": "text", "text": "well?"}]}]})),
    ]
}
