//! How providers fare, cooldowns, and their budgets.

use std::time::Duration;

use ai_service::domain::{Provider, seeded_limits};
use futures::future::join_all;
use serde_json::{Value, json};

use super::{
    scene::{CHAT, Scene, ask, provider, streamed},
    upstream::{Reply, chat, delta},
};
use crate::A;

fn broken() -> Reply {
    Reply::Json(500, json!({ "error": { "message": "out of order" } }))
}

impl Scene {
    async fn first_provider(&self) -> Value {
        let id = provider(1, "openai", "http://127.0.0.1").id;
        self.app.client(A, "admin").get(&format!("/api/v1/ai/providers/{id}")).await.expect(200)
    }
}

#[tokio::test]
async fn a_model_that_fails_five_times_is_left_alone_for_a_minute() {
    let scene = Scene::start("openai_compatible").await;
    for _ in 0..5 {
        scene.first.next(broken());
        scene.chat(ask("both")).await.expect(200);
    }
    assert_eq!((scene.first.calls().len(), scene.second.calls().len()), (5, 5));
    let told = scene.first_provider().await;
    assert_eq!(told["health"]["status"], "unhealthy");
    assert_eq!(told["health"]["lastError"], "provider_error");
    assert!(told["cooldownUntil"].is_string());
    scene.chat(ask("both")).await.expect(200);
    assert_eq!(scene.first.calls().len(), 5);
    // Who asks for this model and no other gets it all the same.
    scene.chat(ask("p1/small")).await.expect(200);
    assert_eq!(scene.first.calls().len(), 6);

    scene.store.clock().advance(Duration::from_secs(6 * 60));
    scene.chat(ask("both")).await.expect(200);
    assert_eq!(scene.first.calls().len(), 7);
    let told = scene.first_provider().await;
    assert_eq!(
        (&told["health"]["status"], &told["cooldownUntil"]),
        (&json!("healthy"), &json!(null))
    );
    let changes = scene.told("ai.provider.health_changed").await;
    let first: Vec<_> = changes.iter().filter(|it| it["providerId"] == told["id"]).collect();
    let steps: Vec<_> = first.iter().map(|it| (&it["from"], &it["to"])).collect();
    let step = |from: &str, to: &str| (json!(from), json!(to));
    let expected =
        [step("unknown", "degraded"), step("degraded", "unhealthy"), step("unhealthy", "healthy")];
    assert_eq!(steps, expected.iter().map(|(from, to)| (from, to)).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_provider_says_when_to_come_back() {
    let scene = Scene::start("openai_compatible").await;
    scene.first.next(Reply::Wait(429, 20));
    scene.chat(ask("both")).await.expect(200);
    for _ in 0..3 {
        scene.chat(ask("both")).await.expect(200);
    }
    assert_eq!(scene.first.calls().len(), 1);
    scene.store.clock().advance(Duration::from_secs(21));
    scene.chat(ask("both")).await.expect(200);
    assert_eq!(scene.first.calls().len(), 2);
}

#[tokio::test]
async fn a_key_that_is_refused_makes_a_provider_unhealthy_at_once() {
    let scene = Scene::start("openai_compatible").await;
    scene.first.next(Reply::Json(401, json!({ "error": { "message": "who are you" } })));
    let answer = scene.chat(ask("p1/small")).await.expect(502);
    assert_eq!(answer["error"]["code"], "provider_auth_failed");
    let told = scene.first_provider().await;
    assert_eq!(told["health"]["status"], "unhealthy");
    assert_eq!(told["health"]["lastError"], "provider_auth_failed");
    // A client's fault says nothing of a provider.
    scene.first.next(Reply::Json(400, json!({ "error": { "message": "no such field" } })));
    scene.chat(ask("p1/small")).await.expect(400);
    assert_eq!(scene.first_provider().await["health"]["samples"], 1);
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_a_failure() {
    let scene = Scene::start("openai_compatible").await;
    scene.first.next(Reply::Pieces(vec![delta("One")]));
    let response = scene.stream(CHAT, streamed("p1/small")).await;
    let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
    assert!(!String::from_utf8_lossy(&body).contains("[DONE]"));
    let told = scene.first_provider().await;
    assert_eq!(
        (&told["health"]["samples"], &told["health"]["failureRate"]),
        (&json!(1), &json!(1.0))
    );
}

/// One with room for so many requests of 1,004 micro-dollars at most each: 4 tokens in, 250 out.
async fn with_budget(scene: &Scene, requests: u64) -> u64 {
    let mut body = serde_json::to_value(provider(1, "openai", &scene.first.url)).unwrap();
    let budget = requests * 1_004;
    body["monthlyBudgetMicros"] = budget.into();
    // One thread serves all of them.
    body["timeouts"]["connectSeconds"] = json!(30);
    scene.put(&serde_json::from_value::<Provider>(body).unwrap()).await;
    for mut seed in seeded_limits(scene.tenant().organization().unwrap()) {
        let mut body = serde_json::to_value(&seed).unwrap();
        body["requestsPerMinute"] = 100_000.into();
        body["tokensPerMinute"] = 1_000_000_000.into();
        seed = serde_json::from_value(body).unwrap();
        scene.put(&seed).await;
    }
    budget
}

fn bounded(model: &str) -> Value {
    let mut body = ask(model);
    body["max_tokens"] = 250.into();
    body
}

#[tokio::test]
async fn of_200_calls_at_once_no_more_than_the_budget_has_room_for_are_made() {
    let scene = Scene::start("openai_compatible").await;
    let budget = with_budget(&scene, 100).await;
    // As dear as can be.
    for _ in 0..200 {
        let mut answer = chat("Hello");
        answer["usage"] =
            json!({ "prompt_tokens": 4, "completion_tokens": 250, "total_tokens": 254 });
        scene.first.next(Reply::Json(200, answer));
    }
    let instances: Vec<_> = (0..8).map(|_| scene.app.instance()).collect();
    let answers = join_all((0..200).map(|n: usize| {
        let client = instances[n % 8].client(A, "member");
        async move { client.post(CHAT, bounded("p1/small")).await }
    }))
    .await;
    let passed = answers.iter().filter(|it| it.status == 200).count();
    let refused: Vec<_> = answers.iter().filter(|it| it.status == 429).collect();
    let others: Vec<_> = answers.iter().filter(|it| it.status != 200 && it.status != 429).collect();
    assert!(others.is_empty(), "{others:?}");
    assert_eq!(passed, 100);
    for answer in refused {
        assert_eq!(answer.expect(429)["error"]["code"], "budget_exceeded");
        assert!(answer.header("retry-after").is_some());
    }
    assert_eq!(scene.first.calls().len(), 100);
    let told = scene.first_provider().await;
    assert_eq!((&told["spentMicros"], &told["reservedMicros"]), (&json!(budget), &json!(0)));
    assert_eq!(scene.told("ai.provider.budget_exceeded").await.len(), 1);
    assert!(scene.told("ai.provider.budget_warning").await.len() <= 1);
}

#[tokio::test]
async fn who_has_no_budget_left_is_passed_over() {
    let scene = Scene::start("openai_compatible").await;
    with_budget(&scene, 1).await;
    scene.chat(bounded("both")).await.expect(200);
    assert_eq!((scene.first.calls().len(), scene.second.calls().len()), (1, 0));
    // What was not needed is free again.
    let left = 1_004 - scene.first_provider().await["spentMicros"].as_u64().unwrap();
    assert!((1..1_004).contains(&left));
    scene.chat(bounded("both")).await.expect(200);
    assert_eq!((scene.first.calls().len(), scene.second.calls().len()), (1, 1));
    scene.chat(bounded("p1/small")).await.expect(429);
}

#[tokio::test]
async fn a_lost_answer_of_the_table_counts_nothing_twice() {
    let scene = Scene::start("openai_compatible").await;
    with_budget(&scene, 1_000).await;
    let mut spent = 0;
    for call in 1..=16 {
        scene.first.next(Reply::Json(200, chat("Hello")));
        scene.app.faults().lose_answer(call);
        let answer = scene.chat(bounded("p1/small")).await;
        answer.expect(200);
        spent += answer.header("x-millwright-cost-micros").unwrap().parse::<u64>().unwrap();
        let told = scene.first_provider().await;
        let both = (&told["spentMicros"], &told["reservedMicros"]);
        assert_eq!(both, (&json!(spent), &json!(0)), "call {call}");
    }
}

#[tokio::test]
async fn what_cannot_be_logged_is_not_asked_and_holds_nothing() {
    let scene = Scene::start("openai_compatible").await;
    with_budget(&scene, 1_000).await;
    scene.app.faults().fail(Some("PutItem"));
    let refused = scene.chat(bounded("p1/small")).await;
    assert_eq!(refused.expect(503)["error"]["code"], "provider_unavailable");
    scene.app.faults().fail(None);
    assert_eq!(scene.first.calls().len(), 0);
    let told = scene.first_provider().await;
    assert_eq!((&told["spentMicros"], &told["reservedMicros"]), (&json!(0), &json!(0)));
    let id = refused.header("x-millwright-completion-id").unwrap();
    assert_eq!(scene.log(id).await.summary.status.as_str(), "failed");
    assert_eq!(scene.event_types().await, ["ai.completion.failed"]);
}
