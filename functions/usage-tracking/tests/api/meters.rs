//! Meters, those included that cannot be added up.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{A, Scene, scene::build};

const METERS: &str = "/api/v1/usage/meters";

async fn meter(scene: &Scene, slug: &str, more: Value) {
    let mut whole = json!({
        "slug": slug, "name": slug, "categoryPattern": "build.minutes", "groupBy": ["runner"],
    });
    for (name, value) in more.as_object().expect("an object") {
        whole[name] = value.clone();
    }
    scene.owner.post(METERS, whole).await.expect(201);
}

async fn value(scene: &Scene, slug: &str) -> Value {
    let query = format!("{METERS}/{slug}/query?from=2026-11-23T00:00:00Z");
    scene.owner.get(&query).await.expect(200)["rows"][0]["value"].clone()
}

#[tokio::test]
async fn every_aggregation_says_what_it_should() {
    let scene = Scene::start().await;
    scene.builds().await;
    let of = |aggregation: &str| json!({ "aggregation": aggregation, "metric": "seconds" });
    for aggregation in ["sum", "avg", "min", "max", "latest"] {
        meter(&scene, &format!("s_{aggregation}"), of(aggregation)).await;
    }
    meter(&scene, "s_count", json!({ "aggregation": "count" })).await;
    meter(&scene, "s_unique", json!({ "aggregation": "unique_count", "uniqueOf": "runner" })).await;
    meter(&scene, "s_bytes", json!({ "aggregation": "avg", "metric": "bytes" })).await;
    scene.app.database.clock.advance(Duration::from_secs(60));
    let scene = Scene { owner: scene.app.client(A, "owner"), app: scene.app };
    let mut events = vec![
        build(1, "2026-11-23T01:05:30Z", 7, "a"),
        build(2, "2026-11-23T01:05:50Z", "0.5", "b"),
        build(3, "2026-11-23T01:05:40Z", 100, "a"),
    ];
    events[0]["data"]["bytes"] = json!(9);
    scene.send(events).await;
    for _ in 0..2 {
        assert_eq!(scene.deliver().await, 0);
    }
    for (slug, expected) in [
        ("s_sum", "107.5"),
        ("s_avg", "35.833333333"),
        ("s_min", "0.5"),
        ("s_max", "100"),
        ("s_latest", "0.5"),
        ("s_count", "3"),
        ("s_unique", "2"),
        ("s_bytes", "9"),
    ] {
        assert_eq!(value(&scene, slug).await, expected, "{slug}");
    }
    let grouped = format!("{METERS}/s_max/query?from=2026-11-23T00:00:00Z&groupBy=runner");
    let rows = scene.owner.get(&grouped).await.expect(200)["rows"].clone();
    assert_eq!((&rows[0]["value"], &rows[1]["value"]), (&json!("100"), &json!("0.5")));
    let filtered = format!("{METERS}/s_sum/query?from=2026-11-23T00:00:00Z&filter=runner:b");
    assert_eq!(scene.owner.get(&filtered).await.expect(200)["rows"][0]["value"], "0.5");
    let values = format!("{METERS}/s_sum/values/runner?from=2026-11-23T00:00:00Z");
    assert_eq!(scene.owner.get(&values).await.expect(200)["items"], json!(["a", "b"]));
    // The greatest is voided: the runner-up is the greatest.
    let all = scene.owner.all("/api/v1/usage/events", 10).await;
    let greatest = all.iter().find(|it| it["eventId"] == "3").expect("it");
    let void = format!("/api/v1/usage/events/{}/void", greatest["id"].as_str().unwrap());
    scene.owner.post(&void, json!({ "reason": "wrong" })).await.expect(200);
    for (slug, expected) in [("s_max", "7"), ("s_min", "0.5"), ("s_sum", "7.5"), ("s_unique", "2")]
    {
        assert_eq!(value(&scene, slug).await, expected, "{slug}");
    }
}

#[tokio::test]
async fn meters_are_defined_once_and_stay_what_they_are() {
    let scene = Scene::start().await;
    scene.builds().await;
    meter(&scene, "one", json!({ "aggregation": "count" })).await;
    let again =
        json!({ "slug": "one", "name": "n", "categoryPattern": "*", "aggregation": "count" });
    scene.owner.post(METERS, again).await.expect_problem(409, "slug_taken");
    for bad in [
        json!({ "aggregation": "sum" }),
        json!({ "aggregation": "sum", "metric": "nothing" }),
        json!({ "aggregation": "max", "metric": "seconds", "categoryPattern": "build.*" }),
        json!({ "aggregation": "unique_count" }),
        json!({ "aggregation": "count", "groupBy": ["nothing"] }),
        json!({ "aggregation": "max", "metric": "cost" }),
    ] {
        let mut whole = json!({ "slug": "bad", "name": "n", "categoryPattern": "build.minutes" });
        for (name, value) in bad.as_object().unwrap() {
            whole[name] = value.clone();
        }
        scene.owner.post(METERS, whole).await.expect_problem(400, "invalid_request");
    }
    let renamed = scene.owner.patch(&format!("{METERS}/one"), json!({ "name": "Uno" })).await;
    assert_eq!(renamed.expect(200)["version"], 2);
    scene.owner.delete(&format!("{METERS}/one")).await.expect(204);
    scene.owner.get(&format!("{METERS}/one")).await.expect_problem(404, "not_found");
    meter(&scene, "one", json!({ "aggregation": "count" })).await;
}
