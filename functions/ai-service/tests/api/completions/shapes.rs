//! Answers with a schema.

use serde_json::{Value, json};

use super::{
    scene::{CHAT, Scene, ask},
    streams::{id_of, rest},
    upstream::{Reply, chat, delta, end},
};

const GOOD: &str = r#"{"name":"Ada","age":36}"#;
const BAD: &str = r#"{"name":7}"#;

fn person() -> Value {
    json!({
        "type": "object", "additionalProperties": false, "required": ["name", "age"],
        "properties": { "name": { "type": "string" }, "age": { "type": "integer" } },
    })
}

fn wanted(model: &str, schema: &Value, strict: bool, extension: Value) -> Value {
    let mut body = ask(model);
    body["response_format"] = json!({
        "type": "json_schema",
        "json_schema": { "name": "person", "strict": strict, "schema": schema },
    });
    body["millwright"] = extension;
    body
}

fn text_of(answer: &Value) -> &Value {
    &answer["choices"][0]["message"]["content"]
}

#[tokio::test]
async fn an_answer_that_does_not_match_is_asked_for_again_with_its_faults() {
    let scene = Scene::start("openai_compatible").await;
    scene.first.next(Reply::Json(200, chat(BAD)));
    scene.first.next(Reply::Json(200, chat(GOOD)));
    let answer = scene.chat(wanted("p1/small", &person(), true, json!({}))).await;
    assert_eq!(text_of(&answer.expect(200)), GOOD);
    let calls = scene.first.calls();
    assert_eq!(calls.len(), 2);
    let said = calls[1].body["messages"].as_array().unwrap();
    assert_eq!(said[0], calls[0].body["messages"][0]);
    assert_eq!((&said[1]["role"], &said[1]["content"]), (&json!("assistant"), &json!(BAD)));
    let wish = said[2]["content"].as_str().unwrap();
    assert!(wish.contains("/name: ") && wish.contains("\"age\""), "{wish}");
    let log = scene.log(answer.header("x-millwright-completion-id").unwrap()).await;
    assert_eq!((log.detail.repairs, log.detail.schema_valid), (1, Some(true)));
    // Both answers are paid for: 12 tokens in and 5 out, twice.
    let one = scene.chat(ask("p1/small")).await;
    let one: u64 = one.header("x-millwright-cost-micros").unwrap().parse().unwrap();
    assert_eq!(log.summary.cost_micros, 2 * one);
    assert_eq!(log.detail.attempts.len(), 2);
}

#[tokio::test]
async fn an_answer_that_never_matches_is_none() {
    for (extension, calls) in
        [(json!({}), 2), (json!({ "repairAttempts": 0 }), 1), (json!({ "repairAttempts": 3 }), 4)]
    {
        let scene = Scene::start("openai_compatible").await;
        for _ in 0..calls {
            scene.first.next(Reply::Json(200, chat(BAD)));
        }
        let answer = scene.chat(wanted("p1/small", &person(), true, extension)).await;
        let error = &answer.expect(422)["error"];
        assert_eq!(error["code"], "schema_mismatch");
        assert!(error["message"].as_str().unwrap().contains("/name: "), "{error}");
        assert_eq!(scene.first.calls().len(), calls);
        let log = scene.log(answer.header("x-millwright-completion-id").unwrap()).await;
        assert_eq!(log.summary.status.as_str(), "failed");
        assert_eq!(log.detail.schema_valid, Some(false));
        assert!(log.summary.cost_micros > 0 && log.detail.attempts.len() == calls);
        assert_eq!(scene.event_types().await, ["ai.completion.failed"]);
    }
}

