//! How many may be under way at once.

use std::time::Duration;

use futures::future::join_all;
use http::Method;
use serde_json::json;
use tokio::sync::mpsc::{self, UnboundedSender};

use super::{
    limits::limit,
    scene::{CHAT, Scene, ask, model, provider, streamed},
    streams::rest,
    upstream::{Reply, chat, delta, end},
};
use crate::A;

/// A stream of the first provider that goes on until it is told to end.
fn endless(scene: &Scene) -> UnboundedSender<String> {
    let (sender, receiver) = mpsc::unbounded_channel();
    sender.send(delta("One")).unwrap();
    scene.first.next(Reply::Live(receiver));
    sender
}

#[tokio::test]
async fn of_64_streams_at_once_20_go_on_where_20_may() {
    let scene = Scene::start("openai_compatible").await;
    scene.put(&limit(1, "model", json!({ "maxConcurrent": 20 }))).await;
    let senders: Vec<_> = (0..20).map(|_| endless(&scene)).collect();
    let instances: Vec<_> = (0..8).map(|_| scene.app.instance()).collect();
    for (seed, instance) in (1..).zip(&instances) {
        instance.faults().conflict(seed, 0.1);
    }
    let headers = [("content-type", "application/json")];
    let begun =
        join_all((0..64).map(|n: usize| {
            let client = instances[n % 8].client(A, "member");
            async move {
                client.begin(Method::POST, CHAT, &headers, streamed("p1/small").to_string()).await
            }
        }))
        .await;
    let (passed, refused): (Vec<_>, Vec<_>) = begun.into_iter().partition(|it| it.status() == 200);
    assert_eq!((passed.len(), refused.len()), (20, 44));
    for answer in refused {
        // Some find the minute's requests of their person used up before.
        assert_eq!(answer.status(), 429);
        assert!(answer.headers().contains_key("retry-after"));
    }
    assert_eq!(scene.first.calls().len(), 20);
    for sender in senders {
        sender.send(end()).unwrap();
    }
    for answer in passed {
        assert!(rest(&mut answer.into_body()).await.ends_with("data: [DONE]\n\n"));
    }
    scene.store.clock().advance(Duration::from_secs(60));
    // All of them have ended: there is room for 20 again.
    let senders: Vec<_> = (0..20).map(|_| endless(&scene)).collect();
    let begun = join_all((0..20).map(|_| scene.stream(CHAT, streamed("p1/small")))).await;
    assert!(begun.iter().all(|answer| answer.status() == 200));
    assert_eq!(
        scene.chat(ask("p1/small")).await.expect(429)["error"]["code"],
        "rate_limit_exceeded"
    );
    drop(senders);
}

#[tokio::test]
async fn what_a_crash_leaves_is_over_in_time() {
    let scene = Scene::start("openai_compatible").await;
    scene.put(&limit(1, "model", json!({ "maxConcurrent": 1, "requestsPerDay": 100 }))).await;
    let small = model(1, "small").id.to_string();
    let _sender = endless(&scene);
    let _lost = scene.stream(CHAT, streamed("p1/small")).await;
    scene.chat(ask("p1/small")).await.expect(429);
    assert_eq!(used(&scene, "model", &small).await, (1, 1));
    // Another model has room of its own.
    scene.second.next(Reply::Json(200, chat("Hello")));
    scene.chat(ask("p2/large")).await.expect(200);
    // A provider may take 600 seconds, and a minute is for what comes before and after.
    scene.store.clock().advance(Duration::from_secs(659));
    scene.chat(ask("p1/small")).await.expect(429);
    scene.store.clock().advance(Duration::from_secs(2));
    assert_eq!(used(&scene, "model", &small).await, (1, 0));
    scene.first.next(Reply::Json(200, chat("Hello")));
    scene.chat(ask("p1/small")).await.expect(200);
}

/// Requests of this day, and how many are under way, as the limit of a scope shows them.
async fn used(scene: &Scene, scope: &str, subject: &str) -> (u64, u64) {
    let admin = scene.app.client(A, "admin");
    let limits = admin.get("/api/v1/ai/rate-limits").await.expect(200)["items"].clone();
    let limits = limits.as_array().unwrap();
    let limit = limits.iter().find(|limit| limit["scope"] == scope).expect("a limit");
    let path =
        format!("/api/v1/ai/rate-limits/{}?subjectId={subject}", limit["id"].as_str().unwrap());
    let current = &admin.get(&path).await.expect(200)["current"];
    let number = |name: &str| current[name].as_u64().unwrap();
    (number("requestsToday"), number("concurrent"))
}

#[tokio::test]
async fn a_provider_that_is_as_busy_as_it_may_be_is_passed_over() {
    let scene = Scene::start("openai_compatible").await;
    let mut busy = provider(1, "openai", &scene.first.url);
    busy.max_concurrency = Some(1);
    scene.put(&busy).await;
    let sender = endless(&scene);
    let open = scene.stream(CHAT, streamed("both")).await;
    scene.second.next(Reply::Json(200, chat("Hello")));
    scene.chat(ask("both")).await.expect(200);
    assert_eq!((scene.first.calls().len(), scene.second.calls().len()), (1, 1));
    let refused = scene.chat(ask("p1/small")).await;
    let message = refused.expect(429)["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("provider p1"), "{message}");
    // A refusal takes nothing, and whoever ends gives back.
    sender.send(end()).unwrap();
    drop(sender);
    rest(&mut open.into_body()).await;
    scene.first.next(Reply::Json(200, chat("Hello")));
    scene.chat(ask("both")).await.expect(200);
    assert_eq!(scene.first.calls().len(), 2);
}
