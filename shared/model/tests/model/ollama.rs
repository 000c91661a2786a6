//! Whole answers of Ollama's.

use millwright_model::{Finish, Part, Usage, ollama, openai};
use serde_json::{Value, json};

use crate::openai::envelope;

pub fn answer() -> Value {
    json!({
        "model": "llama", "created_at": "2026-01-01T00:00:00Z",
        "message": {"role": "assistant", "content": "I look", "thinking": "hm", "tool_calls": [
            {"function": {"name": "f", "arguments": {"a": 1}}},
            {"id": "own", "function": {"name": "g", "arguments": {}}}]},
        "done": true, "done_reason": "stop", "prompt_eval_count": 12, "eval_count": 3,
    })
}

#[test]
fn an_answer_is_read() {
    let read = ollama::read_answer("x", answer()).expect("an answer");
    let usage = Usage { input_tokens: 12, output_tokens: 3, ..Usage::default() };
    assert_eq!(read.usage, Some(usage));
    assert_eq!(read.choices[0].finish, Some(Finish::ToolCalls));
    let ids: Vec<&str> = read.choices[0]
        .parts
        .iter()
        .filter_map(|part| match part {
            Part::ToolCall { id, .. } => Some(id.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(ids, ["call_x_0", "own"]);
    let body = openai::write_answer(&read, &envelope());
    assert_eq!(
        body["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"],
        "{\"a\":1}"
    );
    assert_eq!(body["usage"]["total_tokens"], 15);
}

#[test]
fn errors_and_nonsense_are_errors() {
    for body in [json!({"error": "no"}), json!({}), json!([1])] {
        assert!(ollama::read_answer("x", body).is_err());
    }
    let unended = json!({"message": {"content": "a"}, "done": false});
    assert_eq!(ollama::read_answer("x", unended).expect("read").choices[0].finish, None);
}
