//! Taking, listing, reading and voiding events.

use http::Method;
use serde_json::json;

use crate::{A, B, Scene, scene::build};

const EVENTS: &str = "/api/v1/usage/events";
const TIME: &str = "2026-11-23T00:30:00Z";

#[tokio::test]
async fn an_event_is_taken_counted_read_and_listed() {
    let scene = Scene::start().await;
    scene.builds().await;
    let answer = scene.owner.post(EVENTS, build(1, TIME, 84.5, "large")).await.expect(202);
    let place = format!("{EVENTS}/{}", answer["id"].as_str().expect("an id"));
    scene.owner.get(&place).await.expect_problem(404, "not_found");
    assert_eq!(scene.deliver().await, 0);
    let read = scene.owner.get(&place).await.expect(200);
    assert_eq!(read["categoryCode"], "build.minutes");
    assert_eq!(read["quantities"], json!({ "seconds": "84.5" }));
    assert_eq!(read["data"], json!({ "seconds": 84.5, "runner": "large" }));
    assert_eq!((&read["state"], &read["version"]), (&json!("counted"), &json!(1)));
    assert_eq!(read["userId"], json!(scene.owner.user), "a person sends their own usage");
    for organization in [A, B] {
        let listed = scene.app.client(organization, "owner").all(EVENTS, 10).await;
        assert_eq!(listed.len(), usize::from(organization == A));
    }
    scene.app.client(B, "owner").get(&place).await.expect_problem(404, "not_found");
    let sums = scene.sums("build.minutes", &["count", "seconds", "cost"]).await;
    assert_eq!(sums["values"], json!({ "count": "1", "seconds": "84.5" }));
    assert_eq!(sums["costMicros"], 0);
}

#[tokio::test]
async fn every_mode_of_http_is_understood() {
    let scene = Scene::start().await;
    let event = build("s", TIME, 1, "a").to_string();
    let send = async |headers: &[(&str, &str)], body: String| {
        scene.owner.send(Method::POST, EVENTS, headers, body).await
    };
    send(&[("content-type", "application/cloudevents+json; charset=utf-8")], event.clone())
        .await
        .expect(202);
    let batch = format!("[{},{}]", event, build("t", TIME, 1, "b"));
    let headers = [("content-type", "application/cloudevents-batch+json")];
    let answer = send(&headers, batch).await.expect(200);
    assert_eq!(answer["results"].as_array().map(Vec::len), Some(2));
    let binary = [
        ("content-type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-id", "b%C3%BC"),
        ("ce-source", "/ci"),
        ("ce-type", "ci.build.finished"),
        ("ce-time", TIME),
    ];
    // More digits than a float has.
    send(&binary, r#"{"seconds": 12345678901234567.000000001}"#.to_owned()).await.expect(202);
    let other = [("content-type", "application/cloudevents+avro")];
    send(&other, event).await.expect_problem(415, "unsupported_media_type");
    let large = format!("[{}]", "1,".repeat(500_000));
    send(&headers, large).await.expect_problem(413, "too_large");
    scene.builds().await;
    scene.deliver().await;
    let sums = scene.sums("build.minutes", &["count", "seconds"]).await;
    assert_eq!(sums["values"], json!({ "count": "3", "seconds": "12345678901234569.000000001" }));
}

#[tokio::test]
async fn what_is_wrong_is_refused_at_once() {
    let scene = Scene::start().await;
    let mut event = build(1, TIME, 1, "a");
    event["specversion"] = json!("0.3");
    event.as_object_mut().expect("an object").remove("id");
    event["data"] = json!([1]);
    let problem = scene.owner.post(EVENTS, event).await.expect_problem(400, "invalid_request");
    let pointers: Vec<&str> = problem["errors"]
        .as_array()
        .expect("faults")
        .iter()
        .filter_map(|it| it["pointer"].as_str())
        .collect();
    assert_eq!(pointers, ["/specversion", "/id", "/data"]);
    for (time, code) in
        [("2026-10-18T00:00:00Z", "event_too_old"), ("2026-11-23T01:10:30Z", "event_in_future")]
    {
        scene.owner.post(EVENTS, build(1, time, 1, "a")).await.expect_problem(400, code);
    }
    let mut foreign = build(1, TIME, 1, "a");
    foreign["orgid"] = json!("org_01jdbx07tefgx8m4avw9vx1701");
    scene.owner.post(EVENTS, foreign).await.expect_problem(400, "tenant_mismatch");
    let mut other = build(1, TIME, 1, "a");
    other["userid"] = json!("usr_01jdbx0pmgfcevdh08yfgtjb82");
    scene.owner.post(EVENTS, other).await.expect_problem(400, "invalid_request");
    assert!(scene.deliveries().await.is_empty());
}

#[tokio::test]
async fn events_are_listed_newest_first_page_by_page() {
    let scene = Scene::start().await;
    scene.builds().await;
    let mut events = Vec::new();
    for n in 0..60 {
        let time = format!("2026-11-{}T{:02}:{:02}:00Z", 20 + n % 3, n % 24, n % 60);
        events.push(build(n, &time, n, if n % 2 == 0 { "even" } else { "odd" }));
    }
    scene.send(events).await;
    scene.deliver().await;
    let span = "from=2026-11-17T00:00:00Z&to=2026-11-23T12:00:00Z";
    for limit in [1, 7, 100] {
        let listed = scene.owner.all(&format!("{EVENTS}?{span}"), limit).await;
        let times: Vec<&str> = listed.iter().filter_map(|it| it["time"].as_str()).collect();
        assert_eq!(times.len(), 60);
        assert!(times.is_sorted_by(|a, b| a >= b));
    }
    let none = scene.owner.all(&format!("{EVENTS}?{span}&type=other"), 5).await;
    assert!(none.is_empty());
    let days = "from=2026-11-10T00:00:00Z&to=2026-11-23T12:00:00Z";
    scene.owner.get(&format!("{EVENTS}?{days}")).await.expect_problem(400, "invalid_request");
}

#[tokio::test]
async fn a_voided_event_counts_nowhere() {
    let scene = Scene::start().await;
    scene.builds().await;
    scene.send(vec![build(1, TIME, 84, "large"), build(2, TIME, 6, "large")]).await;
    scene.deliver().await;
    let listed = scene.owner.all(EVENTS, 10).await;
    let it = listed.iter().find(|it| it["eventId"] == "1").expect("the first");
    let place = format!("{EVENTS}/{}/void", it["id"].as_str().expect("an id"));
    let voids = (0..32).map(|_| scene.owner.post(&place, json!({ "reason": "twice" })));
    let answers = futures::future::join_all(voids).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        answer.expect_problem(409, "event_already_voided");
    }
    let sums = scene.sums("build.minutes", &["count", "seconds"]).await;
    assert_eq!(sums["values"], json!({ "count": "1", "seconds": "6" }));
    // Delivered again, it stays voided.
    scene.deliver().await;
    assert_eq!(scene.sums("build.minutes", &["count"]).await["values"], json!({ "count": "1" }));
}
