//! /secrets/kv: the dialect of KV v2 at its edges. The client of others is in xtask/python/kv.py.

use axum::http::Method;
use millwright_testkit::Client;
use serde_json::{Value, json};

use crate::{A, B, PATH, api_key, create, reveal, start};

const ROOT: &str = "/api/v1/secrets/kv/v1";

/// With the header that clients of the dialect send, instead of `Authorization`.
async fn send(client: &Client, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
    let token = client.authorization().trim_start_matches("Bearer ").to_owned();
    let headers = [("x-vault-token", token.as_str()), ("content-type", "application/json")];
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let anonymous = client.without_credential();
    let answer = anonymous.send(method, &format!("{ROOT}/{path}"), &headers, body).await;
    if answer.status != 204 {
        assert_eq!(answer.header("content-type"), Some("application/json"), "{answer:?}");
    }
    (answer.status.as_u16(), answer.json())
}

#[tokio::test]
async fn token_verbs_and_errors_are_those_of_the_dialect() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let (status, made) =
        send(&owner, "PUT", "secret/data/a/b", Some(json!({ "data": { "x": 1 }, "more": 1 })))
            .await;
    assert_eq!((status, &made["data"]["version"]), (200, &json!(1)));
    for path in ["secret/data/a/b", "secret/data/a%2Fb"] {
        let (status, read) = send(&owner, "GET", path, None).await;
        assert_eq!((status, &read["data"]["data"]), (200, &json!({ "x": 1 })), "{path}");
    }
    let (status, listed) = send(&owner, "LIST", "secret/metadata/a", None).await;
    assert_eq!((status, &listed["data"]["keys"]), (200, &json!(["b"])));
    let (status, missing) = send(&owner, "GET", "secret/data/none", None).await;
    assert_eq!((status, missing), (404, json!({ "errors": [] })));
    let cas = json!({ "data": { "x": 2 }, "options": { "cas": 5 } });
    let (status, refused) = send(&owner, "POST", "secret/data/a/b", Some(cas)).await;
    let words = "check-and-set parameter did not match the current version";
    assert_eq!((status, refused), (400, json!({ "errors": [words] })));
    let stranger = app.stranger();
    let answer = stranger.get(&format!("{ROOT}/secret/data/a/b")).await;
    assert_eq!(answer.expect(403), json!({ "errors": ["permission denied"] }));
    let (status, _) = send(&app.client(B, "owner"), "GET", "secret/data/a/b", None).await;
    assert_eq!(status, 404);
    let (status, _) = send(&app.client(A, "viewer"), "GET", "secret/data/a/b", None).await;
    assert_eq!(status, 403);
    let (status, _) = send(&owner, "GET", "auth/token/lookup-self", None).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn both_apis_see_the_same_secrets_limits_and_records() {
    let app = start().await;
    let owner = app.client(A, "owner");
    let path = create(&owner, api_key("native", "v1")).await;
    let (_, read) = send(&owner, "GET", "secret/data/native", None).await;
    assert_eq!(read["data"]["data"], json!({ "key": "v1" }));
    let (status, wrong) =
        send(&owner, "POST", "secret/data/native", Some(json!({ "data": { "x": "hidden" } })))
            .await;
    assert!(status == 400 && !wrong.to_string().contains("hidden"), "{wrong}");
    let body = json!({ "data": { "key": "v2" }, "options": { "cas": 1 } });
    send(&owner, "POST", "secret/data/native", Some(body)).await;
    assert_eq!(reveal(&owner, &path, json!({})).await["value"]["key"], "v2");
    let accesses = owner.all(&format!("{path}/accesses"), 10).await;
    let actions: Vec<&str> = accesses.iter().filter_map(|a| a["action"].as_str()).collect();
    assert_eq!(actions, ["secret_reveal", "kv_data_write", "kv_data_read", "secret_create"]);
    owner
        .patch(&format!("{PATH}/settings"), json!({ "revealsPerMinuteUser": 2 }))
        .await
        .expect(200);
    let (status, _) = send(&owner, "GET", "secret/data/native", None).await;
    assert_eq!(status, 429);
    let (status, _) = send(&owner, "DELETE", "secret/metadata/native", None).await;
    assert_eq!(status, 204);
    assert_eq!(owner.get(&path).await.expect(200)["status"], "deleted");
}
