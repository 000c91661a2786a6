//! Whole answers of Anthropic's, and for its clients.

use millwright_model::{Finish, Part, Usage, anthropic, openai};
use serde_json::{Value, json};

use crate::openai::envelope;

/// Everything an answer can have.
pub fn answer() -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x",
        "container": null,
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "sig"},
            {"type": "redacted_thinking", "data": "xyz"},
            {"type": "text", "text": "I look"},
            {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
            {"type": "tool_use", "id": "t2", "name": "g", "input": {}}],
        "stop_reason": "tool_use", "stop_sequence": null,
        "usage": {"input_tokens": 30, "cache_creation_input_tokens": 10,
            "cache_read_input_tokens": 60, "output_tokens": 20},
    })
}

#[test]
fn an_answer_is_read_and_given_back() {
    let read = anthropic::read_answer(answer()).expect("an answer");
    let usage = Usage {
        input_tokens: 30,
        cache_read_tokens: 60,
        cache_write_tokens: 10,
        output_tokens: 20,
        reasoning_tokens: 0,
    };
    assert_eq!(read.usage, Some(usage));
    assert_eq!(read.choices[0].parts[1], Part::RedactedReasoning { data: "xyz".to_owned() });
    assert_eq!(anthropic::write_answer(&read, &envelope()), answer());
}

#[test]
fn the_other_surface_gets_a_completion() {
    let read = anthropic::read_answer(answer()).expect("an answer");
    let body = openai::write_answer(&read, &envelope());
    assert_eq!(
        body,
        json!({
            "id": "cmp_1", "object": "chat.completion", "created": 1_700_000_000, "model": "acme/m",
            "choices": [{"index": 0, "logprobs": null, "finish_reason": "tool_calls", "message": {
                "role": "assistant", "content": "I look", "refusal": null,
                "reasoning_content": "hm",
                "tool_calls": [
                    {"id": "t1", "type": "function",
                        "function": {"name": "f", "arguments": "{\"a\":1}"}},
                    {"id": "t2", "type": "function",
                        "function": {"name": "g", "arguments": "{}"}}]}}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120,
                "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 10},
                "completion_tokens_details": {"reasoning_tokens": 0}},
        })
    );
}

/// Anthropic's word, the form between, OpenAI's word.
#[test]
fn every_reason_has_its_word() {
    for (word, finish, other) in [
        ("end_turn", Finish::Stop, "stop"),
        ("stop_sequence", Finish::StopSequence(Some("x".to_owned())), "stop"),
        ("max_tokens", Finish::Length, "length"),
        ("model_context_window_exceeded", Finish::ContextLength, "length"),
        ("tool_use", Finish::ToolCalls, "tool_calls"),
        ("refusal", Finish::ContentFilter, "content_filter"),
        ("pause_turn", Finish::Pause, "stop"),
        ("new_word", Finish::Other("new_word".to_owned()), "stop"),
    ] {
        let mut body = answer();
        body["stop_reason"] = json!(word);
        body["stop_sequence"] = if word == "stop_sequence" { json!("x") } else { Value::Null };
        let mut read = anthropic::read_answer(body.clone()).expect("an answer");
        assert_eq!(read.choices[0].finish, Some(finish));
        let written = openai::write_answer(&read, &envelope());
        assert_eq!(written["choices"][0]["finish_reason"], other);
        read.original = None;
        let again = anthropic::write_answer(&read, &envelope());
        if word != "new_word" {
            assert_eq!(again["stop_reason"], word);
            assert_eq!(again["stop_sequence"], body["stop_sequence"]);
        }
    }
}

#[test]
fn counting_asks_without_what_only_generating_needs() {
    let request = anthropic::read_count(json!({
        "model": "m", "messages": [{"role": "user", "content": "a"}], "system": "s"}));
    let request = request.expect("a request");
    let body = anthropic::write_count(&request, &crate::target(&crate::able())).expect("fits");
    assert_eq!(
        body,
        json!({"model": "upstream", "messages": [{"role": "user", "content": "a"}], "system": "s"})
    );
    assert_eq!(anthropic::count_answer(7), json!({"input_tokens": 7}));
}
