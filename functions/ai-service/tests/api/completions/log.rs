//! /ai/completions/{id}, and what a crash leaves open.

use std::time::Duration;

use ai_service::completion::sweep;
use axum::body::Body;
use futures::future::join_all;
use http_body_util::BodyExt;
use serde_json::json;
use tokio::sync::mpsc;

use super::{
    scene::{CHAT, Scene, ask, streamed},
    upstream::{Reply, delta, end},
};
use crate::{A, B};

async fn rest(mut body: Body) -> String {
    let mut all = String::new();
    while let Some(frame) = body.frame().await {
        let data = frame.expect("our streams do not break").into_data().expect("data");
        all.push_str(std::str::from_utf8(&data).expect("UTF-8"));
    }
    all
}

fn id_of(headers: &http::HeaderMap) -> String {
    headers["x-millwright-completion-id"].to_str().expect("text").to_owned()
}

#[tokio::test]
async fn one_reads_ones_own_and_an_admin_everybodys() {
    let scene = Scene::start("openai_compatible").await;
    let path =
        format!("/api/v1/ai/completions/{}", id_of(&scene.chat(ask("p1/small")).await.headers));
    let own = scene.member().get(&path).await.expect(200);
    assert_eq!(own["status"], "succeeded");
    assert_eq!(own["attempts"][0]["outcome"], "answered");
    assert_eq!(scene.app.client(A, "admin").get(&path).await.expect(200), own);
    scene.app.client(A, "viewer").get(&path).await.expect_problem(404, "not_found");
    scene.app.client(B, "owner").get(&path).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn the_log_is_listed_newest_first_own_entries_or_all() {
    let scene = Scene::start("openai_compatible").await;
    let admin = || scene.app.client(A, "admin");
    let mut asked = Vec::new();
    for number in 0..7 {
        let mut body = ask("p1/small");
        body["millwright"] = json!({ "tags": [format!("t{}", number % 2)] });
        let client = if number == 3 { admin() } else { scene.member() };
        let answer = client.post(CHAT, body).await;
        assert_eq!(answer.status, 200);
        asked.push(id_of(&answer.headers));
        scene.store.clock().advance(Duration::from_secs(9 * 3_600));
    }
    asked.reverse();
    let log = "/api/v1/ai/completions";
    let ids = |page: &serde_json::Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap();
        items.iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect()
    };
    let without_admins: Vec<_> = asked.iter().filter(|id| **id != asked[3]).cloned().collect();
    let (mut own, mut path) = (Vec::new(), format!("{log}?limit=2"));
    loop {
        let page = scene.member().get(&path).await.expect(200);
        own.extend(ids(&page));
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        path = format!("{log}?limit=2&cursor={cursor}");
    }
    assert_eq!(own, without_admins);
    assert_eq!(ids(&admin().get(log).await.expect(200)), asked);
    let of_member = without_admins.len();
    let member = admin().get(&format!("{log}/{}", own[0])).await.expect(200)["userId"].clone();
    let path = format!("{log}?userId={}&tag=t0", member.as_str().unwrap());
    assert_eq!(ids(&admin().get(&path).await.expect(200)).len(), of_member - 2);
    assert!(ids(&scene.app.client(B, "owner").get(log).await.expect(200)).is_empty());
    assert!(ids(&admin().get(&format!("{log}?status=failed")).await.expect(200)).is_empty());
    let far = format!("{log}?from=2026-01-01T00:00:00.000Z&to=2026-03-01T00:00:00.000Z");
    admin().get(&far).await.expect_problem(400, "invalid_request");
}

#[tokio::test]
async fn the_last_rating_counts_and_every_one_is_a_version() {
    let scene = Scene::start("openai_compatible").await;
    let path =
        format!("/api/v1/ai/completions/{}", id_of(&scene.chat(ask("p1/small")).await.headers));
    let rate = format!("{path}/rate");
    let member = scene.member();
    member.post(&rate, json!({ "score": 2 })).await.expect_problem(400, "invalid_request");
    let all = join_all((0..32).map(|_| member.post(&rate, json!({ "score": 1 })))).await;
    assert!(all.iter().all(|answer| answer.status == 200));
    let last = json!({ "score": -1, "comment": "Beside the point" });
    let rated = member.post(&rate, last.clone()).await.expect(200);
    assert_eq!(rated["rating"], last);
    assert_eq!(rated["version"], 2 + 32 + 1);
}

#[tokio::test]
async fn somebody_else_ends_a_stream_that_hangs() {
    let scene = Scene::start("openai_compatible").await;
    let (sender, receiver) = mpsc::unbounded_channel();
    scene.first.next(Reply::Live(receiver));
    sender.send(delta("One")).unwrap();
    let response = scene.stream(CHAT, streamed("p1/small")).await;
    let path = format!("/api/v1/ai/completions/{}", id_of(response.headers()));
    let cancel = format!("{path}/cancel");
    scene.app.client(B, "owner").post(&cancel, json!({})).await.expect_problem(404, "not_found");
    let cancelled = scene.app.instance().client(A, "admin").post(&cancel, json!({})).await;
    assert_eq!(cancelled.expect(202)["status"], "in_progress");
    let all = rest(response.into_body()).await;
    assert!(all.contains("One") && !all.contains("[DONE]"), "{all}");
    scene.first.closed(1).await;
    let log = scene.member().get(&path).await.expect(200);
    assert_eq!(log["status"], "cancelled");
    assert!(log["costMicros"].as_u64().unwrap() > 0);
    let again = scene.member().post(&cancel, json!({})).await;
    again.expect_problem(409, "invalid_state");
    assert_eq!(scene.event_types().await, ["ai.completion.failed"]);
}

#[tokio::test]
async fn what_a_crash_left_open_is_closed_once_and_charged_the_estimate() {
    let scene = Scene::start("openai_compatible").await;
    let (sender, receiver) = mpsc::unbounded_channel();
    scene.first.next(Reply::Live(receiver));
    sender.send(delta("One")).unwrap();
    let response = scene.stream(CHAT, streamed("p1/small")).await;
    let id = id_of(response.headers());
    scene.app.database.clock.advance(Duration::from_secs(15 * 60));
    assert_eq!(sweep(&scene.completions).await.expect("a table").closed, 0);
    scene.app.database.clock.advance(Duration::from_secs(2 * 60));
    let sweeps = join_all((0..32).map(|_| sweep(&scene.completions))).await;
    let closed: usize = sweeps.into_iter().map(|swept| swept.expect("a table").closed).sum();
    assert_eq!(closed, 1);
    let log = scene.log(&id).await;
    assert_eq!(log.summary.status.as_str(), "failed");
    assert_eq!(log.summary.error_code.as_deref(), Some("internal"));
    // 4 tokens at 1 micro-dollar.
    assert_eq!(log.summary.cost_micros, 4);
    // Who was believed dead changes nothing any more.
    sender.send(end()).unwrap();
    drop(sender);
    rest(response.into_body()).await;
    assert_eq!(scene.log(&id).await.summary, log.summary);
    assert_eq!(scene.event_types().await, ["ai.completion.failed"]);
}
