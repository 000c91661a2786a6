//! Whole answers.

use serde_json::json;

use super::{
    scene::{CHAT, MESSAGES, SECRET, Scene, ask, provider, streamed},
    streams::rest,
    upstream::{Reply, chat, delta},
};
use crate::{A, B};

#[tokio::test]
async fn an_answer_goes_back_as_it_came_and_is_logged_with_its_cost() {
    let scene = Scene::start("openai_compatible").await;
    let mut body = ask("p1/small");
    body["vendor_field"] = json!({ "deep": [1] });
    body["millwright"] = json!({ "taskType": "coding", "tags": ["a"] });
    let answer = scene.chat(body).await;
    assert_eq!(answer.expect(200), chat("Hello."));
    assert_eq!(answer.header("x-millwright-model"), Some("small"));
    assert_eq!(answer.header("x-millwright-provider"), Some("p1"));
    assert_eq!(answer.header("x-millwright-attempts"), Some("1"));
    // 12 tokens at 1 and 5 at 4 micro-dollars.
    assert_eq!(answer.header("x-millwright-cost-micros"), Some("32"));
    let calls = scene.first.calls();
    let [call] = calls.as_slice() else { panic!("{calls:?}") };
    assert_eq!(call.path, "/chat/completions");
    assert_eq!(call.body["model"], "small");
    assert_eq!(call.body["vendor_field"], json!({ "deep": [1] }));
    assert!(call.body["millwright"].is_null());
    assert_eq!(call.headers["authorization"], format!("Bearer key-of-{SECRET}"));
    assert_eq!(call.headers["x-team"], "tools");
    let log = scene.log(answer.header("x-millwright-completion-id").unwrap()).await;
    assert_eq!(log.summary.status.as_str(), "succeeded");
    assert_eq!(log.summary.cost_micros, 32);
    assert_eq!((log.summary.usage.input_tokens, log.summary.usage.output_tokens), (12, 5));
    assert_eq!(log.detail.finish_reason.as_deref(), Some("stop"));
    assert_eq!(log.detail.attempts.len(), 1);
    let events = scene.events().await;
    let [event] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(event.kind, "ai.completion.completed");
    assert_eq!(event.data["costMicros"], 32);
    assert_eq!(event.data["taskType"], "coding");
}

#[tokio::test]
async fn either_surface_asks_either_kind_of_provider() {
    let scene = Scene::start("anthropic").await;
    scene.second.next(Reply::Json(
        200,
        json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "large",
            "content": [{ "type": "text", "text": "Good day." }],
            "stop_reason": "end_turn", "stop_sequence": null,
            "usage": { "input_tokens": 9, "output_tokens": 3 },
        }),
    ));
    let answer = scene.chat(ask("p2/large")).await.expect(200);
    assert_eq!(answer["object"], "chat.completion");
    assert_eq!(answer["choices"][0]["message"]["content"], "Good day.");
    assert_eq!(answer["usage"]["total_tokens"], 12);
    let calls = scene.second.calls();
    assert_eq!(calls[0].path, "/v1/messages");
    assert_eq!(calls[0].headers["x-api-key"], format!("key-of-{SECRET}"));
    assert_eq!(calls[0].body["max_tokens"], 1_000);
    let body = json!({
        "model": "small", "max_tokens": 100, "messages": [{ "role": "user", "content": "Hi" }],
    });
    let answer = scene.member().post(MESSAGES, body).await.expect(200);
    assert_eq!(answer["type"], "message");
    assert_eq!(answer["content"][0]["text"], "Hello.");
    assert_eq!(answer["usage"]["input_tokens"], 12);
}

#[tokio::test]
async fn a_chain_goes_on_to_its_second_member() {
    let scene = Scene::start("openai_compatible").await;
    scene.first.next(Reply::Json(500, json!({ "error": { "message": "broken" } })));
    let answer = scene.chat(ask("both")).await;
    assert_eq!(answer.expect(200)["choices"][0]["message"]["content"], "Hello.");
    assert_eq!(answer.header("x-millwright-provider"), Some("p2"));
    assert_eq!(answer.header("x-millwright-attempts"), Some("2"));
    let log = scene.log(answer.header("x-millwright-completion-id").unwrap()).await;
    let outcomes: Vec<_> = log.detail.attempts.iter().map(|it| it.outcome.as_str()).collect();
    assert_eq!(outcomes, ["failed", "answered"]);
    assert_eq!(log.detail.attempts[0].upstream_status, Some(500));
    assert_eq!(scene.events().await[0].data["fellBack"], true);
}

