//! Requests between the dialects: each row is a request, where it goes, and what must be there.

use millwright_model::{
    Capability, Defaults, Dialect, Message, Part, Role, Surface, Unfit, read_request, write_request,
};
use serde_json::{Value, json};

use crate::{able, at, target, without};

fn translated(surface: Surface, body: Value, dialect: Dialect) -> (Value, Vec<String>) {
    let request = read_request(surface, body).expect("a request");
    let capabilities = able();
    let out = write_request(dialect, &request, &target(&capabilities)).expect("translated");
    (out.body, out.dropped)
}

fn openai(mut more: Value) -> Value {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}]});
    merge(&mut body, &mut more);
    body
}

fn anthropic(mut more: Value) -> Value {
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
    let rows: Vec<(Value, Dialect, Vec<(&str, Value)>)> = vec![
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
    let cases: Vec<(Value, Dialect, Vec<(&str, Value)>)> = vec![
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

#[test]
fn the_same_dialect_forwards_what_it_does_not_know() {
    let body = openai(json!({
        "stream": true, "new_field": {"a": [1, null]}, "millwright": {"tags": ["x"]},
        "stream_options": {"other": 1},
        "messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}],
    }));
    let request = read_request(Surface::OpenAi, body.clone()).expect("a request");
    assert_eq!(request.extension, Some(json!({"tags": ["x"]})));
    let (out, dropped) = translated(Surface::OpenAi, body, Dialect::OpenAi);
    assert_eq!(out["new_field"], json!({"a": [1, null]}));
    assert_eq!(out["messages"][0]["content"][0]["type"], "input_audio");
    assert_eq!(out["stream_options"], json!({"other": 1, "include_usage": true}));
    assert_eq!(out["model"], "upstream");
    assert!(out.get("millwright").is_none());
    assert!(dropped.is_empty());

    let body = anthropic(json!({
        "container": "c", "system": [{"type": "text", "text": "s",
            "cache_control": {"type": "ephemeral"}}],
    }));
    let mut expected = body.clone();
    expected["model"] = json!("upstream");
    assert_eq!(translated(Surface::Anthropic, body, Dialect::Anthropic), (expected, vec![]));
}

#[test]
fn what_is_dropped_is_named_by_the_clients_words() {
    let said = json!({"seed": 1, "logit_bias": {"1": 2}, "service_tier": "auto", "store": null,
        "temperature": 1.5, "frequency_penalty": 0.1, "logprobs": true});
    let (body, dropped) = translated(Surface::OpenAi, openai(said), Dialect::Anthropic);
    assert_eq!(
        dropped,
        ["frequency_penalty", "logit_bias", "logprobs", "seed", "service_tier", "temperature"]
    );
    assert_eq!(body["temperature"], 1.0);
    let said = json!({"top_k": 4, "service_tier": "auto", "messages": [
        {"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {}}]},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "t", "signature": "s"}, {"type": "text", "text": "x"}]},
        {"role": "user", "content": "b"}]});
    let (_, dropped) = translated(Surface::Anthropic, anthropic(said), Dialect::OpenAi);
    assert_eq!(dropped, ["cache_control", "service_tier", "thinking", "top_k"]);
    let request = read_request(Surface::OpenAi, openai(json!({"reasoning_effort": "high"})));
    let capabilities = without(Capability::Reasoning);
    let request = request.expect("a request");
    let out = write_request(Dialect::Anthropic, &request, &target(&capabilities)).expect("fits");
    assert_eq!(out.dropped, ["reasoning_effort"]);
}

#[test]
fn what_would_change_the_meaning_is_refused() {
    let image = |url: &str| {
        json!({"messages": [{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": url}}]}]})
    };
    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    let schema = json!({"type": "json_schema", "json_schema": {"name": "n", "schema": {}}});
    let cases = [
        (json!({"n": 2}), Dialect::Anthropic, able(), "n"),
        (json!({"n": 2}), Dialect::Ollama, able(), "n"),
        (json!({"tools": tools}), Dialect::OpenAi, without(Capability::Tools), "tools"),
        (
            image("data:image/png;base64,AA"),
            Dialect::OpenAi,
            without(Capability::Vision),
            "messages[0]",
        ),
        (
            json!({"response_format": schema, "tools": tools}),
            Dialect::OpenAi,
            without(Capability::JsonSchema),
            "response_format",
        ),
        (
            json!({"tools": [{"type": "custom", "custom": {"name": "x"}}]}),
            Dialect::Anthropic,
            able(),
            "tools[0]",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "file", "file": {}}]}]}),
            Dialect::Anthropic,
            able(),
            "messages[0]",
        ),
    ];
    for (more, dialect, capabilities, param) in cases {
        let request = read_request(Surface::OpenAi, openai(more)).expect("a request");
        let unfit = write_request(dialect, &request, &target(&capabilities)).expect_err("refused");
        assert_eq!((unfit.code(), unfit.param()), ("capability_missing", param));
    }
    let request = read_request(Surface::OpenAi, openai(image("https://a.example/b.png")));
    let request = request.expect("a request");
    let unfit = write_request(Dialect::Ollama, &request, &target(&able())).expect_err("refused");
    assert!(matches!(unfit, Unfit::ImageUrlUnsupported { .. }));
}

#[test]
fn a_schema_is_forced_by_a_tool_where_there_is_no_other_way() {
    let schema = json!({"type": "object", "required": ["a"]});
    let format = json!({"type": "json_schema", "json_schema": {"name": "n", "schema": schema}});
    let request = read_request(Surface::OpenAi, openai(json!({"response_format": format})));
    let request = request.expect("a request");
    let capabilities = without(Capability::JsonSchema);
    let out = write_request(Dialect::OpenAi, &request, &target(&capabilities)).expect("fits");
    assert!(out.forced_tool);
    assert_eq!(*at(&out.body, "tools/0/function/parameters"), schema);
    assert!(out.body.get("response_format").is_none());
    let out = write_request(Dialect::Anthropic, &request, &target(&capabilities)).expect("fits");
    assert!(out.forced_tool);
    assert_eq!(*at(&out.body, "tools/0/input_schema"), schema);
    assert!(out.body.get("output_config").is_none());
}

#[test]
fn needs_are_what_the_request_uses() {
    let body = openai(json!({
        "stream": true, "tools": [{"type": "function", "function": {"name": "f"}}],
        "reasoning_effort": "low", "response_format": {"type": "json_object"},
        "messages": [{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}]}],
    }));
    let needs = read_request(Surface::OpenAi, body).expect("a request").needs();
    use Capability::{Chat, JsonObject, Reasoning, Streaming, Tools, Vision};
    assert_eq!(needs, [Chat, Streaming, Tools, Vision, JsonObject, Reasoning].into());
}

