//! Answers that are given again.

use std::time::Duration;

use millwright_testkit::{Answer, Client};
use serde_json::{Value, json};

use super::{
    limits::limit,
    scene::{CHAT, MESSAGES, Scene, ask, model},
    streams::{id_of, rest},
    upstream::{Reply, chat, delta, end},
};
use crate::{A, B};

fn kept(model: &str, wish: Value) -> Value {
    let mut body = ask(model);
    body["millwright"] = json!({ "cache": wish });
    body
}

fn both() -> Value {
    json!({ "mode": "read_write" })
}

fn is_cached(answer: &Answer) -> bool {
    answer.expect(200);
    match answer.header("x-millwright-cached") {
        Some("true") => true,
        Some("false") => false,
        other => panic!("{other:?}"),
    }
}

fn text_of(answer: &Answer) -> Value {
    answer.expect(200)["choices"][0]["message"]["content"].clone()
}

#[tokio::test]
async fn the_same_again_costs_nothing_and_asks_nobody() {
    let scene = Scene::start("openai_compatible").await;
    scene.first.next(Reply::Json(200, chat("Once.")));
    let before = scene.chat(kept("p1/small", both())).await;
    assert!(!is_cached(&before));
    let again = scene.chat(kept("p1/small", both())).await;
    assert!(is_cached(&again));
    assert_eq!((text_of(&again), scene.first.calls().len()), (json!("Once."), 1));
    assert_eq!(again.header("x-millwright-cost-micros"), Some("0"));
    assert_eq!(again.header("x-millwright-attempts"), Some("0"));
    assert_eq!(again.header("x-millwright-model"), Some("small"));
    // A completion of its own, with the counts of the first.
    let (one, other) = (before.expect(200), again.expect(200));
    let id = |answer: &Answer| answer.header("x-millwright-completion-id").map(str::to_owned);
    assert_ne!(id(&before), id(&again));
    assert_eq!((&one["usage"], &one["model"]), (&other["usage"], &other["model"]));
    let log = scene.log(again.header("x-millwright-completion-id").unwrap()).await;
    assert!(log.detail.cached && log.summary.cost_micros == 0);
    assert_eq!(log.summary.status.as_str(), "succeeded");
    let events = scene.events().await;
    assert_eq!(events.len(), 2);
    assert_eq!(
        (&events[1].data["cached"], &events[1].data["costMicros"]),
        (&json!(true), &json!(0))
    );
    assert_eq!(events[1].data["model"], "small");
}

#[tokio::test]
async fn a_request_is_counted_and_its_tokens_are_given_back() {
    let scene = Scene::start("openai_compatible").await;
    let limits = json!({ "tokensPerMinute": 60, "requestsPerMinute": 6 });
    scene.put(&limit(1, "provider", limits)).await;
    // 17 are used for good by the first; each of the others wants 34.
    let mut body = kept("p1/small", both());
    body["max_tokens"] = 30.into();
    for _ in 0..6 {
        scene.chat(body.clone()).await.expect(200);
    }
    assert_eq!(scene.first.calls().len(), 1);
    assert_eq!(scene.chat(body).await.expect(429)["error"]["code"], "rate_limit_exceeded");
}

#[tokio::test]
async fn whatever_changes_the_answer_is_another_request() {
    let scene = Scene::start("openai_compatible").await;
    for text in ["1", "2", "3", "4"] {
        scene.first.next(Reply::Json(200, chat(text)));
    }
    assert_eq!(text_of(&scene.chat(kept("p1/small", both())).await), "1");
    let mut warmer = kept("p1/small", both());
    warmer["temperature"] = json!(0.7);
    assert_eq!(text_of(&scene.chat(warmer).await), "2");
    // Who the end user is, and how it comes, changes nothing.
    let mut named = kept("p1/small", both());
    named["user"] = "somebody".into();
    named["metadata"] = json!({ "run": "7" });
    assert_eq!(text_of(&scene.chat(named).await), "1");
    // The order of members neither.
    let turned = r#"{"millwright":{"cache":{"mode":"read_write"}},
        "messages":[{"content":"Say hello.","role":"user"}],"model":"p1/small"}"#;
    let turned: Value = serde_json::from_str(turned).unwrap();
    assert_eq!(text_of(&scene.chat(turned).await), "1");
    // A model that was changed.
    let mut changed = model(1, "small");
    changed.common.version += 1;
    scene.put(&changed).await;
    scene.completions.forget_configuration(&scene.tenant());
    assert_eq!(text_of(&scene.chat(kept("p1/small", both())).await), "3");
    // Another organization.
    let stranger: Client = scene.app.client(B, "member");
    let refused = stranger.post(CHAT, kept("p1/small", both())).await;
    refused.expect(404);
}

