//! Secrets Manager for all tests of a process, on loopback: with the rules that matter to who keeps
//! versions there.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock},
    thread,
};

use aws_sdk_secretsmanager::Client;
use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use millwright_config::Config;
use millwright_runtime::aws::{Clients, http_client};
use serde_json::{Value, json};

use crate::Faults;

/// A Secrets Manager that keeps what it is given. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct TestSecrets {
    endpoint: String,
    state: Arc<Mutex<Manager>>,
}

#[derive(Default)]
struct Manager {
    secrets: BTreeMap<String, Kept>,
    calls: Vec<String>,
    is_down: bool,
}

/// A secret and its versions, by their ids.
#[derive(Clone, Debug, Default)]
struct Kept {
    versions: BTreeMap<String, Version>,
}

#[derive(Clone, Debug, Default)]
struct Version {
    text: String,
    labels: Vec<String>,
}

const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";
/// Labels of one secret.
const MAX_LABELS: usize = 20;
/// Secrets of one batch.
const MAX_BATCH: usize = 20;

impl TestSecrets {
    /// The one of this process; it runs in a thread of its own, whatever runtime a test has.
    pub fn of_process() -> &'static TestSecrets {
        static SECRETS: OnceLock<TestSecrets> = OnceLock::new();
        SECRETS.get_or_init(TestSecrets::start)
    }

    fn start() -> TestSecrets {
        let state = Arc::new(Mutex::new(Manager::default()));
        let routes = Router::new().route("/", post(answer)).with_state(state.clone());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        let endpoint = format!("http://{}", listener.local_addr().expect("bound"));
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                axum::serve(listener, routes).await
            })
        });
        TestSecrets { endpoint, state }
    }

    /// The client of a function.
    pub fn client(&self) -> Client {
        self.client_with(&Faults::default())
    }

    /// The client of a process that dies, or is cut off, as the faults have it.
    pub fn client_with(&self, faults: &Faults) -> Client {
        let read = |name: &str| {
            let value = match name {
                "MILLWRIGHT_STAGE" => "local",
                "MILLWRIGHT_PREFIX" => "test",
                "MILLWRIGHT_PUBLIC_URL" => "http://127.0.0.1:9000",
                "AWS_REGION" => "eu-central-1",
                "AWS_ACCESS_KEY_ID" => "000000000000",
                "AWS_SECRET_ACCESS_KEY" => "test",
                "AWS_ENDPOINT_URL_SECRETS_MANAGER" => self.endpoint.as_str(),
                _ => return None,
            };
            Some(value.to_owned())
        };
        let config = Config::from_variables(read).expect("complete");
        let http = faults.over(http_client().expect("root certificates"));
        Clients::with_http_client(&config, http).secretsmanager().expect("an endpoint")
    }

    /// The texts of a secret by their labels; nothing if it is not there.
    pub fn labelled(&self, name: &str) -> BTreeMap<String, String> {
        let state = self.lock();
        let versions = state.secrets.get(name).into_iter().flat_map(|kept| kept.versions.values());
        versions
            .flat_map(|version| {
                version.labels.iter().map(|label| (label.clone(), version.text.clone()))
            })
            .collect()
    }

    /// The names of secrets that begin so.
    pub fn names(&self, prefix: &str) -> Vec<String> {
        self.lock().secrets.keys().filter(|name| name.starts_with(prefix)).cloned().collect()
    }

    /// What was asked since the last time, by operation.
    pub fn take_calls(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().calls)
    }

    /// From now on it answers nothing but 500, or works again.
    pub fn outage(&self, is_down: bool) {
        self.lock().is_down = is_down;
    }

    fn lock(&self) -> MutexGuard<'_, Manager> {
        self.state.lock().expect("not poisoned")
    }
}

async fn answer(
    State(state): State<Arc<Mutex<Manager>>>,
    headers: HeaderMap,
    // Its media type is not the one that an extractor would want.
    body: String,
) -> Response {
    let request: Value = serde_json::from_str(&body).unwrap_or_default();
    let target = headers.get("x-amz-target").and_then(|it| it.to_str().ok()).unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default();
    let signature = headers.get("authorization").and_then(|it| it.to_str().ok());
    let is_signed =
        signature.is_some_and(|it| it.contains("/eu-central-1/secretsmanager/aws4_request"));
    let mut manager = state.lock().expect("not poisoned");
    manager.calls.push(operation.to_owned());
    let answered = match (manager.is_down, is_signed) {
        (true, _) => Err("InternalServiceError"),
        (_, false) => Err("MissingAuthenticationToken"),
        _ => manager.answer(operation, &request),
    };
    match answered {
        Ok(body) => Json(body).into_response(),
        Err("InternalServiceError") => {
            let body = json!({ "__type": "InternalServiceError" });
            (StatusCode::INTERNAL_SERVER_ERROR, Json(body)).into_response()
        }
        Err(kind) => (StatusCode::BAD_REQUEST, Json(json!({ "__type": kind }))).into_response(),
    }
}

const MISSING: &str = "ResourceNotFoundException";
const INVALID: &str = "InvalidParameterException";

