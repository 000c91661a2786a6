//! Real binaries behind a Runtime API of our own, with doubles for the AWS services they call.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    process::Stdio,
    sync::{Arc, Mutex, atomic::AtomicU64, atomic::Ordering},
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use millwright_access::{CREDENTIALS, DIRECTORY};
use serde_json::{Value, json};
use tokio::{
    process::{Child, Command},
    sync::{Notify, oneshot},
};

use crate::TestApp;

/// A function as Lambda runs it: one process, one event at a time.
pub struct LambdaProcess {
    api: Arc<Invocations>,
    _child: Child,
}

#[derive(Default)]
struct Invocations {
    queue: Mutex<VecDeque<(String, Value)>>,
    arrived: Notify,
    waiting: Mutex<HashMap<String, oneshot::Sender<Result<Value, Value>>>>,
    count: AtomicU64,
}

impl LambdaProcess {
    /// Starts `binary` as the function, with the environment that a template would set.
    pub async fn start(
        binary: &str,
        function: &str,
        app: &TestApp,
        aws: &AwsDouble,
    ) -> LambdaProcess {
        // Whoever verifies a credential reads their feeds.
        for service in [DIRECTORY, CREDENTIALS] {
            app.database.beside(service).await;
        }
        let api = Arc::new(Invocations::default());
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(answered))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(failed))
            .with_state(api.clone());
        let address = serve(routes).await;
        let child = Command::new(binary)
            .env_clear()
            .envs(environment(function, app, aws))
            .env("AWS_LAMBDA_RUNTIME_API", address)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary starts");
        LambdaProcess { api, _child: child }
    }

    /// Hands the function an event; the answer, or the error it ended with.
    pub async fn invoke(&self, event: Value) -> Result<Value, Value> {
        let id = format!("request-{}", self.api.count.fetch_add(1, Ordering::SeqCst));
        let (sender, receiver) = oneshot::channel();
        self.api.waiting.lock().expect("not poisoned").insert(id.clone(), sender);
        self.api.queue.lock().expect("not poisoned").push_back((id, event));
        self.api.arrived.notify_one();
        let limit = std::time::Duration::from_secs(30);
        tokio::time::timeout(limit, receiver).await.expect("an answer in time").expect("an answer")
    }
}

fn environment(function: &str, app: &TestApp, aws: &AwsDouble) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("MILLWRIGHT_STAGE", "local".into()),
        ("MILLWRIGHT_PREFIX", "test".into()),
        ("MILLWRIGHT_PUBLIC_URL", "http://127.0.0.1:9000".into()),
        ("MILLWRIGHT_OUTBOX_SERVICES", app.service.into()),
        ("MILLWRIGHT_LOG_LEVEL", "warn".into()),
        ("AWS_LAMBDA_FUNCTION_NAME", format!("test-{function}")),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512".into()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".into()),
        ("AWS_REGION", "eu-central-1".into()),
        ("AWS_ACCESS_KEY_ID", "000000000000".into()),
        ("AWS_SECRET_ACCESS_KEY", "test".into()),
        ("AWS_ENDPOINT_URL", aws.endpoint.clone()),
        ("AWS_ENDPOINT_URL_S3", app.files.endpoint().to_owned()),
        ("AWS_ENDPOINT_URL_DYNAMODB", app.database.endpoint().to_owned()),
    ])
}

async fn serve(routes: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    address
}

async fn next(State(api): State<Arc<Invocations>>) -> Response {
    loop {
        let arrived = api.arrived.notified();
        let event = api.queue.lock().expect("not poisoned").pop_front();
        if let Some((id, event)) = event {
            let arn = "arn:aws:lambda:eu-central-1:000000000000:function:test";
            let headers = [
                ("lambda-runtime-aws-request-id", id.as_str()),
                ("lambda-runtime-deadline-ms", "4102444800000"),
                ("lambda-runtime-invoked-function-arn", arn),
                ("lambda-runtime-trace-id", "Root=1-00000000-000000000000000000000000"),
            ];
            return (headers, Json(event)).into_response();
        }
        arrived.await;
    }
}