#[tokio::test]
async fn modes_scope_and_time_are_the_requests_to_say() {
    let scene = Scene::start("openai_compatible").await;
    for text in ["1", "2", "3", "4", "5", "6"] {
        scene.first.next(Reply::Json(200, chat(text)));
    }
    let read = || kept("p1/small", json!({ "mode": "read" }));
    let write = || kept("p1/small", json!({ "mode": "write", "ttlSeconds": 60 }));
    // Off, unless somebody says otherwise.
    assert_eq!(text_of(&scene.chat(ask("p1/small")).await), "1");
    assert_eq!(text_of(&scene.chat(read()).await), "2");
    assert_eq!(text_of(&scene.chat(write()).await), "3");
    assert_eq!(text_of(&scene.chat(read()).await), "3");
    scene.store.clock().advance(Duration::from_secs(61));
    assert_eq!(text_of(&scene.chat(read()).await), "4");
    // One's own is nobody else's.
    let own = || kept("p1/small", json!({ "mode": "read_write", "scope": "user" }));
    assert_eq!(text_of(&scene.chat(own()).await), "5");
    assert_eq!(text_of(&scene.chat(own()).await), "5");
    let other = scene.app.client(A, "owner").post(CHAT, own()).await;
    assert_eq!(text_of(&other), "6");
    for wish in
        [json!({ "ttlSeconds": 59 }), json!({ "mode": "always" }), json!({ "scope": "all" })]
    {
        scene.chat(kept("p1/small", wish)).await.expect(400);
    }
}

#[tokio::test]
async fn the_organization_may_want_it_for_all() {
    let scene = Scene::start("openai_compatible").await;
    let admin = scene.app.client(A, "admin");
    admin.patch("/api/v1/ai/settings", json!({ "cacheDefault": "read_write" })).await.expect(200);
    scene.completions.forget_configuration(&scene.tenant());
    scene.first.next(Reply::Json(200, chat("1")));
    scene.first.next(Reply::Json(200, chat("2")));
    assert_eq!(text_of(&scene.chat(ask("p1/small")).await), "1");
    assert_eq!(text_of(&scene.chat(ask("p1/small")).await), "1");
    assert_eq!(text_of(&scene.chat(kept("p1/small", json!({ "mode": "off" }))).await), "2");
}

#[tokio::test]
async fn streams_are_kept_and_given_as_streams_or_whole() {
    let scene = Scene::start("openai_compatible").await;
    scene.first.next(Reply::Pieces(vec![delta("He"), delta("llo."), end()]));
    let mut body = kept("p1/small", both());
    body["stream"] = true.into();
    let response = scene.stream(CHAT, body.clone()).await;
    assert_eq!(response.headers()["x-millwright-cached"], "false");
    rest(&mut response.into_body()).await;
    body["stream_options"] = json!({ "include_usage": true });
    let response = scene.stream(CHAT, body).await;
    assert_eq!(response.headers()["x-millwright-cached"], "true");
    let id = id_of(&response);
    let all = rest(&mut response.into_body()).await;
    assert!(all.contains("Hello.") && all.contains(&id), "{all}");
    assert!(all.contains("\"prompt_tokens\":12") && all.ends_with("data: [DONE]\n\n"), "{all}");
    let whole = scene.chat(kept("p1/small", both())).await;
    assert!(is_cached(&whole));
    assert_eq!(text_of(&whole), "Hello.");
    assert_eq!(scene.first.calls().len(), 1);
}

#[tokio::test]
async fn each_surface_has_its_own_answers() {
    let scene = Scene::start("openai_compatible").await;
    for text in ["1", "2"] {
        scene.first.next(Reply::Json(200, chat(text)));
    }
    let mut message = kept("p1/small", both());
    message["max_tokens"] = 100.into();
    let member = scene.member();
    for _ in 0..2 {
        let answer = member.post(MESSAGES, message.clone()).await;
        assert_eq!(answer.expect(200)["content"][0]["text"], "1");
    }
    assert_eq!(text_of(&scene.chat(message).await), "2");
}

