//! What functions call: DynamoDB in memory, and the one call of Secrets Manager.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use anyhow::{Context, Result, anyhow};
use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};

/// Starts an empty database on a thread of its own; its URL.
pub fn serve_dynamodb() -> Result<String> {
    let database = dynoxide::Database::memory().map_err(|error| anyhow!("no database: {error}"))?;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").context("no free port")?;
    let address = listener.local_addr()?;
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    thread::spawn(move || {
        runtime.block_on(async move {
            let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
            dynoxide::server::serve_on(listener, database).await;
        });
    });
    Ok(format!("http://{address}"))
}

/// Secrets by name.
#[derive(Default)]
pub struct Secrets(Mutex<BTreeMap<String, String>>);

impl Secrets {
    pub fn set(&self, secrets: BTreeMap<String, String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = secrets;
    }

    pub fn routes(self: Arc<Self>) -> Router {
        Router::new().route("/", post(get_secret_value)).with_state(self)
    }
}

async fn get_secret_value(State(secrets): State<Arc<Secrets>>, body: String) -> Response {
    let request: Value = serde_json::from_str(&body).unwrap_or_default();
    let name = request["SecretId"].as_str().unwrap_or_default();
    match secrets.0.lock().unwrap_or_else(PoisonError::into_inner).get(name) {
        Some(secret) => Json(json!({ "Name": name, "SecretString": secret })).into_response(),
        None => StatusCode::BAD_REQUEST.into_response(),
    }
}
