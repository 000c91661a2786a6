//! /.well-known, /auth/providers, /auth/me

use serde_json::Value;

use crate::scene::{Browser, scene};

#[tokio::test]
async fn metadata_and_keys_are_kept_by_caches() {
    let scene = scene().await;
    for (path, member) in [("openid-configuration", "token_endpoint"), ("jwks.json", "keys")] {
        let path = format!("/api/v1/.well-known/{path}");
        scene.app.faults().reset_calls();
        let answer = scene.get(&path, &Browser::default()).await;
        assert!(answer.expect(200).get(member).is_some());
        assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
        assert!(answer.text.len() <= 8 * 1024);
        let tag = answer.etag();
        let headers = [("if-none-match", tag.as_str())];
        let again = scene.app.stranger().send(http::Method::GET, &path, &headers, "").await;
        assert_eq!(again.status, 304);
        assert!(scene.app.faults().calls().is_empty());
    }
}

#[tokio::test]
async fn the_key_set_verifies_what_is_issued() {
    let scene = scene().await;
    let path = "/api/v1/.well-known/jwks.json";
    let keys = scene.get(path, &Browser::default()).await.expect(200);
    let key = &keys["keys"][0];
    let members: Vec<&String> = key.as_object().unwrap().keys().collect();
    assert_eq!(members, ["alg", "e", "kid", "kty", "n", "use"]);
    let view = scene.refreshed(&mut scene.signed_in("ada").await).await;
    let token = view["accessToken"].as_str().unwrap();
    let key = serde_json::from_value(key.clone()).unwrap();
    millwright_identity::verify_signature(token, &key).unwrap();
}

#[tokio::test]
async fn providers_are_listed_and_callers_are_told_who_they_are() {
    let scene = scene().await;
    let listed = scene.get("/api/v1/auth/providers", &Browser::default()).await.expect(200);
    assert_eq!(listed["items"][0]["id"], "test");
    let mut browser = scene.signed_in("ada").await;
    let client = scene.client(&mut browser).await;
    let me = client.get("/api/v1/auth/me").await.expect(200);
    assert_eq!(me["kind"], "user");
    assert_eq!(me["organizationId"], Value::Null);
    assert!(me["sessionId"].as_str().unwrap().starts_with("ses_"));
}