#[test]
fn prompts_and_defaults_reach_the_original_too() {
    for (surface, body) in [
        (Surface::OpenAi, openai(json!({"temperature": 0.1}))),
        (Surface::Anthropic, anthropic(json!({"temperature": 0.1, "system": "s"}))),
    ] {
        let mut request = read_request(surface, body).expect("a request");
        let say = |role, text: &str| Message { role, name: None, parts: vec![Part::of(text)] };
        request.prepend(vec![say(Role::System, "be good"), say(Role::User, "first")]);
        request.append(vec![say(Role::Assistant, "bad"), say(Role::User, "again")]);
        request.set_defaults(&Defaults {
            temperature: Some(0.9),
            top_p: Some(0.5),
            max_output_tokens: Some(77),
            stop: vec!["z".to_owned()],
        });
        let again = read_request(surface, Value::Object(request.original.body.clone()));
        let again = again.expect("still a request");
        let texts = |request: &millwright_model::Request| {
            let mut texts = Vec::new();
            request.texts(|text| texts.push(text.to_owned()));
            texts.sort();
            texts
        };
        assert_eq!(texts(&again), texts(&request));
        assert_eq!((again.temperature, again.top_p), (Some(0.1), Some(0.5)));
        assert_eq!(again.stop, ["z"]);
        assert_eq!(again.max_output_tokens, request.max_output_tokens);
    }
}
