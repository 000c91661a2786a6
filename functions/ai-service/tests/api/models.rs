//! /ai/models

use serde_json::json;

use crate::{A, B, MODELS, PROVIDERS, made, provider_with, start};

#[tokio::test]
async fn a_model_inherits_from_the_catalogue_what_it_does_not_say() {
    let app = start().await;
    let admin = app.client(A, "admin");
    let (provider, models) = provider_with(&admin, "open-ai", &["gpt-4.1-mini"]).await;
    let path = format!("{MODELS}/{}", models[0]);
    let model = admin.get(&path).await.expect(200);
    assert_eq!(model["catalogKey"], "openai:gpt-4.1-mini");
    assert_eq!(model["priceSource"], "catalog");
    assert_eq!(model["prices"]["inputMicrosPerMTok"], 400_000);
    assert_eq!(model["prices"]["outputMicrosPerMTok"], 1_600_000);
    assert_eq!(model["tier"], "standard");
    assert!(model["contextWindow"].as_u64().unwrap() >= 1_000_000);
    let prices = json!({
        "inputMicrosPerMTok": 1, "outputMicrosPerMTok": 20_000_000,
        "tiers": [{ "aboveInputTokens": 5, "inputMicrosPerMTok": 2, "outputMicrosPerMTok": 3 }],
    });
    let change =
        json!({ "prices": prices, "contextWindow": 1000, "defaults": { "temperature": 0.5 } });
    let own = admin.patch(&path, change).await.expect(200);
    assert_eq!((&own["priceSource"], &own["tier"]), (&json!("override"), &json!("premium")));
    assert_eq!(own["contextWindow"], 1000);
    assert_eq!(own["defaults"]["temperature"], 0.5);
    assert_eq!(admin.get(&path).await.expect(200), own);
    let back =
        admin.patch(&path, json!({ "prices": null, "contextWindow": null })).await.expect(200);
    assert_eq!(back["prices"], model["prices"]);
    assert_eq!(back["contextWindow"], model["contextWindow"]);
    let unset = admin.patch(&path, json!({ "catalogKey": null })).await.expect(200);
    assert_eq!((&unset["priceSource"], &unset["prices"]), (&json!("unset"), &json!(null)));
    assert_eq!((&unset["contextWindow"], &unset["maxOutputTokens"]), (&json!(8192), &json!(4096)));
    assert_eq!(unset["displayName"], "gpt-4.1-mini");
    let wrong = admin.patch(&path, json!({ "catalogKey": "openai:none-such" })).await;
    wrong.expect_problem(400, "invalid_request");
    let kinds = app.event_types().await;
    assert_eq!(kinds[1..3], ["ai.model.created", "ai.model.updated"]);
    let said = &app.events().await[2];
    assert_eq!(said.data["before"]["priceSource"], "catalog");
    assert_eq!(said.data["after"]["priceSource"], "override");
    // A name is unique at its provider, and reads are for everybody, changes are not.
    let same = json!({ "providerId": provider, "name": "gpt-4.1-mini" });
    admin.post(MODELS, same).await.expect_problem(409, "name_taken");
    let viewer = app.client(A, "viewer");
    viewer.get(&path).await.expect(200);
    viewer.patch(&path, json!({})).await.expect_problem(403, "forbidden");
    let stranger = app.client(B, "owner");
    stranger.get(&path).await.expect_problem(404, "not_found");
    stranger.patch(&path, json!({ "enabled": false })).await.expect_problem(404, "not_found");
    stranger.delete(&path).await.expect_problem(404, "not_found");
    let estimate = format!("{path}/estimate");
    stranger.post(&estimate, json!({ "inputTokens": 1 })).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn a_local_model_of_a_known_name_has_no_price() {
    let app = start().await;
    let admin = app.client(A, "admin");
    let local = json!({ "slug": "local", "name": "L", "kind": "ollama",
        "baseUrl": "http://localhost:11434" });
    let provider = made(&admin, PROVIDERS, local).await;
    let model = json!({ "providerId": provider, "name": "gpt-4.1-mini" });
    let model = admin.post(MODELS, model).await.expect(201);
    assert_eq!(model["priceSource"], "unset");
}

#[tokio::test]
async fn filters_and_order_of_the_list() {
    let app = start().await;
    let admin = app.client(A, "admin");
    let (first, models) = provider_with(&admin, "first", &["beta", "Alpha"]).await;
    provider_with(&admin, "second", &["gamma"]).await;
    let one = format!("{MODELS}/{}", models[0]);
    let change = json!({ "capabilities": ["chat", "vision"], "enabled": false });
    admin.patch(&one, change).await.expect(200);
    let names = async |query: &str| -> Vec<String> {
        let listed = admin.all(&format!("{MODELS}?{query}"), 1).await;
        listed.iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("tier=economy").await, ["Alpha", "beta", "gamma"]);
    assert_eq!(names(&format!("providerId={first}")).await, ["Alpha", "beta"]);
    assert_eq!(names("capability=vision").await, ["beta"]);
    assert_eq!(names("enabled=true").await, ["Alpha", "gamma"]);
}

#[tokio::test]
async fn an_estimate_is_the_worst_case() {
    let app = start().await;
    let admin = app.client(A, "admin");
    let (_, models) = provider_with(&admin, "open-ai", &["own"]).await;
    let path = format!("{MODELS}/{}", models[0]);
    let estimate = format!("{path}/estimate");
    let unknown = admin.post(&estimate, json!({ "inputTokens": 10 })).await.expect(200);
    assert!(unknown["maxCostMicros"].is_null());
    let change = json!({
        "prices": { "inputMicrosPerMTok": 1_000_000, "outputMicrosPerMTok": 2_000_000 },
        "maxOutputTokens": 100,
    });
    admin.patch(&path, change).await.expect(200);
    let body = json!({ "inputTokens": 1000, "maxOutputTokens": 5000 });
    let most = admin.post(&estimate, body).await.expect(200);
    assert_eq!(most, json!({ "inputTokens": 1000, "maxCostMicros": 1200, "method": "given" }));
    let body = json!({ "messages": [{ "content": "äöü" }], "maxOutputTokens": 1 });
    let said = admin.post(&estimate, body).await.expect(200);
    assert_eq!(said, json!({ "inputTokens": 2, "maxCostMicros": 4, "method": "bytes" }));
    admin.post(&estimate, json!({})).await.expect_problem(400, "invalid_request");
}
