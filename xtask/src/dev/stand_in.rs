//! A model that is none: it speaks OpenAI's interface and answers what it was asked, word by word, so
//! that the gateway has something to ask where there is neither a key nor a model server. The bench
//! measures against it, too.

use std::{convert::Infallible, time::Duration};

use anyhow::{Context, Result};
use axum::{
    Json, Router,
    body::{Body, Bytes},
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

/// What its one model is called.
pub const MODEL: &str = "echo";

/// It is running; ends with the value.
pub struct StandIn {
    task: JoinHandle<()>,
}

impl StandIn {
    /// Listens on the loopback. Between two words of a stream it waits for `pause`.
    pub async fn start(port: u16, pause: Duration) -> Result<StandIn> {
        let listener = TcpListener::bind(("127.0.0.1", port))
            .await
            .with_context(|| format!("the stand-in for models cannot listen on port {port}"))?;
        let router = Router::new()
            .route("/v1/models", get(list))
            .route("/v1/chat/completions", post(async move |body| complete(body, pause)));
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::warn!(%error, "the stand-in for models has ended");
            }
        });
        Ok(StandIn { task })
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn list() -> Json<Value> {
    Json(json!({
        "object": "list",
        "data": [{ "id": MODEL, "object": "model", "created": 0, "owned_by": "millwright" }],
    }))
}

/// The last thing the user said.
fn asked(body: &Value) -> String {
    let content =
        &body["messages"].as_array().and_then(|all| all.last()).unwrap_or(body)["content"];
    let parts = content.as_array().into_iter().flatten().filter_map(|part| part["text"].as_str());
    content.as_str().map_or_else(|| parts.collect::<Vec<_>>().join(" "), str::to_owned)
}

fn complete(body: Bytes, pause: Duration) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let said = format!("You said: {}", asked(&body));
    let words: Vec<String> = said.split_inclusive(' ').map(str::to_owned).collect();
    let tokens = |text: &str| text.split_whitespace().count();
    let (input, output) = (tokens(&body["messages"].to_string()), words.len());
    let usage = json!({
        "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output,
    });
    let of = |object: &str, choices: Value, usage: Value| {
        json!({
            "id": "chatcmpl-stand-in", "object": object, "created": 0, "model": MODEL,
            "choices": choices, "usage": usage,
        })
    };
    if body["stream"] != true {
        let message = json!({ "role": "assistant", "content": said, "refusal": null });
        let choice = json!([{
            "index": 0, "finish_reason": "stop", "logprobs": null, "message": message,
        }]);
        return Json(of("chat.completion", choice, usage)).into_response();
    }
    let chunk = |delta: Value, finish: Value| {
        let choice = json!([{ "index": 0, "delta": delta, "finish_reason": finish }]);
        of("chat.completion.chunk", choice, Value::Null)
    };
    let mut chunks: Vec<Value> =
        words.into_iter().map(|word| chunk(json!({ "content": word }), Value::Null)).collect();
    chunks.push(chunk(json!({}), "stop".into()));
    if body["stream_options"]["include_usage"] == true {
        chunks.push(of("chat.completion.chunk", json!([]), usage));
    }
    let lines = chunks.into_iter().map(|chunk| format!("data: {chunk}\n\n"));
    let lines = stream::iter(lines.chain(["data: [DONE]\n\n".to_owned()]));
    let lines = lines.then(move |line| async move {
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        Ok::<_, Infallible>(Bytes::from(line))
    });
    ([(CONTENT_TYPE, "text/event-stream")], Body::from_stream(lines)).into_response()
}