#[tokio::test]
async fn what_the_provider_refuses_is_told_and_never_as_the_clients_credential() {
    let scene = Scene::start("openai_compatible").await;
    for (status, body, expected, kind, code) in [
        (
            400,
            json!({ "error": { "message": "bad" } }),
            400,
            "invalid_request_error",
            "invalid_request",
        ),
        (
            401,
            json!({ "error": { "message": "who?" } }),
            502,
            "server_error",
            "provider_auth_failed",
        ),
        (
            429,
            json!({ "error": { "message": "slow" } }),
            503,
            "server_error",
            "provider_unavailable",
        ),
        (500, json!("what"), 502, "server_error", "provider_error"),
        (529, json!({}), 503, "server_error", "provider_unavailable"),
        (200, json!({ "choices": [] }), 502, "server_error", "provider_error"),
    ] {
        scene.first.next(Reply::Json(status, body));
        let answer = scene.chat(ask("p1/small")).await;
        let error = answer.expect(expected)["error"].clone();
        assert_eq!((error["type"].as_str(), error["code"].as_str()), (Some(kind), Some(code)));
        let log = scene.log(answer.header("x-millwright-completion-id").unwrap()).await;
        assert_eq!(log.summary.status.as_str(), "failed", "{status}");
        assert_eq!(log.summary.error_code.as_deref(), Some(code));
        assert_eq!(log.summary.cost_micros, 0);
    }
    assert!(scene.event_types().await.iter().all(|it| it == "ai.completion.failed"));
}

#[tokio::test]
async fn unknown_disabled_and_foreign_models_are_the_same() {
    let scene = Scene::start("openai_compatible").await;
    let mut off = super::scene::model(1, "small");
    off.enabled = false;
    scene.put(&off).await;
    for model in ["p1/small", "small", "p1/other", "nothing", "p2/small"] {
        let error = scene.chat(ask(model)).await.expect(404)["error"].clone();
        assert_eq!(error["code"], "model_not_found", "{model}");
        assert_eq!(error["param"], "model");
    }
    let foreign = scene.app.client(B, "member").post(CHAT, ask("p2/large")).await;
    assert_eq!(foreign.expect(404)["error"]["code"], "model_not_found");
    assert!(scene.first.calls().is_empty() && scene.second.calls().is_empty());
}

#[tokio::test]
async fn problems_are_in_the_words_of_the_surface() {
    let scene = Scene::start("openai_compatible").await;
    let nobody = scene.member().without_credential();
    let error = nobody.post(CHAT, ask("small")).await.expect(401)["error"].clone();
    assert_eq!(
        (&error["type"], &error["code"]),
        (&json!("authentication_error"), &json!("invalid_api_key"))
    );
    let error = nobody.post(MESSAGES, ask("small")).await.expect(401);
    assert_eq!(
        (&error["type"], &error["error"]["type"]),
        (&json!("error"), &json!("authentication_error"))
    );
    let viewer = scene.app.client(A, "viewer");
    assert_eq!(
        viewer.post(CHAT, ask("small")).await.expect(403)["error"]["type"],
        "permission_error"
    );
    for (body, param) in [
        (json!({ "model": "small" }), "messages"),
        (json!({ "model": "small", "messages": "x" }), "messages"),
        (
            json!({ "model": "small", "messages": [{ "role": "user", "content": "x" }], "millwright": { "taskType": "fun" } }),
            "millwright.taskType",
        ),
    ] {
        let error = scene.chat(body).await.expect(400)["error"].clone();
        assert_eq!(error["code"], "invalid_request");
        assert!(error["param"].as_str().unwrap().starts_with(param), "{error}");
    }
    let missing = scene.member().post("/api/v1/ai/openai/v1/responses", json!({})).await;
    assert_eq!(missing.expect(404)["error"]["code"], "unsupported_endpoint");
    // A key in Anthropic's header.
    let token = scene.member().authorization().trim_start_matches("Bearer ").to_owned();
    let headers = [("x-api-key", token.as_str())];
    let body = json!({ "model": "small", "max_tokens": 5, "messages": [{ "role": "user", "content": "x" }] });
    nobody.post_with(MESSAGES, &headers, body).await.expect(200);
}