#[tokio::test]
async fn only_what_is_whole_is_kept() {
    let scene = Scene::start("openai_compatible").await;
    let mut cut = chat("1");
    cut["choices"][0]["finish_reason"] = "length".into();
    let large = chat(&"x".repeat(256 * 1024));
    for answer in [cut, large, chat("3")] {
        scene.first.next(Reply::Json(200, answer));
        assert!(!is_cached(&scene.chat(kept("p1/small", both())).await));
    }
    assert!(is_cached(&scene.chat(kept("p1/small", both())).await));
    scene.first.next(Reply::Json(500, json!({ "error": { "message": "no" } })));
    let mut other = kept("p1/small", both());
    other["seed"] = 1.into();
    assert!(scene.chat(other.clone()).await.status.is_server_error());
    scene.first.next(Reply::Json(200, chat("4")));
    assert!(!is_cached(&scene.chat(other).await));
}

const PURGE: &str = "/api/v1/ai/cache/purge";

/// How many answers the table has, and marks of them.
async fn there_are(scene: &Scene) -> (usize, usize) {
    let items = scene.app.database.items().await;
    let of = |kind: &str| items.iter().filter(|item| item.kind() == kind).count();
    (of("cached"), of("cached_mark"))
}

#[tokio::test]
async fn what_is_purged_is_given_no_more_and_deleted() {
    let scene = Scene::start("openai_compatible").await;
    let own = || kept("p1/small", json!({ "mode": "read_write", "scope": "user" }));
    for text in ["all", "own", "other"] {
        scene.first.next(Reply::Json(200, chat(text)));
    }
    scene.second.next(Reply::Json(200, chat("large")));
    assert_eq!(text_of(&scene.chat(kept("p1/small", both())).await), "all");
    assert_eq!(text_of(&scene.chat(own()).await), "own");
    let owner = scene.app.client(A, "owner");
    assert_eq!(text_of(&owner.post(CHAT, own()).await), "other");
    assert_eq!(text_of(&scene.chat(kept("p2/large", both())).await), "large");
    assert_eq!(there_are(&scene).await, (4, 4));
    let admin = scene.app.client(A, "admin");
    scene.member().post(PURGE, json!({})).await.expect(403);
    let purge = async |body: Value| {
        scene.store.clock().advance(Duration::from_secs(1));
        let taken = admin.post(PURGE, body).await.expect(202);
        scene.completions.forget_configuration(&scene.tenant());
        scene.store.clock().advance(Duration::from_secs(1));
        taken
    };
    // One person's own.
    let user = scene.member().user;
    let taken = purge(json!({ "userId": user })).await;
    assert_eq!((&taken["userId"], &taken["modelId"]), (&json!(user), &Value::Null));
    scene.first.next(Reply::Json(200, chat("own again")));
    assert_eq!(text_of(&scene.chat(own()).await), "own again");
    assert_eq!(text_of(&owner.post(CHAT, own()).await), "other");
    assert_eq!(text_of(&scene.chat(kept("p1/small", both())).await), "all");
    // What was asked for after it stays.
    let swept = ai_service::completion::sweep(&scene.completions).await.unwrap();
    assert_eq!((swept.purged, there_are(&scene).await), (0, (4, 4)));
    // One model's.
    let small = model(1, "small").id;
    purge(json!({ "modelId": small })).await;
    let swept = ai_service::completion::sweep(&scene.completions).await.unwrap();
    assert_eq!((swept.purged, there_are(&scene).await), (3, (1, 1)));
    assert_eq!(text_of(&scene.chat(kept("p2/large", both())).await), "large");
    // All of them, once.
    purge(json!({})).await;
    for expected in [1, 0] {
        let swept = ai_service::completion::sweep(&scene.completions).await.unwrap();
        assert_eq!((swept.purged, there_are(&scene).await), (expected, (0, 0)));
    }
    let told = scene.app.events().await;
    assert_eq!(told.iter().filter(|event| event.kind == "ai.cache.purged").count(), 3);
}
