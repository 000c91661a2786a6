//! What functions call: DynamoDB in memory, and as much as they use of Secrets Manager, of the
//! parameter store, of other functions, and of an identity provider.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
    thread,
};

use anyhow::{Context, Result, anyhow};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::post,
};
use millwright_bench_driver::Provide;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::instance::Instance;

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

/// What stands around the functions.
#[derive(Default)]
pub struct Surroundings {
    provided: RwLock<Provide>,
    /// Functions that are invoked by others, by name.
    beside: Mutex<BTreeMap<String, Arc<Mutex<Instance>>>>,
}

impl Surroundings {
    pub fn provide(&self, more: Provide) {
        let mut provided = self.provided.write().unwrap_or_else(PoisonError::into_inner);
        provided.secrets.extend(more.secrets);
        provided.parameters.extend(more.parameters);
        provided.pages.extend(more.pages);
    }

    pub async fn put_beside(&self, name: String, instance: Instance) {
        self.beside.lock().await.insert(name, Arc::new(Mutex::new(instance)));
    }

    /// The answer of a function that stands beside.
    pub async fn invoke(&self, name: &str, event: Bytes) -> Result<Bytes> {
        let instance = self.beside.lock().await.get(name).cloned();
        let instance = instance.with_context(|| format!("no function {name} stands beside"))?;
        Ok(instance.lock().await.invoke(event).await?.body)
    }

    pub fn routes(self: Arc<Self>) -> Router {
        Router::new()
            .route("/", post(aws))
            .route("/2015-03-31/functions/{name}/invocations", post(invoke))
            .route("/token", post(token))
            .fallback(page)
            .with_state(self)
    }

    fn read<T>(&self, read: impl FnOnce(&Provide) -> T) -> T {
        read(&self.provided.read().unwrap_or_else(PoisonError::into_inner))
    }
}

type Shared = State<Arc<Surroundings>>;

/// 32 bytes in base64.
const DATA_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// Secrets Manager, the parameter store, queues and the key service: which one, and what of it, says a header.
async fn aws(State(around): Shared, headers: HeaderMap, body: Bytes) -> Response {
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let member = |name: &str| request[name].as_str().unwrap_or_default().to_owned();
    let answer = match target.unwrap_or_default() {
        "AmazonSSM.GetParameter" => {
            let name = member("Name");
            let found = around.read(|provided| provided.parameters.get(&name).cloned());
            found
                .map(|text| json!({ "Parameter": { "Name": name, "Value": text } }))
                .ok_or("ParameterNotFound")
        }
        "secretsmanager.GetSecretValue" => {
            let (name, stage) = (member("SecretId"), member("VersionStage"));
            let key = if stage.is_empty() { name.clone() } else { format!("{name}@{stage}") };
            let found = around.read(|provided| provided.secrets.get(&key).cloned());
            found
                .map(|text| json!({ "Name": name, "SecretString": text }))
                .ok_or("ResourceNotFoundException")
        }
        // Whatever is sent to a queue is gone: what takes it is measured by messages of its own.
        "AmazonSQS.GetQueueUrl" => {
            Ok(json!({ "QueueUrl": format!("http://127.0.0.1/bench/{}", member("QueueName")) }))
        }
        "AmazonSQS.SendMessage" => Ok(json!({ "MessageId": "bench" })),
        // What it wraps with is its own affair: here with nothing.
        "TrentService.GenerateDataKey" => Ok(json!({
            "KeyId": "bench", "Plaintext": DATA_KEY, "CiphertextBlob": DATA_KEY,
        })),
        "TrentService.Decrypt" => Ok(json!({
            "KeyId": "bench", "Plaintext": member("CiphertextBlob"),
        })),
        _ => Err("UnknownOperationException"),
    };
    match answer {
        Ok(answer) => Json(answer).into_response(),
        Err(kind) => (StatusCode::BAD_REQUEST, Json(json!({ "__type": kind }))).into_response(),
    }
}

async fn invoke(State(around): Shared, Path(name): Path<String>, event: Bytes) -> Response {
    match around.invoke(&name, event).await {
        Ok(answer) => answer.into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")).into_response(),
    }
}

/// The token endpoint of the provider: each code has a page.
async fn token(State(around): Shared, form: String) -> Response {
    let code = form.split('&').find_map(|field| field.strip_prefix("code=")).unwrap_or_default();
    around.page(&format!("/token/{code}"))
}

async fn page(State(around): Shared, uri: Uri) -> Response {
    around.page(uri.path())
}

impl Surroundings {
    fn page(&self, path: &str) -> Response {
        match self.read(|provided| provided.pages.get(path).cloned()) {
            Some(page) => Json(page).into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        }
    }
}
