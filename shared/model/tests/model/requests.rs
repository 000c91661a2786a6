//! Requests between the dialects: each row is a request, where it goes, and what must be there.

use millwright_model::{Dialect, Surface, read_request, write_request};
use serde_json::{Value, json};

use crate::{able, at, target};

/// A request, the dialect it goes to, and what is at which path of the translation.
type Row = (Value, Dialect, Vec<(&'static str, Value)>);

pub fn translated(surface: Surface, body: Value, dialect: Dialect) -> (Value, Vec<String>) {
    let request = read_request(surface, body).expect("a request");
    let capabilities = able();
    let out = write_request(dialect, &request, &target(&capabilities)).expect("translated");
    (out.body, out.dropped)
}

pub fn openai(mut more: Value) -> Value {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}]});
    merge(&mut body, &mut more);
    body
}

pub fn anthropic(mut more: Value) -> Value {
    let mut body =
        json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]});
    merge(&mut body, &mut more);
    body
}

fn merge(body: &mut Value, more: &mut Value) {
    let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object_mut()) else { return };
    body.append(more);
}

/// Each row: a request of OpenAI's, the dialect, and what is at which path of the translation.
#[test]
fn openai_requests_reach_other_dialects() {
    use Dialect::{Anthropic, Ollama};
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let tools = json!([{"type": "function", "function": {
        "name": "f", "description": "d", "parameters": schema}}]);
    let format = json!({"type": "json_schema", "json_schema": {"name": "n", "schema": schema}});
    let image = json!([{"role": "user", "content": [
        {"type": "text", "text": "see"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}]);
    let history = json!([
        {"role": "system", "content": "one"},
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": null, "tool_calls": [
            {"id": "c.1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}},
            {"id": "c.2", "type": "function", "function": {"name": "g", "arguments": ""}}]},
        {"role": "tool", "tool_call_id": "c.1", "content": "r1"},
        {"role": "tool", "tool_call_id": "c.2", "content": "r2"},
        {"role": "user", "content": "go on"},
    ]);
    let rows: Vec<Row> = vec![
        (
            json!({}),
            Anthropic,
            vec![
                ("model", json!("upstream")),
                ("max_tokens", json!(4096)),
                (
                    "messages",
                    json!([{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]),
                ),
                ("stream", Value::Null),
            ],
        ),
        (json!({"max_completion_tokens": 7}), Anthropic, vec![("max_tokens", json!(7))]),
        (json!({"max_tokens": 99_999}), Anthropic, vec![("max_tokens", json!(4096))]),
        (json!({"stop": "x"}), Anthropic, vec![("stop_sequences", json!(["x"]))]),
        (json!({"user": "u"}), Anthropic, vec![("metadata", json!({"user_id": "u"}))]),
        (
            json!({"messages": history}),
            Anthropic,
            vec![
                ("system", json!([{"type": "text", "text": "one"}])),
                ("messages/1/content/0/id", json!("c_1")),
                ("messages/1/content/0/input", json!({"a": 1})),
                ("messages/1/content/1/input", json!({})),
                ("messages/2/content/0/tool_use_id", json!("c_1")),
                ("messages/2/content/1/content/0/text", json!("r2")),
                ("messages/2/content/2/text", json!("go on")),
                ("messages/3", Value::Null),
            ],
        ),
        (
            json!({"messages": history}),
            Ollama,
            vec![
                ("messages/0/role", json!("system")),
                ("messages/2/tool_calls/0/function", json!({"name": "f", "arguments": {"a": 1}})),
                ("messages/3/tool_name", json!("f")),
                ("messages/4/content", json!("r2")),
                ("messages/5/content", json!("go on")),
            ],
        ),
        (
            json!({"messages": image}),
            Anthropic,
            vec![(
                "messages/0/content/1/source",
                json!(
            {"type": "base64", "media_type": "image/png", "data": "AAAA"}),
            )],
        ),
        (json!({"messages": image}), Ollama, vec![("messages/0/images", json!(["AAAA"]))]),
        (
            json!({"tools": tools, "tool_choice": "required", "parallel_tool_calls": false}),
            Anthropic,
            vec![
                ("tools/0", json!({"name": "f", "description": "d", "input_schema": schema})),
                ("tool_choice", json!({"type": "any", "disable_parallel_tool_use": true})),
            ],
        ),
        (
            json!({"tools": tools, "parallel_tool_calls": false}),
            Anthropic,
            vec![("tool_choice", json!({"type": "auto", "disable_parallel_tool_use": true}))],
        ),
        (
            json!({"tools": tools, "tool_choice": {"type": "function", "function": {"name": "f"}}}),
            Anthropic,
            vec![("tool_choice", json!({"type": "tool", "name": "f"}))],
        ),
        (json!({"tools": tools, "tool_choice": "none"}), Ollama, vec![("tools", Value::Null)]),
        (
            json!({"response_format": format}),
            Anthropic,
            vec![
                ("output_config/format", json!({"type": "json_schema", "schema": schema})),
                ("tools", Value::Null),
            ],
        ),
        (
            json!({"response_format": {"type": "json_object"}}),
            Anthropic,
            vec![("tool_choice/name", json!("structured_answer"))],
        ),
        (json!({"response_format": format}), Ollama, vec![("format", schema.clone())]),
        (
            json!({"response_format": {"type": "json_object"}}),
            Ollama,
            vec![("format", json!("json"))],
        ),
        (
            json!({"reasoning_effort": "minimal"}),
            Anthropic,
            vec![("output_config/effort", json!("low")), ("thinking/type", json!("adaptive"))],
        ),
        (json!({"reasoning_effort": "none"}), Ollama, vec![("think", json!(false))]),
        (
            json!({"seed": 3, "temperature": 0.5, "max_tokens": 5, "stream": true}),
            Ollama,
            vec![
                ("options", json!({"seed": 3, "temperature": 0.5, "num_predict": 5})),
                ("stream", json!(true)),
            ],
        ),
        (json!({}), Ollama, vec![("truncate", json!(false)), ("shift", json!(false))]),
        (json!({}), Ollama, vec![("stream", json!(false)), ("options", Value::Null)]),
    ];
    for (more, dialect, expected) in rows {
        let said = more.to_string();
        let (body, _) = translated(Surface::OpenAi, openai(more), dialect);
        for (path, value) in expected {
            assert_eq!(*at(&body, path), value, "{path} of {said} for {dialect:?}: {body}");
        }
    }
}

#[test]
fn anthropic_requests_reach_other_dialects() {
    use Dialect::{Ollama, OpenAi};
    let history = json!([
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "text", "text": "I look"},
            {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t1", "is_error": true, "content": [
                {"type": "text", "text": "no"},
                {"type": "image", "source": {"type": "url", "url": "https://a.example/b.png"}}]},
            {"type": "text", "text": "well?"}]},
    ]);
    let cases: Vec<Row> = vec![
        (
            json!({"system": "be brief"}),
            OpenAi,
            vec![
                ("messages/0", json!({"role": "system", "content": "be brief"})),
                ("max_completion_tokens", json!(9)),
            ],
        ),
        (
            json!({"messages": history}),
            OpenAi,
            vec![
                ("messages/1/content", json!("I look")),
                (
                    "messages/1/tool_calls/0/function",
                    json!({"name": "f", "arguments": "{\"a\":1}"}),
                ),
                (
                    "messages/2",
                    json!({"role": "tool", "tool_call_id": "t1", "content": "Error: no"}),
                ),
                ("messages/3/content/0/image_url/url", json!("https://a.example/b.png")),
                ("messages/3/content/1/text", json!("well?")),
            ],
        ),
        (json!({"stream": true}), OpenAi, vec![("stream_options", json!({"include_usage": true}))]),
        (
            json!({"thinking": {"type": "enabled", "budget_tokens": 4000}}),
            OpenAi,
            vec![("reasoning_effort", json!("medium"))],
        ),
        (
            json!({"thinking": {"type": "disabled"}}),
            OpenAi,
            vec![("reasoning_effort", json!("none"))],
        ),
        (json!({"metadata": {"user_id": "u"}}), OpenAi, vec![("user", json!("u"))]),
        (
            json!({"tools": [{"name": "f", "input_schema": {"type": "object"}}],
                "tool_choice": {"type": "any", "disable_parallel_tool_use": true}}),
            OpenAi,
            vec![
                ("tools/0/function/name", json!("f")),
                ("tool_choice", json!("required")),
                ("parallel_tool_calls", json!(false)),
            ],
        ),
        (
            json!({"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}}),
            OpenAi,
            vec![("response_format/json_schema/schema", json!({"type": "object"}))],
        ),
        (
            json!({"stop_sequences": ["x"], "top_k": 4}),
            Ollama,
            vec![("options", json!({"stop": ["x"], "top_k": 4, "num_predict": 9}))],
        ),
    ];
    for (more, dialect, expected) in cases {
        let said = more.to_string();
        let (body, _) = translated(Surface::Anthropic, anthropic(more), dialect);
        for (path, value) in expected {
            assert_eq!(*at(&body, path), value, "{path} of {said} for {dialect:?}: {body}");
        }
    }
}
