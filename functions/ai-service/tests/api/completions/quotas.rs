//! Hard limits: reserved before, settled after.

use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use millwright_aws::Called;
use millwright_core::{Error, Result};
use millwright_usage::{Transport, UsageClient};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{
    scene::{CHAT, Scene, ask, streamed},
    upstream::{Reply, delta},
};

/// What usage-tracking says.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Unlimited,
    Hard,
    Denying,
    Down,
}

struct Usage {
    mood: Mutex<Mood>,
    calls: Mutex<Vec<(String, Value)>>,
}

impl Transport for Usage {
    fn call<'a>(
        &'a self,
        path: &'a str,
        _: &'a [(&'a str, String)],
        body: &'a Value,
    ) -> BoxFuture<'a, Result<Called>> {
        let mood = *self.mood.lock().unwrap();
        self.calls.lock().unwrap().push((path.to_owned(), body.clone()));
        let held = json!({ "id": "rsv_1", "expiresAt": "2026-11-23T02:00:00.000Z" });
        let (status, answer) = match path.rsplit('/').next().unwrap_or_default() {
            "check" => {
                let hard = mood != Mood::Unlimited;
                (200, json!({ "hardLimited": hard, "phase": "normal", "allowed": true }))
            }
            "reservations" if mood == Mood::Denying => (
                200,
                json!({ "allowed": false, "deniedBy": ["quo_1"], "retryAt": "2026-11-24T00:00:00.000Z" }),
            ),
            "reservations" => (201, held),
            _ => (200, held),
        };
        Box::pin(async move {
            match mood {
                Mood::Down => Err(Error::unavailable("nobody is there")),
                _ => Ok(Called { status, body: answer }),
            }
        })
    }
}

impl Usage {
    fn new(mood: Mood) -> Arc<Usage> {
        Arc::new(Usage { mood: Mutex::new(mood), calls: Mutex::default() })
    }

    fn is(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// The last parts of the paths since the last time.
    fn asked(&self) -> Vec<(String, Value)> {
        let calls = std::mem::take(&mut *self.calls.lock().unwrap());
        let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
        calls.into_iter().map(|(path, body)| (last(&path), body)).collect()
    }
}

async fn scene(mood: Mood) -> (Scene, Arc<Usage>) {
    let usage = Usage::new(mood);
    let client = UsageClient::new(usage.clone(), "ai-service");
    (Scene::with_usage("openai_compatible", Some(client)).await, usage)
}

fn names(calls: &[(String, Value)]) -> Vec<&str> {
    calls.iter().map(|(name, _)| name.as_str()).collect()
}

#[tokio::test]
async fn without_a_hard_limit_nothing_is_reserved_and_nobody_waits() {
    let (scene, usage) = scene(Mood::Unlimited).await;
    scene.chat(ask("p1/small")).await.expect(200);
    scene.chat(ask("p1/small")).await.expect(200);
    assert_eq!(names(&usage.asked()), ["check"]);
    usage.is(Mood::Down);
    scene.app.database.clock.advance(std::time::Duration::from_secs(61));
    scene.chat(ask("p1/small")).await.expect(200);
}

#[tokio::test]
async fn the_worst_case_is_held_and_what_it_came_to_is_booked() {
    let (scene, usage) = scene(Mood::Hard).await;
    let mut body = ask("p1/small");
    body["max_tokens"] = 100.into();
    let answer = scene.chat(body).await;
    answer.expect(200);
    let calls = usage.asked();
    assert_eq!(names(&calls), ["check", "reservations", "commit"]);
    // 4 tokens at 1 and 100 at 4; then 12 at 1 and 5 at 4.
    assert_eq!(calls[1].1["amounts"]["cost"], "404");
    assert_eq!(calls[1].1["dimensions"], json!({ "model": "small", "provider": "openai" }));
    let id = answer.header("x-millwright-completion-id").unwrap();
    assert_eq!(calls[1].1["reference"], id);
    assert_eq!(calls[2].1["amounts"]["cost"], "32");
    // A stream that breaks is booked as well, a failure without an answer is not.
    let (sender, receiver) = mpsc::unbounded_channel();
    scene.first.next(Reply::Live(receiver));
    sender.send(delta("One")).unwrap();
    let response = scene.stream(CHAT, streamed("p1/small")).await;
    drop(sender);
    axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    assert_eq!(names(&usage.asked()), ["reservations", "commit"]);
    scene.first.next(Reply::Json(400, json!({})));
    scene.chat(ask("p1/small")).await.expect(400);
    assert_eq!(names(&usage.asked()), ["reservations", "release"]);
}

#[tokio::test]
async fn what_is_used_up_or_cannot_be_asked_reaches_no_provider() {
    let (scene, usage) = scene(Mood::Denying).await;
    let denied = scene.chat(ask("p1/small")).await;
    assert_eq!(denied.expect(429)["error"]["code"], "quota_exceeded");
    assert_eq!(denied.expect(429)["error"]["type"], "insufficient_quota");
    assert!(denied.header("retry-after").unwrap().parse::<u64>().unwrap() > 60);
    // A hard limit is known of: without an answer nobody goes on.
    usage.is(Mood::Down);
    let down = scene.chat(ask("p1/small")).await;
    assert_eq!(down.expect(503)["error"]["code"], "quota_unavailable");
    assert!(scene.first.calls().is_empty());
    assert!(scene.events().await.is_empty());
}