#[tokio::test]
async fn only_who_wants_it_has_answers_looked_at() {
    let scene = Scene::start("openai_compatible").await;
    let lax = wanted("p1/small", &person(), false, json!({}));
    let told = json!({ "validateSchema": false });
    for body in [lax, wanted("p1/small", &person(), true, told)] {
        scene.first.next(Reply::Json(200, chat(BAD)));
        let answer = scene.chat(body).await;
        assert_eq!(text_of(&answer.expect(200)), BAD);
        let log = scene.log(answer.header("x-millwright-completion-id").unwrap()).await;
        assert_eq!(log.detail.schema_valid, None);
    }
    scene.first.next(Reply::Json(200, chat(BAD)));
    let looked = json!({ "validateSchema": true, "repairAttempts": 0 });
    scene.chat(wanted("p1/small", &person(), false, looked)).await.expect(422);
}

#[tokio::test]
async fn calls_of_tools_and_what_a_limit_cut_off_need_not_match() {
    let scene = Scene::start("openai_compatible").await;
    let mut cut = chat(r#"{"name":"A"#);
    cut["choices"][0]["finish_reason"] = "length".into();
    let mut call = chat("");
    call["choices"][0] = json!({
        "index": 0, "finish_reason": "tool_calls",
        "message": { "role": "assistant", "content": null, "tool_calls": [{
            "id": "call_1", "type": "function", "function": { "name": "f", "arguments": "{}" },
        }] },
    });
    for answer in [cut, call] {
        scene.first.next(Reply::Json(200, answer));
        let answer = scene.chat(wanted("p1/small", &person(), true, json!({}))).await;
        answer.expect(200);
        let log = scene.log(answer.header("x-millwright-completion-id").unwrap()).await;
        assert_eq!((log.detail.repairs, log.detail.schema_valid), (0, Some(false)));
    }
}

#[tokio::test]
async fn a_stream_is_looked_at_in_the_end() {
    for (text, is_good) in [(GOOD, true), (BAD, false)] {
        let scene = Scene::start("openai_compatible").await;
        scene.first.next(Reply::Pieces(vec![delta(text), end()]));
        let mut body = wanted("p1/small", &person(), true, json!({}));
        body["stream"] = true.into();
        let response = scene.stream(CHAT, body).await;
        let id = id_of(&response);
        let all = rest(&mut response.into_body()).await;
        assert_eq!(all.ends_with("data: [DONE]\n\n"), is_good, "{all}");
        assert_eq!(all.contains("schema_mismatch"), !is_good, "{all}");
        let log = scene.log(&id).await;
        assert_eq!(log.detail.schema_valid, Some(is_good));
        assert_eq!(log.summary.status.as_str(), if is_good { "succeeded" } else { "failed" });
        assert_eq!(log.summary.usage_source.as_str(), "provider");
    }
}

#[tokio::test]
async fn schemas_are_bounded_and_nothing_is_fetched_for_them() {
    let scene = Scene::start("openai_compatible").await;
    let mut deep = json!({ "type": "string" });
    for _ in 0..17 {
        deep = json!({ "properties": { "in": deep } });
    }
    let large = json!({ "description": "x".repeat(32 * 1024) });
    let elsewhere = json!({ "$ref": "https://schemas.example/person.json" });
    let file = json!({ "$ref": "file:///etc/hostname" });
    let none = json!({ "type": 7 });
    // What looks back may take exponential time.
    let pattern = json!({ "type": "string", "pattern": "^(a+)\\1$" });
    for schema in [deep, large, elsewhere, file, none, pattern] {
        let answer = scene.chat(wanted("p1/small", &schema, false, json!({}))).await;
        let error = &answer.expect(400)["error"];
        assert_eq!(
            (&error["code"], &error["param"]),
            (&json!("invalid_request"), &json!("response_format"))
        );
    }
    assert!(scene.first.calls().is_empty());
    let own = json!({ "$defs": { "name": { "type": "string" } }, "$ref": "#/$defs/name" });
    scene.first.next(Reply::Json(200, chat("\"Ada\"")));
    scene.chat(wanted("p1/small", &own, true, json!({}))).await.expect(200);
}
