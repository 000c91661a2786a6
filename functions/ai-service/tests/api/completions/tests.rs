//! /ai/providers/{id}/test and /sync-models

use serde_json::{Value, json};

use super::{
    scene::{Scene, provider},
    upstream::{Reply, delta, end},
};
use crate::{A, MODELS};

impl Scene {
    async fn of_first(&self, what: &str, body: Value) -> millwright_testkit::Answer {
        let id = provider(1, "openai", "http://127.0.0.1").id;
        self.app.client(A, "admin").post(&format!("/api/v1/ai/providers/{id}/{what}"), body).await
    }
}

#[tokio::test]
async fn a_test_says_a_word_and_how_long_that_took() {
    let scene = Scene::start("openai_compatible").await;
    scene.first.next(Reply::Pieces(vec![delta("OK"), end()]));
    let done = scene.of_first("test", json!({})).await.expect(200);
    assert_eq!(
        (&done["ok"], &done["modelName"], &done["errorCode"]),
        (&json!(true), &json!("small"), &json!(null))
    );
    assert!(done["firstTokenMs"].is_u64() && done["latencyMs"].is_u64());
    let asked = scene.first.calls().remove(0).body;
    assert!(asked["max_tokens"] == 16 || asked["max_completion_tokens"] == 16, "{asked}");
    let told = scene.app.events().await;
    assert_eq!((told[0].kind.as_str(), &told[0].data["ok"]), ("ai.provider.tested", &json!(true)));
    let unknown = scene.of_first("test", json!({ "modelName": "huge" })).await;
    unknown.expect_problem(400, "invalid_request");
}

#[tokio::test]
async fn a_test_says_what_is_wrong() {
    let scene = Scene::start("openai_compatible").await;
    let refused = json!({ "error": { "message": "Incorrect API key" } });
    scene.first.next(Reply::Json(401, refused));
    let done = scene.of_first("test", json!({ "modelName": "small" })).await.expect(200);
    assert_eq!((&done["ok"], &done["errorCode"]), (&json!(false), &json!("provider_auth_failed")));
    assert!(done["message"].as_str().unwrap().contains("Incorrect API key"));
    let id = provider(1, "openai", "http://127.0.0.1").id;
    let told = scene.app.client(A, "admin").get(&format!("/api/v1/ai/providers/{id}")).await;
    assert_eq!(told.expect(200)["health"]["status"], "unhealthy");
}

#[tokio::test]
async fn new_models_of_a_provider_are_added_and_none_is_deleted() {
    let scene = Scene::start("openai_compatible").await;
    let names: Vec<String> = (0..60).map(|number| format!("new-{number:02}")).collect();
    let listed: Vec<Value> = names.iter().map(|name| json!({ "id": name })).collect();
    scene.first.next(Reply::Json(200, json!({ "object": "list", "data": listed })));
    let done = scene.of_first("sync-models", json!({})).await.expect(200);
    assert_eq!(done["added"], json!(names));
    assert_eq!(done["missing"], json!(["small"]));
    assert_eq!(scene.first.calls()[0].path, "/models");
    let admin = scene.app.client(A, "admin");
    let models = admin.all(MODELS, 100).await;
    assert_eq!(models.len(), 62);
    let new = |model: &&Value| model["name"].as_str().unwrap().starts_with("new-");
    assert!(models.iter().filter(new).all(|model| model["enabled"] == false));
    // Once more: nothing is new.
    scene.first.next(Reply::Json(200, json!({ "data": listed })));
    assert_eq!(scene.of_first("sync-models", json!({})).await.expect(200)["added"], json!([]));
    scene.first.next(Reply::Json(500, json!({})));
    scene.of_first("sync-models", json!({})).await.expect_problem(503, "unavailable");
}
