//! /ai/settings

use serde_json::json;

use crate::{A, B, start};

const PATH: &str = "/api/v1/ai/settings";

#[tokio::test]
async fn settings_begin_with_defaults_and_change_field_by_field() {
    let app = start().await;
    let admin = app.client(A, "admin");
    let settings = admin.get(PATH).await.expect(200);
    assert_eq!(settings["version"], 0);
    assert_eq!(settings["defaultModel"], "auto");
    assert_eq!(settings["logContent"], "redacted");
    assert_eq!(settings["logRetentionDays"], 30);
    assert_eq!(settings["redaction"], json!({ "builtIn": true, "patterns": [] }));
    let change = json!({
        "logContent": "none", "redaction": { "patterns": ["[A-Z]{3}-[0-9]+"] },
        "disabledAt": "2026-11-23T12:00:00Z", "maxRequestCostMicros": 5,
    });
    let changed = admin.patch_if(PATH, "\"0\"", change.clone()).await.expect(200);
    assert_eq!(changed["version"], 1);
    assert_eq!(changed["disabledAt"], "2026-11-23T12:00:00.000Z");
    assert_eq!(changed["redaction"]["patterns"], json!(["[A-Z]{3}-[0-9]+"]));
    assert_eq!(admin.patch(PATH, change).await.expect(200), changed);
    let stale = admin.patch_if(PATH, "\"0\"", json!({ "requirePrices": true })).await;
    stale.expect_problem(412, "version_stale");
    let back = json!({ "disabledAt": null, "redaction": null, "maxRequestCostMicros": null });
    let back = admin.patch(PATH, back).await.expect(200);
    assert!(back["disabledAt"].is_null() && back["redaction"]["patterns"] == json!([]));
    let said = app.events().await;
    assert_eq!(said.len(), 2);
    let changes = said[0].data["changes"].as_array().unwrap();
    assert!(changes.contains(&json!({ "field": "logContent", "from": "redacted", "to": "none" })));
    assert_eq!(app.client(B, "owner").get(PATH).await.expect(200)["version"], 0);
    app.client(A, "member").get(PATH).await.expect_problem(403, "forbidden");
    app.client(A, "member").patch(PATH, json!({})).await.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn patterns_are_linear_in_time_and_bounded() {
    let app = start().await;
    let admin = app.client(A, "admin");
    for bad in ["(a", "(?=a)b", r"(a)\1", "", "a*", &"a".repeat(201), "((a{100}){100}){100}"] {
        let change = json!({ "redaction": { "patterns": [bad] } });
        let refused = admin.patch(PATH, change).await.expect_problem(400, "invalid_request");
        assert_eq!(refused["errors"][0]["pointer"], "/redaction/patterns/0", "{bad}");
    }
    let many: Vec<String> = (0..21).map(|n| format!("x{n}y")).collect();
    let change = json!({ "redaction": { "patterns": many } });
    admin.patch(PATH, change).await.expect_problem(400, "invalid_request");
    assert!(app.events().await.is_empty());
}
