//! Questions: windows, zones, groups, and who may ask them.

use serde_json::{Value, json};

use crate::{A, B, Scene, scene::build};

const QUERY: &str = "/api/v1/usage/query";

fn question(more: Value) -> Value {
    let mut whole = json!({
        "categoryPattern": "build.minutes", "measures": ["count", "seconds"],
        "from": "2026-11-01T00:00:00-04:00", "to": "2026-11-02T00:00:00-05:00",
    });
    for (name, value) in more.as_object().expect("an object") {
        whole[name] = value.clone();
    }
    whole
}

#[tokio::test]
async fn a_day_of_25_hours_has_25_windows_and_every_event_is_in_one() {
    let scene = Scene::start().await;
    scene.builds().await;
    let events = (0..100).map(|n| {
        let at = jiff::Timestamp::from_second(1_793_505_600 + n * 900).expect("a time");
        build(n, &at.to_string(), 1, "a")
    });
    scene.send(events.collect()).await;
    scene.deliver().await;
    let ask = async |more| scene.owner.post(QUERY, question(more)).await.expect(200);
    let answer = ask(json!({ "windowSize": "hour", "timeZone": "America/New_York" })).await;
    assert_eq!(
        (&answer["windows"], answer["rows"].as_array().map(Vec::len)),
        (&json!(25), Some(25))
    );
    assert!(answer["rows"].as_array().unwrap().iter().all(|row| row["values"]["count"] == "4"));
    let answer = ask(json!({ "windowSize": "day", "timeZone": "America/New_York" })).await;
    assert_eq!(answer["rows"][0]["values"], json!({ "count": "100", "seconds": "100" }));
    let answer = ask(json!({ "windowSize": "hour", "timeZone": "Asia/Kathmandu" })).await;
    let rows = answer["rows"].as_array().unwrap();
    assert_eq!(rows[0]["windowEnd"], "2026-11-01T04:15:00.000Z");
    assert_eq!((rows.len(), &rows[0]["values"]["count"]), (26, &json!("1")));
    assert_eq!(answer["complete"], true);
}

