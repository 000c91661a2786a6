//! How an export asks `auth`, over a Lambda on loopback.

use std::sync::{Arc, Mutex};

use axum::{Json, Router, extract::State, routing::post};
use millwright_config::Config;
use millwright_core::{Clock, codes};
use millwright_runtime::aws::{Clients, http_client};
use serde_json::{Value, json};
use user_management::{AuthData, InvokedAuth};

use crate::user_id;

/// What was invoked, and what comes back.
#[derive(Default)]
struct Lambda {
    events: Vec<Value>,
    status: u16,
}

async fn invoked(
    State(lambda): State<Arc<Mutex<Lambda>>>,
    Json(event): Json<Value>,
) -> Json<Value> {
    let mut lambda = lambda.lock().unwrap();
    lambda.events.push(event);
    let body = match lambda.status {
        200 => json!({ "items": [{ "kind": "identity" }], "nextCursor": "b+/=" }),
        _ => json!({ "code": "unavailable" }),
    };
    Json(json!({ "statusCode": lambda.status, "body": body.to_string() }))
}

async fn started(status: u16) -> (Arc<Mutex<Lambda>>, InvokedAuth) {
    let lambda = Arc::new(Mutex::new(Lambda { status, ..Lambda::default() }));
    let path = "/2015-03-31/functions/auth-api/invocations";
    let routes = Router::new().route(path, post(invoked)).with_state(lambda.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let read = |name: &str| {
        let value = match name {
            "MILLWRIGHT_STAGE" => "local",
            "MILLWRIGHT_PREFIX" => "test",
            "MILLWRIGHT_PUBLIC_URL" => "http://127.0.0.1:9000",
            "AWS_REGION" => "eu-central-1",
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => "test",
            "AWS_ENDPOINT_URL_LAMBDA" => endpoint.as_str(),
            _ => return None,
        };
        Some(value.to_owned())
    };
    let config = Config::from_variables(read).unwrap();
    let clients = Clients::with_http_client(&config, http_client().unwrap());
    (lambda, InvokedAuth::new(clients.functions(Clock::system()).unwrap()))
}

#[tokio::test]
async fn auth_is_asked_page_by_page() {
    let (lambda, auth) = started(200).await;
    let first = auth.page(user_id(1), None).await.unwrap();
    assert_eq!(first.items, [json!({ "kind": "identity" })]);
    auth.page(user_id(1), first.next_cursor.as_deref()).await.unwrap();
    let events = lambda.lock().unwrap().events.clone();
    let path = format!("/api/v1/auth/users/{}/data", user_id(1));
    for event in &events {
        assert_eq!(event["rawPath"], path);
        assert_eq!(event["requestContext"]["http"], json!({ "method": "GET", "path": path }));
        assert!(event["headers"].to_string().contains("user-management"), "{event}");
    }
    assert_eq!(events[0]["rawQueryString"], "limit=100");
    assert_eq!(events[1]["rawQueryString"], "limit=100&cursor=b%2B%2F%3D");
}

#[tokio::test]
async fn what_auth_refuses_is_tried_again() {
    let (_, auth) = started(503).await;
    let error = auth.page(user_id(1), None).await.unwrap_err();
    assert!(error.is(codes::UNAVAILABLE));
}
