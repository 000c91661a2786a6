//! A provider that says what the test wants, over the loopback.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use futures::stream;
use http::StatusCode;
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
};

/// What the next call is answered.
pub enum Reply {
    Json(u16, Value),
    /// With `Retry-After`.
    Wait(u16, u64),
    /// These pieces, then the end.
    Pieces(Vec<String>),
    /// Pieces as the test sends them; ends when the sender is dropped.
    Live(mpsc::UnboundedReceiver<String>),
    /// Nothing at all.
    Silence,
}

/// One call as it came.
#[derive(Clone, Debug)]
pub struct Call {
    pub path: String,
    pub headers: http::HeaderMap,
    pub body: Value,
}

#[derive(Clone)]
pub struct Upstream {
    inner: Arc<Inner>,
    pub url: String,
}

struct Inner {
    replies: Mutex<VecDeque<Reply>>,
    calls: Mutex<Vec<Call>>,
    /// How many streams have been closed by us.
    closed: watch::Sender<usize>,
}

impl Upstream {
    pub async fn start() -> Upstream {
        let (closed, _) = watch::channel(0);
        let inner = Arc::new(Inner { replies: Mutex::default(), calls: Mutex::default(), closed });
        let router = Router::new().fallback(answer).with_state(inner.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Upstream { inner, url }
    }

    pub fn next(&self, reply: Reply) {
        self.inner.replies.lock().unwrap().push_back(reply);
    }

    pub fn calls(&self) -> Vec<Call> {
        self.inner.calls.lock().unwrap().clone()
    }

    /// Ready once so many streams have been hung up on.
    pub async fn closed(&self, count: usize) {
        let mut closed = self.inner.closed.subscribe();
        closed.wait_for(|so_far| *so_far >= count).await.expect("the server lives");
    }
}

struct Guard(Arc<Inner>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.closed.send_modify(|count| *count += 1);
    }
}

async fn answer(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let bytes = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
    let body = serde_json::from_slice(&bytes).unwrap_or_default();
    let path = parts.uri.path().to_owned();
    inner.calls.lock().unwrap().push(Call { path, headers: parts.headers, body });
    let reply = inner.replies.lock().unwrap().pop_front();
    let events = [("content-type", "text/event-stream")];
    match reply {
        None => (StatusCode::OK, axum_json(&chat("Hello."))).into_response(),
        Some(Reply::Json(status, body)) => {
            (StatusCode::from_u16(status).unwrap(), axum_json(&body)).into_response()
        }
        Some(Reply::Wait(status, seconds)) => {
            let status = StatusCode::from_u16(status).unwrap();
            (status, [("retry-after", seconds.to_string())], axum_json(&json!({}))).into_response()
        }
        Some(Reply::Pieces(pieces)) => {
            let pieces = pieces.into_iter().map(|it| Ok::<_, std::io::Error>(Bytes::from(it)));
            (events, Body::from_stream(stream::iter(pieces))).into_response()
        }
        Some(Reply::Live(receiver)) => {
            let state = (receiver, Guard(inner.clone()));
            let live = stream::unfold(state, async |(mut receiver, guard)| {
                let piece = receiver.recv().await?;
                Some((Ok::<_, std::io::Error>(Bytes::from(piece)), (receiver, guard)))
            });
            (events, Body::from_stream(live)).into_response()
        }
        Some(Reply::Silence) => {
            tokio::time::sleep(Duration::from_secs(600)).await;
            StatusCode::OK.into_response()
        }
    }
}

fn axum_json(body: &Value) -> ([(&'static str, &'static str); 1], String) {
    ([("content-type", "application/json")], body.to_string())
}

/// A whole answer of OpenAI's: 12 tokens in, 5 out.
pub fn chat(text: &str) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "small",
        "choices": [{
            "index": 0, "finish_reason": "stop", "logprobs": null,
            "message": { "role": "assistant", "content": text, "refusal": null },
        }],
        "usage": { "prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17 },
    })
}

/// A piece of OpenAI's stream.
pub fn delta(text: &str) -> String {
    let choice = json!({
        "index": 0, "delta": { "role": "assistant", "content": text }, "finish_reason": null,
    });
    chunk(json!([choice]), Value::Null)
}

/// What ends it: the reason, then 12 tokens in and 5 out.
pub fn end() -> String {
    let choice = json!({ "index": 0, "delta": {}, "finish_reason": "stop" });
    let usage = json!({ "prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17 });
    format!("{}{}data: [DONE]\n\n", chunk(json!([choice]), Value::Null), chunk(json!([]), usage))
}

fn chunk(choices: Value, usage: Value) -> String {
    let chunk = json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "small",
        "choices": choices, "usage": usage,
    });
    format!("data: {chunk}\n\n")
}
