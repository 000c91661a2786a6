//! Streams.

use axum::body::Body;
use http_body_util::BodyExt;
use tokio::sync::mpsc;

use super::{
    scene::{CHAT, MESSAGES, Scene, ask, provider, streamed},
    upstream::{Reply, delta, end},
};

pub async fn piece(body: &mut Body) -> Option<String> {
    let frame = body.frame().await?.expect("our streams do not break");
    Some(String::from_utf8(frame.into_data().expect("data").to_vec()).expect("UTF-8"))
}

pub async fn rest(body: &mut Body) -> String {
    let mut all = String::new();
    while let Some(piece) = piece(body).await {
        all.push_str(&piece);
    }
    all
}

pub fn id_of(response: &http::Response<Body>) -> String {
    response.headers()["x-millwright-completion-id"].to_str().expect("text").to_owned()
}

#[tokio::test]
async fn every_event_leaves_before_the_next_one_comes() {
    let scene = Scene::start("openai_compatible").await;
    let (sender, receiver) = mpsc::unbounded_channel();
    scene.first.next(Reply::Live(receiver));
    sender.send(delta("One")).unwrap();
    let response = scene.stream(CHAT, streamed("p1/small")).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream; charset=utf-8");
    let id = id_of(&response);
    let mut body = response.into_body();
    assert!(piece(&mut body).await.unwrap().contains("One"));
    sender.send(delta("Two")).unwrap();
    assert!(piece(&mut body).await.unwrap().contains("Two"));
    assert_eq!(scene.log(&id).await.summary.status.as_str(), "in_progress");
    sender.send(end()).unwrap();
    drop(sender);
    let last = rest(&mut body).await;
    assert!(last.contains("\"finish_reason\":\"stop\"") && last.ends_with("data: [DONE]\n\n"));
    // The client has not asked for it.
    assert!(!last.contains("prompt_tokens"), "{last}");
    let log = scene.log(&id).await;
    assert_eq!(log.summary.status.as_str(), "succeeded");
    assert_eq!(log.summary.cost_micros, 32);
    assert_eq!(log.summary.usage_source.as_str(), "provider");
    assert!(scene.first.calls()[0].body["stream_options"]["include_usage"].as_bool().unwrap());
}

#[tokio::test]
async fn usage_is_the_last_chunk_for_who_asks() {
    let scene = Scene::start("openai_compatible").await;
    scene.first.next(Reply::Pieces(vec![delta("One"), end()]));
    let mut ask = streamed("p1/small");
    ask["stream_options"] = serde_json::json!({ "include_usage": true });
    let mut body = scene.stream(CHAT, ask).await.into_body();
    let all = rest(&mut body).await;
    let chunks: Vec<&str> = all.trim().split("\n\n").collect();
    let usage = chunks[chunks.len() - 2];
    assert!(usage.contains("\"choices\":[]") && usage.contains("\"total_tokens\":17"), "{usage}");
}

#[tokio::test]
async fn a_client_that_hangs_up_closes_the_provider_and_is_charged_once() {
    let scene = Scene::start("openai_compatible").await;
    let (sender, receiver) = mpsc::unbounded_channel();
    scene.first.next(Reply::Live(receiver));
    sender.send(delta("Three deltas")).unwrap();
    let response = scene.stream(CHAT, streamed("p1/small")).await;
    let id = id_of(&response);
    let mut body = response.into_body();
    piece(&mut body).await.unwrap();
    drop(body);
    scene.first.closed(1).await;
    drop(sender);
    let events = loop {
        let events = scene.events().await;
        if !events.is_empty() {
            break events;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].kind, "ai.completion.failed");
    let log = scene.log(&id).await;
    assert_eq!(log.summary.status.as_str(), "client_disconnected");
    assert_eq!(log.summary.usage_source.as_str(), "estimated");
    assert!(log.summary.cost_micros > 0 && log.summary.usage.output_tokens > 0);
}

#[tokio::test]
async fn a_stream_that_ends_without_a_reason_is_a_failure() {
    let scene = Scene::start("openai_compatible").await;
    let five: Vec<String> = (0..5).map(|n| delta(&format!("delta {n} "))).collect();
    scene.first.next(Reply::Pieces(five));
    let response = scene.stream(CHAT, streamed("both")).await;
    let id = id_of(&response);
    let all = rest(&mut response.into_body()).await;
    assert!(all.contains("delta 4") && !all.contains("[DONE]"), "{all}");
    let last = all.trim().split("\n\n").last().unwrap().trim_start_matches("data: ");
    let error: serde_json::Value = serde_json::from_str(last).expect("JSON");
    assert_eq!(error["error"]["code"], "provider_error");
    // What was said is not said again by another.
    assert!(scene.second.calls().is_empty());
    let log = scene.log(&id).await;
    assert_eq!(log.summary.status.as_str(), "failed");
    assert_eq!(log.summary.usage_source.as_str(), "estimated");
    assert!(log.summary.cost_micros > 0);
    assert_eq!(scene.event_types().await, ["ai.completion.failed"]);
}

#[tokio::test]
async fn a_failure_before_the_first_event_is_another_members_turn() {
    let scene = Scene::start("openai_compatible").await;
    scene.first.next(Reply::Pieces(Vec::new()));
    scene.second.next(Reply::Pieces(vec![delta("Second"), end()]));
    let response = scene.stream(CHAT, streamed("both")).await;
    assert_eq!(response.headers()["x-millwright-provider"], "p2");
    assert!(rest(&mut response.into_body()).await.contains("Second"));
    scene.first.next(Reply::Json(503, serde_json::json!({})));
    scene.second.next(Reply::Json(500, serde_json::json!({})));
    let response = scene.stream(CHAT, streamed("both")).await;
    assert_eq!(response.status(), 502);
    assert_eq!(response.headers()["content-type"], "application/json");
}

#[tokio::test]
async fn an_anthropic_client_reads_an_openai_stream() {
    let scene = Scene::start("openai_compatible").await;
    scene.first.next(Reply::Pieces(vec![delta("Bon"), delta("jour"), end()]));
    let mut body = ask("small");
    body["max_tokens"] = 10.into();
    body["stream"] = true.into();
    let response = scene.stream(MESSAGES, body).await;
    let all = rest(&mut response.into_body()).await;
    let names: Vec<&str> = all.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(names.first(), Some(&"message_start"));
    assert_eq!(names.last(), Some(&"message_stop"));
    assert!(all.contains("Bon") && all.contains("jour"));
}

#[tokio::test]
async fn a_provider_that_falls_silent_is_left() {
    let scene = Scene::start("openai_compatible").await;
    let mut hasty = provider(1, "openai", &scene.first.url);
    hasty.timeouts.first_token_seconds = 1;
    hasty.timeouts.idle_seconds = 1;
    scene.put(&hasty).await;
    scene.first.next(Reply::Silence);
    let response = scene.stream(CHAT, streamed("p1/small")).await;
    assert_eq!(response.status(), 504);
    let log = scene.log(&id_of(&response)).await;
    assert_eq!(log.summary.status.as_str(), "timed_out");
    let (sender, receiver) = mpsc::unbounded_channel();
    scene.first.next(Reply::Live(receiver));
    sender.send(delta("One")).unwrap();
    let response = scene.stream(CHAT, streamed("p1/small")).await;
    let id = id_of(&response);
    let all = rest(&mut response.into_body()).await;
    assert!(all.contains("One") && all.contains("provider_timeout"), "{all}");
    let log = scene.log(&id).await;
    assert_eq!(log.summary.status.as_str(), "timed_out");
    assert!(log.summary.cost_micros > 0);
    scene.first.closed(1).await;
}
