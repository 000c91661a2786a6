//! /ai/catalog, /ai/endpoints

use crate::{A, start};

#[tokio::test]
async fn the_catalogue_is_listed_by_key_and_read() {
    let app = start().await;
    let viewer = app.client(A, "viewer");
    let entry = viewer.get("/api/v1/ai/catalog/entry?key=openai:gpt-4.1-mini").await.expect(200);
    assert_eq!(entry["vendor"], "openai");
    assert_eq!(entry["prices"]["inputMicrosPerMTok"], 400_000);
    assert!(entry["source"].as_str().unwrap().starts_with("genai-prices "));
    let none = viewer.get("/api/v1/ai/catalog/entry?key=openai:none-such").await;
    none.expect_problem(404, "not_found");
    let path = "/api/v1/ai/catalog?vendor=openai&capability=chat&q=gpt-4.1";
    let listed = viewer.all(path, 2).await;
    let keys: Vec<&str> = listed.iter().filter_map(|it| it["key"].as_str()).collect();
    assert!(keys.contains(&"openai:gpt-4.1-mini") && keys.len() > 2, "{keys:?}");
    assert!(keys.iter().all(|key| key.starts_with("openai:gpt-4.1")));
    assert!(keys.is_sorted());
}

#[tokio::test]
async fn clients_are_told_where_to_go() {
    let app = start().await;
    let said = app.client(A, "viewer").get("/api/v1/ai/endpoints").await.expect(200);
    assert_eq!(said["openaiBaseUrl"], "https://models.example.com/api/v1/ai/openai/v1");
    assert_eq!(said["anthropicBaseUrl"], "https://models.example.com/api/v1/ai/anthropic");
}