fn settle(api: &Invocations, id: &str, result: Result<Value, Value>) -> StatusCode {
    if let Some(sender) = api.waiting.lock().expect("not poisoned").remove(id) {
        let _ = sender.send(result);
    }
    StatusCode::ACCEPTED
}

async fn answered(
    State(api): State<Arc<Invocations>>,
    Path(id): Path<String>,
    body: String,
) -> StatusCode {
    settle(&api, &id, Ok(serde_json::from_str(&body).unwrap_or(Value::String(body))))
}

async fn failed(
    State(api): State<Arc<Invocations>>,
    Path(id): Path<String>,
    body: String,
) -> StatusCode {
    settle(&api, &id, Err(serde_json::from_str(&body).unwrap_or(Value::String(body))))
}

/// Secrets Manager, EventBridge and SQS, as far as functions call them.
pub struct AwsDouble {
    endpoint: String,
    state: Arc<AwsState>,
}

struct AwsState {
    secrets: BTreeMap<String, String>,
    published: Mutex<Vec<Value>>,
    queued: Mutex<Vec<Value>>,
    hidden: Mutex<Vec<Value>>,
}

impl AwsDouble {
    /// With the secrets that an installation has.
    pub async fn start(app: &TestApp) -> AwsDouble {
        let secrets = BTreeMap::from([
            ("test/auth/jwks".to_owned(), app.public_keys()),
            ("test/internal".to_owned(), "a secret of the tests".to_owned()),
        ]);
        let state = Arc::new(AwsState {
            secrets,
            published: Mutex::default(),
            queued: Mutex::default(),
            hidden: Mutex::default(),
        });
        let routes = Router::new().route("/", post(aws)).with_state(state.clone());
        AwsDouble { endpoint: format!("http://{}", serve(routes).await), state }
    }

    /// The entries of all PutEvents calls.
    pub fn published(&self) -> Vec<Value> {
        self.state.published.lock().expect("not poisoned").clone()
    }

    /// The messages of all SendMessage calls.
    pub fn queued(&self) -> Vec<Value> {
        self.state.queued.lock().expect("not poisoned").clone()
    }

    /// All ChangeMessageVisibility calls.
    pub fn hidden(&self) -> Vec<Value> {
        self.state.hidden.lock().expect("not poisoned").clone()
    }
}

async fn aws(State(state): State<Arc<AwsState>>, headers: HeaderMap, body: String) -> Response {
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok());
    let request: Value = serde_json::from_str(&body).unwrap_or_default();
    match target.and_then(|target| target.rsplit('.').next()) {
        Some("GetSecretValue") => {
            let name = request["SecretId"].as_str().unwrap_or_default();
            match state.secrets.get(name) {
                Some(secret) => {
                    Json(json!({ "Name": name, "SecretString": secret })).into_response()
                }
                None => StatusCode::BAD_REQUEST.into_response(),
            }
        }
        Some("GetParameter") => {
            let body = json!({ "__type": "ParameterNotFound" });
            (StatusCode::BAD_REQUEST, Json(body)).into_response()
        }
        Some("PutEvents") => {
            let entries = request["Entries"].as_array().cloned().unwrap_or_default();
            let answers: Vec<Value> = entries.iter().map(|_| json!({ "EventId": "1" })).collect();
            state.published.lock().expect("not poisoned").extend(entries);
            Json(json!({ "FailedEntryCount": 0, "Entries": answers })).into_response()
        }
        Some("GetQueueUrl") => {
            let name = request["QueueName"].as_str().unwrap_or_default();
            let url = format!("http://127.0.0.1/000000000000/{name}");
            Json(json!({ "QueueUrl": url })).into_response()
        }
        Some("SendMessage") => {
            state.queued.lock().expect("not poisoned").push(request);
            Json(json!({ "MessageId": "1", "MD5OfMessageBody": "0" })).into_response()
        }
        Some("ChangeMessageVisibility") => {
            state.hidden.lock().expect("not poisoned").push(request);
            Json(json!({})).into_response()
        }
        _ => StatusCode::BAD_REQUEST.into_response(),
    }
}
