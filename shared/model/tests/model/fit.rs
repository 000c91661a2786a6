//! What of a request reaches a target, and what happens to the rest.

use millwright_model::{
    Capability, Defaults, Dialect, Message, Part, Role, Surface, Unfit, read_request, write_request,
};
use serde_json::{Value, json};

use crate::{
    able, at,
    requests::{anthropic, openai, translated},
    target, without,
};

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

/// What Anthropic refuses together, by what of it arrives.
#[test]
fn what_a_target_refuses_together_is_not_sent_together() {
    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    let cases = [
        (json!({"temperature": 0.5, "top_p": 0.5}), json!([0.5, null, null]), vec!["top_p"]),
        (json!({"top_p": 0.5}), json!([null, 0.5, null]), vec![]),
        (
            json!({"temperature": 0.5, "reasoning_effort": "high"}),
            json!([null, null, "adaptive"]),
            vec!["temperature"],
        ),
        (
            json!({"reasoning_effort": "high", "tools": tools, "tool_choice": "required"}),
            json!([null, null, null]),
            vec!["reasoning_effort"],
        ),
        (
            json!({"reasoning_effort": "high", "response_format": {"type": "json_object"}}),
            json!([null, null, null]),
            vec!["reasoning_effort"],
        ),
    ];
    for (more, expected, names) in cases {
        let said = more.to_string();
        let (body, dropped) = translated(Surface::OpenAi, openai(more), Dialect::Anthropic);
        let sent = json!([body["temperature"], body["top_p"], at(&body, "thinking/type")]);
        assert_eq!(
            (sent, dropped),
            (expected, names.iter().map(ToString::to_string).collect()),
            "{said}"
        );
    }
    // A choice without tools is refused by OpenAI.
    let more = json!({"tool_choice": {"type": "auto"}});
    let (body, _) = translated(Surface::Anthropic, anthropic(more), Dialect::OpenAi);
    assert!(body.get("tool_choice").is_none());
}