#[tokio::test]
async fn what_does_not_fit_is_refused_before_anybody_is_asked() {
    let scene = Scene::start("openai_compatible").await;
    let mut long = ask("small");
    long["messages"][0]["content"] = "x".repeat(40_000).into();
    assert_eq!(scene.chat(long).await.expect(400)["error"]["code"], "context_length_exceeded");
    let mut picture = ask("small");
    picture["messages"][0]["content"] =
        json!([{ "type": "image_url", "image_url": { "url": "https://example.org/a.png" } }]);
    assert_eq!(scene.chat(picture).await.expect(400)["error"]["code"], "capability_missing");
    let mut dear = ask("small");
    dear["millwright"] = json!({ "maxCostMicros": 100 });
    let refused = scene.chat(dear).await;
    assert_eq!(refused.expect(429)["error"]["code"], "request_cost_exceeded");
    assert!(refused.header("retry-after").is_some());
    assert!(scene.first.calls().is_empty());
    assert!(scene.events().await.is_empty());
}

#[tokio::test]
async fn models_chains_and_auto_are_listed_as_each_surface_lists_them() {
    let scene = Scene::start("openai_compatible").await;
    let member = scene.member();
    let list = member.get("/api/v1/ai/openai/v1/models").await.expect(200);
    let ids: Vec<_> =
        list["data"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["auto", "both", "p2/large", "p1/small"]);
    for path in ["p1/small", "p1%2Fsmall"] {
        let one = member.get(&format!("/api/v1/ai/openai/v1/models/{path}")).await.expect(200);
        assert_eq!((&one["id"], &one["object"]), (&json!("p1/small"), &json!("model")), "{path}");
    }
    let foreign = scene.app.client(B, "member").get("/api/v1/ai/openai/v1/models/p1/small").await;
    assert_eq!(foreign.expect(404)["error"]["code"], "model_not_found");
    let list = member.get("/api/v1/ai/anthropic/v1/models").await.expect(200);
    assert_eq!((list["data"].as_array().unwrap().len(), &list["has_more"]), (4, &json!(false)));
    let count = "/api/v1/ai/anthropic/v1/messages/count_tokens";
    let counted = member.post(count, ask("small")).await.expect(200);
    assert_eq!(counted, json!({ "input_tokens": 4 }));
}

#[tokio::test]
async fn what_may_pass_is_tried_again_as_often_as_the_provider_says() {
    let scene = Scene::start("openai_compatible").await;
    let mut patient = provider(1, "openai", &scene.first.url);
    patient.max_retries = 2;
    scene.put(&patient).await;
    scene.first.next(Reply::Json(500, json!({})));
    scene.first.next(Reply::Wait(429, 0));
    let answer = scene.chat(ask("p1/small")).await;
    answer.expect(200);
    assert_eq!(answer.header("x-millwright-attempts"), Some("3"));
    // Too long for a client that waits; and what would fail again.
    scene.first.next(Reply::Wait(429, 6));
    let answer = scene.chat(ask("p1/small")).await;
    answer.expect(503);
    assert_eq!(answer.header("retry-after"), Some("6"));
    scene.first.next(Reply::Json(400, json!({})));
    scene.chat(ask("p1/small")).await.expect(400);
    assert_eq!(scene.first.calls().len(), 5);
}

#[tokio::test]
async fn a_model_that_was_just_made_is_there() {
    let scene = Scene::start("openai_compatible").await;
    scene.chat(ask("p1/new")).await.expect(404);
    let mut made = super::scene::model(1, "new");
    made.id = "mdl_01jdz7xk2nf5h9vq3w8c6m4t99".parse().expect("an id");
    scene.put(&made).await;
    scene.app.database.clock.advance(std::time::Duration::from_secs(1));
    scene.chat(ask("p1/new")).await.expect(200);
}

#[tokio::test]
async fn what_a_provider_says_of_its_failure_names_no_key_and_no_address() {
    let scene = Scene::start("openai_compatible").await;
    let key = format!("sk-{}", "aB3dE5gH7jK9mN1pQ3sT5vW7");
    let message = format!("Incorrect API key provided: {key}, ask ada@example.com");
    let said = json!({ "error": { "message": message } });
    for (status, expected) in [(400, 400), (401, 502), (422, 400)] {
        scene.first.next(Reply::Json(status, said.clone()));
        let answer = scene.chat(ask("p1/small")).await.expect(expected);
        let told = answer["error"]["message"].as_str().unwrap();
        assert!(told.contains("provided: [key], ask [email]"), "{told}");
        assert!(!answer.to_string().contains(&key));
    }
    // In the middle of a stream, too.
    scene.first.next(Reply::Pieces(vec![delta("Hello"), format!("data: {said}\n\n")]));
    let stream = scene.stream(CHAT, streamed("p1/small")).await;
    let told = rest(&mut stream.into_body()).await;
    assert!(told.contains("Hello") && told.contains("provided: [key], ask [email]"), "{told}");
    assert!(!told.contains(&key) && !told.contains("ada@"));
}