#[tokio::test]
async fn questions_that_make_no_sense_are_refused() {
    let scene = Scene::start().await;
    scene.builds().await;
    for (more, code) in [
        (json!({ "from": "2026-11-01T00:01:00Z" }), "invalid_request"),
        (json!({ "to": "2026-10-01T00:00:00Z" }), "invalid_request"),
        (json!({ "measures": [] }), "invalid_request"),
        (json!({ "measures": ["nothing"] }), "invalid_request"),
        (json!({ "groupBy": ["nothing"] }), "invalid_request"),
        (json!({ "groupBy": ["user", "team"] }), "invalid_request"),
        (json!({ "timeZone": "Mars/Base" }), "invalid_request"),
        (json!({ "windowSize": "minute" }), "window_unavailable"),
        (json!({ "from": "2024-11-01T00:00:00Z" }), "window_unavailable"),
        (json!({ "from": "2026-01-01T00:00:00Z", "windowSize": "hour" }), "window_unavailable"),
        (json!({ "from": "2026-09-20T00:00:00Z", "windowSize": "hour" }), "query_too_large"),
    ] {
        scene.owner.post(QUERY, question(more.clone())).await.expect_problem(400, code);
    }
    let unknown = question(json!({ "categoryPattern": "no.such" }));
    scene.owner.post(QUERY, unknown).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn members_see_themselves_and_nobody_else() {
    let scene = Scene::start().await;
    scene.builds().await;
    let member = scene.app.client(A, "member");
    let sender = scene.app.client_with(A, "usage.event.create");
    for (client, n) in [(&scene.owner, 3), (&sender, 2)] {
        let events: Vec<_> = (0..n)
            .map(|id| build(format!("{}-{id}", client.user), "2026-11-01T12:00:00Z", 1, "a"))
            .collect();
        client.post("/api/v1/usage/events/batch", json!(events)).await.expect(200);
    }
    scene.deliver().await;
    let counts = |answer: Value| -> Vec<Value> {
        answer["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["values"]["count"].clone())
            .collect()
    };
    let all = scene.owner.post(QUERY, question(json!({ "groupBy": ["user"] }))).await.expect(200);
    assert_eq!(all["rows"].as_array().map(Vec::len), Some(2));
    let own = member.post(QUERY, question(json!({ "groupBy": ["user"] }))).await.expect(200);
    assert_eq!(own["rows"], json!([]));
    assert_eq!(counts(member.post(QUERY, question(json!({}))).await.expect(200)), ["0"]);
    let other = question(json!({ "scopeType": "user", "scopeId": scene.owner.user }));
    member.post(QUERY, other.clone()).await.expect_problem(403, "forbidden");
    assert_eq!(counts(scene.owner.post(QUERY, other).await.expect(200)), ["3"]);
    member
        .post(QUERY, question(json!({ "scopeType": "organization" })))
        .await
        .expect_problem(403, "forbidden");
    member.get("/api/v1/usage/realtime").await.expect_problem(403, "forbidden");
    // Another organization has no such category, and would see nothing of it.
    let foreign = scene.app.client(B, "owner");
    foreign.post(QUERY, question(json!({}))).await.expect_problem(404, "not_found");
    let everything = question(json!({ "categoryPattern": "*", "measures": ["count"] }));
    assert_eq!(counts(foreign.post(QUERY, everything).await.expect(200)), ["0"]);
}

#[tokio::test]
async fn minutes_and_summaries_come_to_the_same() {
    let scene = Scene::start().await;
    scene.builds().await;
    let events = (0..30).map(|n| {
        build(n, &format!("2026-11-23T00:{n:02}:10Z"), n, if n % 2 == 0 { "a" } else { "b" })
    });
    scene.send(events.collect()).await;
    scene.deliver().await;
    let minutes = question(
        json!({ "from": "2026-11-23T00:00:00Z", "to": "2026-11-23T00:30:00Z", "windowSize": "minute" }),
    );
    let answer = scene.owner.post(QUERY, minutes).await.expect(200);
    assert_eq!(answer["rows"].as_array().map(Vec::len), Some(30));
    assert_eq!(answer["rows"][7]["values"]["seconds"], "7");
    let summary = "/api/v1/usage/summary?from=2026-11-23T00:00:00Z";
    let summary = scene.owner.get(summary).await.expect(200);
    assert_eq!(
        (&summary["count"], &summary["categories"][0]["quantities"]["seconds"]),
        (&json!("30"), &json!("435"))
    );
    assert_eq!(summary["topUsers"][0]["id"], json!(scene.owner.user));
    assert_eq!(summary["previousCostMicros"], 0);
}

#[tokio::test]
async fn metrics_say_what_queries_say() {
    let scene = Scene::start().await;
    scene.builds().await;
    scene.send((0..5).map(|n| build(n, "2026-11-23T00:30:00Z", "1.5", "a")).collect()).await;
    scene.deliver().await;
    let quota = json!({
        "name": "quoted \"q\"", "categoryPattern": "*", "measure": "count", "period": "month",
        "limit": 10, "enforcement": "warn",
    });
    scene.owner.post("/api/v1/usage/quotas", quota).await.expect(201);
    let answer = scene.owner.get("/api/v1/usage/metrics").await;
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4"));
    for line in [
        "millwright_usage_events_total{category=\"build.minutes\"} 5",
        "millwright_usage_quantity_total{category=\"build.minutes\",metric=\"seconds\"} 7.5",
        "millwright_usage_cost_micros_total{category=\"build.minutes\"} 0",
        "millwright_limit_value{kind=\"quota\",limit=\"quoted \\\"q\\\"\",scope=\"organization\"} 10",
    ] {
        assert!(answer.text.lines().any(|it| it == line), "{line}\n{}", answer.text);
    }
    scene
        .app
        .client(A, "member")
        .get("/api/v1/usage/metrics")
        .await
        .expect_problem(403, "forbidden");
    assert!(
        !scene.app.client(B, "owner").get("/api/v1/usage/metrics").await.text.contains("build")
    );
}