impl Manager {
    fn answer(&mut self, operation: &str, request: &Value) -> Result<Value, &'static str> {
        let name = request["SecretId"].as_str().or(request["Name"].as_str()).unwrap_or_default();
        match operation {
            "CreateSecret" => {
                if self.secrets.contains_key(name) {
                    return Err("ResourceExistsException");
                }
                self.secrets.insert(name.to_owned(), Kept::default());
                Ok(json!({ "Name": name }))
            }
            "BatchGetSecretValue" => self.batch(request),
            "DeleteSecret" => {
                if request["ForceDeleteWithoutRecovery"] != true {
                    return Err(INVALID);
                }
                self.secrets.remove(name);
                Ok(json!({ "Name": name }))
            }
            _ => {
                let kept = self.secrets.get_mut(name).ok_or(MISSING)?;
                match operation {
                    "PutSecretValue" => kept.put(request),
                    "GetSecretValue" => kept.get(name, request),
                    "DescribeSecret" => Ok(kept.describe(name)),
                    "UpdateSecretVersionStage" => kept.relabel(request),
                    _ => Err("UnknownOperationException"),
                }
            }
        }
    }

    fn batch(&self, request: &Value) -> Result<Value, &'static str> {
        let names = request["SecretIdList"].as_array().ok_or(INVALID)?;
        // With a list there is no limit to give.
        if names.len() > MAX_BATCH || !request["MaxResults"].is_null() {
            return Err(INVALID);
        }
        let (mut values, mut errors) = (Vec::new(), Vec::new());
        for name in names.iter().filter_map(Value::as_str) {
            let current = self.secrets.get(name).ok_or(MISSING);
            match current.and_then(|kept| kept.get(name, &json!({}))) {
                Ok(value) => values.push(value),
                Err(kind) => errors.push(json!({ "SecretId": name, "ErrorCode": kind })),
            }
        }
        Ok(json!({ "SecretValues": values, "Errors": errors }))
    }
}

impl Kept {
    fn put(&mut self, request: &Value) -> Result<Value, &'static str> {
        let id = request["ClientRequestToken"].as_str().ok_or(INVALID)?.to_owned();
        let text = request["SecretString"].as_str().ok_or(INVALID)?.to_owned();
        if !(32..=64).contains(&id.len()) || text.len() > 65_536 {
            return Err(INVALID);
        }
        if let Some(known) = self.versions.get(&id) {
            return match known.text == text {
                true => Ok(json!({ "VersionId": id })),
                false => Err("ResourceExistsException"),
            };
        }
        let labels = request["VersionStages"].as_array().cloned().unwrap_or_default();
        let mut labels: Vec<String> =
            labels.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        if labels.is_empty() || self.versions.is_empty() {
            labels.push(CURRENT.to_owned());
        }
        let count = self.versions.values().map(|version| version.labels.len()).sum::<usize>();
        if count + labels.len() > MAX_LABELS {
            return Err("LimitExceededException");
        }
        for version in self.versions.values_mut() {
            version.labels.retain(|label| !labels.contains(label));
        }
        self.versions.insert(id.clone(), Version { text, labels });
        Ok(json!({ "VersionId": id }))
    }

    fn get(&self, name: &str, request: &Value) -> Result<Value, &'static str> {
        let (id, version) = match request["VersionId"].as_str() {
            Some(id) => self.versions.get_key_value(id).ok_or(MISSING)?,
            None => {
                let label = request["VersionStage"].as_str().unwrap_or(CURRENT);
                let has = |version: &Version| version.labels.iter().any(|one| one == label);
                self.versions.iter().find(|(_, version)| has(version)).ok_or(MISSING)?
            }
        };
        Ok(json!({ "Name": name, "VersionId": id, "SecretString": version.text }))
    }

    /// Versions without a label are not shown: they go by themselves.
    fn describe(&self, name: &str) -> Value {
        let labelled = self.versions.iter().filter(|(_, version)| !version.labels.is_empty());
        let labels: BTreeMap<&String, &Vec<String>> =
            labelled.map(|(id, version)| (id, &version.labels)).collect();
        json!({ "Name": name, "VersionIdsToStages": labels })
    }

    fn relabel(&mut self, request: &Value) -> Result<Value, &'static str> {
        let label = request["VersionStage"].as_str().ok_or(INVALID)?.to_owned();
        let (from, to) = (&request["RemoveFromVersionId"], &request["MoveToVersionId"]);
        let has = |version: &Version| version.labels.contains(&label);
        let holder =
            self.versions.iter().find(|(_, version)| has(version)).map(|(id, _)| id.clone());
        if holder.as_deref() != from.as_str() {
            return Err(INVALID);
        }
        if label == CURRENT && to.is_null() {
            return Err(INVALID);
        }
        if let Some(to) = to.as_str() {
            self.versions.get_mut(to).ok_or(MISSING)?.labels.push(label.clone());
        }
        if let Some(from) = holder {
            if label == CURRENT {
                for version in self.versions.values_mut() {
                    version.labels.retain(|one| one != PREVIOUS);
                }
            }
            if let Some(version) = self.versions.get_mut(&from) {
                version.labels.retain(|one| *one != label);
                if label == CURRENT {
                    version.labels.push(PREVIOUS.to_owned());
                }
            }
        }
        Ok(json!({}))
    }
}
