//! Rate limits.

use futures::future::join_all;
use serde_json::json;

use super::scene::{CHAT, MESSAGES, Scene, ask, model};
use crate::A;

pub fn limit(number: u8, scope: &str, own: serde_json::Value) -> ai_service::domain::RateLimit {
    let mut body = json!({
        "id": format!("arl_01jdz7xk2nf5h9vq3w8c6m4t{number:02}"),
        "organizationId": "org_01jdz7xk2nf5h9vq3w8c6m4t0b", "version": 1,
        "createdAt": "2026-11-23T00:00:00.000Z", "createdBy": "x",
        "updatedAt": "2026-11-23T00:00:00.000Z",
        "scope": scope, "subjectId": null,
        "requestsPerMinute": null, "tokensPerMinute": null, "requestsPerDay": null,
        "tokensPerDay": null, "maxConcurrent": null,
    });
    for (name, value) in own.as_object().unwrap() {
        body[name] = value.clone();
    }
    serde_json::from_value(body).expect("a limit")
}

#[tokio::test]
async fn of_64_calls_at_once_20_pass_a_limit_of_20() {
    let scene = Scene::start("openai_compatible").await;
    scene.put(&limit(1, "model", json!({ "requestsPerMinute": 20 }))).await;
    let instances: Vec<_> = (0..8).map(|_| scene.app.instance()).collect();
    for (seed, instance) in (1..).zip(&instances) {
        // Conflicts and all, as DynamoDB has them.
        instance.faults().conflict(seed, 0.1);
    }
    let answers = join_all((0..64).map(|n: usize| {
        let client = instances[n % 8].client(A, "member");
        async move { client.post(CHAT, ask("p1/small")).await }
    }))
    .await;
    let passed = answers.iter().filter(|it| it.status == 200).count();
    let refused: Vec<_> = answers.iter().filter(|it| it.status == 429).collect();
    assert_eq!((passed, refused.len()), (20, 44));
    for answer in refused {
        assert_eq!(answer.expect(429)["error"]["code"], "rate_limit_exceeded");
        assert!(answer.header("retry-after").is_some());
    }
    assert_eq!(scene.first.calls().len(), 20);
    assert_eq!(scene.events().await.len(), 20);
    // Eight instances refused; it is said once. The limit of each user may be full as well.
    let mut told = scene.told("ai.rate_limit.exceeded").await;
    told.retain(|it| it["scope"] == "model");
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["subjectId"], model(1, "small").id.to_string());
    assert_eq!(told[0]["requests"], 20);
}

#[tokio::test]
async fn answers_say_what_is_left_in_the_words_of_their_surface() {
    let scene = Scene::start("openai_compatible").await;
    scene.put(&limit(1, "model", json!({ "requestsPerMinute": 3, "tokensPerDay": 2000 }))).await;
    let mut body = ask("p1/small");
    body["max_tokens"] = 50.into();
    let answer = scene.chat(body.clone()).await;
    answer.expect(200);
    let told = |name: &str| answer.header(&format!("x-ratelimit-{name}")).map(str::to_owned);
    assert_eq!(told("limit-requests").as_deref(), Some("3"));
    assert_eq!(told("remaining-requests").as_deref(), Some("2"));
    let seconds: u64 = told("reset-requests").unwrap().trim_end_matches('s').parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    // 4 in, and at most 50 out.
    assert_eq!(told("limit-tokens").as_deref(), Some("2000"));
    assert_eq!(told("remaining-tokens").as_deref(), Some("1946"));
    let answer = scene.member().post(MESSAGES, body.clone()).await;
    answer.expect(200);
    let told =
        |name: &str| answer.header(&format!("anthropic-ratelimit-{name}")).map(str::to_owned);
    assert_eq!(told("requests-limit").as_deref(), Some("3"));
    assert_eq!(told("requests-remaining").as_deref(), Some("1"));
    assert!(told("requests-reset").unwrap().ends_with('Z'));
    // 17 tokens each came of it.
    assert_eq!(told("tokens-remaining").as_deref(), Some("1929"));
    scene.chat(body.clone()).await.expect(200);
    let refused = scene.chat(body).await;
    refused.expect(429);
    assert_eq!(refused.header("x-ratelimit-remaining-requests"), Some("0"));
    assert_eq!(refused.header("x-ratelimit-remaining-tokens"), Some("1949"));
}

#[tokio::test]
async fn tokens_are_taken_before_and_corrected_after() {
    let scene = Scene::start("openai_compatible").await;
    scene.put(&limit(1, "provider", json!({ "tokensPerMinute": 60 }))).await;
    // 4 tokens in and up to 50 out: the second finds 17 used.
    let mut body = ask("p1/small");
    body["max_tokens"] = 50.into();
    scene.chat(body.clone()).await.expect(200);
    assert_eq!(scene.chat(body.clone()).await.expect(429)["error"]["code"], "rate_limit_exceeded");
    body["max_tokens"] = 30.into();
    scene.chat(body).await.expect(200);
    assert_eq!(scene.first.calls().len(), 2);
}
