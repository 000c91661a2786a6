//! Whole answers of OpenAI's, and for its clients.

use millwright_model::{Envelope, Finish, Part, Usage, anthropic, openai};
use serde_json::{Value, json};

pub fn envelope() -> Envelope {
    Envelope {
        id: "cmp_1".to_owned(),
        model: "acme/m".to_owned(),
        created: 1_700_000_000,
        ..Envelope::default()
    }
}

/// Everything an answer can have.
pub fn answer() -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-x",
        "system_fingerprint": "fp",
        "choices": [{"index": 0, "finish_reason": "tool_calls", "logprobs": null, "message": {
            "role": "assistant", "reasoning_content": "hm", "content": "I look", "refusal": null,
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}},
                {"id": "c2", "type": "function", "function": {"name": "g", "arguments": "{}"}}]}}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120,
            "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 10},
            "completion_tokens_details": {"reasoning_tokens": 5}},
    })
}

#[test]
fn an_answer_is_read() {
    let answer = openai::read_answer(answer()).expect("an answer");
    let usage = Usage {
        input_tokens: 30,
        cache_read_tokens: 60,
        cache_write_tokens: 10,
        output_tokens: 20,
        reasoning_tokens: 5,
    };
    assert_eq!(answer.usage, Some(usage));
    let choice = &answer.choices[0];
    assert_eq!(choice.finish, Some(Finish::ToolCalls));
    assert_eq!(choice.parts[0], Part::Reasoning { text: "hm".to_owned(), signature: None });
    assert_eq!(choice.parts[1], Part::of("I look"));
    assert!(matches!(&choice.parts[3], Part::ToolCall { id, arguments, .. }
        if id == "c2" && arguments == "{}"));
}

#[test]
fn the_same_surface_gets_it_as_it_came() {
    let read = openai::read_answer(answer()).expect("an answer");
    assert_eq!(openai::write_answer(&read, &envelope()), answer());
}

#[test]
fn the_other_surface_gets_a_message() {
    let read = openai::read_answer(answer()).expect("an answer");
    let message = anthropic::write_answer(&read, &envelope());
    assert_eq!(
        message,
        json!({
            "id": "cmp_1", "type": "message", "role": "assistant", "model": "acme/m",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": ""},
                {"type": "text", "text": "I look"},
                {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}},
                {"type": "tool_use", "id": "c2", "name": "g", "input": {}}],
            "stop_reason": "tool_use", "stop_sequence": null,
            "usage": {"input_tokens": 30, "cache_creation_input_tokens": 10,
                "cache_read_input_tokens": 60, "output_tokens": 20,
                "output_tokens_details": {"thinking_tokens": 5}},
        })
    );
}

#[test]
fn usage_never_goes_below_nothing() {
    let odd = json!({"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 9}});
    assert_eq!(openai::read_usage(&odd).all_input(), 5);
    assert_eq!(openai::read_usage(&json!(null)), Usage::default());
}

#[test]
fn what_is_no_answer_is_an_error() {
    for body in [json!(null), json!({}), json!({"choices": []}), json!({"error": {"message": "m"}})]
    {
        assert!(openai::read_answer(body).is_err());
    }
}

#[test]
fn a_forced_tool_becomes_the_text() {
    let mut body = answer();
    body["choices"][0]["message"]["tool_calls"] = json!([{"id": "c", "type": "function",
        "function": {"name": "structured_answer", "arguments": "{\"a\":1}"}}]);
    let read = openai::read_answer(body).expect("an answer").unwrapped();
    assert_eq!(read.text(), "{\"a\":1}");
    assert_eq!(read.choices[0].finish, Some(Finish::Stop));
    assert_eq!(
        openai::write_answer(&read, &envelope())["choices"][0]["message"]["content"],
        "{\"a\":1}"
    );
}
