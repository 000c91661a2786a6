//! Mending what was counted.

use http::Method;
use serde_json::json;

use crate::{Scene, scene::build};

#[tokio::test]
async fn a_correction_counts_signed_and_never_below_zero() {
    let scene = Scene::start().await;
    scene.builds().await;
    scene.send(vec![build(1, "2026-11-23T00:30:00Z", 10, "a")]).await;
    scene.deliver().await;
    let correct = async |count: i64, seconds: &str| {
        let body = json!({
            "categoryCode": "build.minutes", "time": "2026-11-23T00:31:00Z", "reason": "wrong",
            "quantities": { "count": count, "seconds": seconds }, "dimensions": { "runner": "a" },
        });
        scene.owner.post("/api/v1/usage/corrections", body).await
    };
    let made = correct(0, "-2.5").await.expect(201);
    assert_eq!(
        (&made["eventKind"], &made["quantities"]["seconds"]),
        (&json!("correction"), &json!("-2.5"))
    );
    correct(0, "-7.500000001").await.expect_problem(409, "correction_exceeds_usage");
    correct(-2, "0").await.expect_problem(409, "correction_exceeds_usage");
    correct(1, "0.000000001").await.expect(201);
    let sums = scene.sums("build.minutes", &["count", "seconds"]).await;
    assert_eq!(sums["values"], json!({ "count": "2", "seconds": "7.500000001" }));
    // Many at once take no more than there is.
    let all = futures::future::join_all((0..32).map(|_| correct(0, "-1"))).await;
    assert_eq!(all.iter().filter(|it| it.status == 201).count(), 7);
    for refused in all.iter().filter(|it| it.status != 201) {
        refused.expect_problem(409, "correction_exceeds_usage");
    }
}

#[tokio::test]
async fn numbers_of_a_body_are_read_from_their_digits() {
    let scene = Scene::start().await;
    scene.builds().await;
    let correct = async |digits: &str| {
        let body = format!(
            r#"{{"categoryCode": "build.minutes", "time": "2026-11-23T00:31:00Z", "reason": "x",
                 "quantities": {{"seconds": {digits}}}, "dimensions": {{"runner": "a"}}}}"#
        );
        let headers = [("content-type", "application/json")];
        scene.owner.send(Method::POST, "/api/v1/usage/corrections", &headers, body).await
    };
    for (digits, shown) in [
        ("123456789012345678.123456789", "123456789012345678.123456789"),
        ("0.30000000000000000000", "0.3"),
        ("1e17", "100000000000000000"),
        ("9007199254740993.000000001", "9007199254740993.000000001"),
    ] {
        let made = correct(digits).await.expect(201);
        assert_eq!(made["quantities"]["seconds"], shown);
    }
    for digits in ["0.30000000000000000001", "1234567890123456789", "1e18"] {
        let problem = correct(digits).await.expect_problem(400, "invalid_request");
        assert_eq!(problem["errors"][0]["pointer"], "/quantities/seconds", "{digits}: {problem}");
    }
    // Nothing that cannot be read is left out without a word.
    let problem =
        correct("\"ten\", \"count\": \"1.\"").await.expect_problem(400, "invalid_request");
    assert_eq!(problem["errors"].as_array().unwrap().len(), 2, "{problem}");
    let sums = scene.sums("build.minutes", &["seconds"]).await;
    assert_eq!(sums["values"]["seconds"], "232463988267086671.42345679");
}
