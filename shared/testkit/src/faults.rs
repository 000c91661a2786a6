//! Failures below the SDK: what the local double never does by itself.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
        SharedHttpConnector,
    },
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use tokio::sync::Notify;

/// Where a process dies: before a call reaches the table, or after, with the answer lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashPoint {
    Before(usize),
    After(usize),
}

/// Counts the calls to DynamoDB and makes some of them fail. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<State>);

#[derive(Debug, Default)]
struct State {
    plan: Mutex<Plan>,
    crashed: Notify,
}

#[derive(Debug, Default)]
struct Plan {
    calls: BTreeMap<String, usize>,
    total: usize,
    conflicts: Option<(ChaCha8Rng, f64)>,
    injected: usize,
    crash: Option<CrashPoint>,
    lost_answer: Option<usize>,
    outage: bool,
    /// Which operation is answered nothing but 500.
    failing: Option<String>,
    /// Capacity units by operation, once they are measured.
    units: Option<BTreeMap<String, f64>>,
}

impl Faults {
    /// From now on a share of all transactions conflicts, by a seeded generator.
    pub fn conflict(&self, seed: u64, share: f64) {
        self.plan(|plan| plan.conflicts = Some((ChaCha8Rng::seed_from_u64(seed), share)));
    }

    /// How many conflicts were injected.
    pub fn conflicts(&self) -> usize {
        self.plan(|plan| plan.injected)
    }

    /// The process dies at the given call, counted from now, from 1 on.
    pub fn crash(&self, at: CrashPoint) {
        self.plan(|plan| {
            plan.total = 0;
            plan.crash = Some(at);
        });
    }

    /// The given call, counted from now, from 1 on, reaches the table; its answer does not come
    /// back, and the SDK tries again.
    pub fn lose_answer(&self, at: usize) {
        self.plan(|plan| {
            plan.total = 0;
            plan.lost_answer = Some(at);
        });
    }

    /// Resolves when the process has died.
    pub async fn crashed(&self) {
        self.0.crashed.notified().await;
    }

    /// From now on DynamoDB answers nothing but 500, or works again.
    pub fn outage(&self, outage: bool) {
        self.plan(|plan| plan.outage = outage);
    }

    /// From now on DynamoDB answers calls of this operation with 500, until another is named.
    pub fn fail(&self, operation: Option<&str>) {
        self.plan(|plan| plan.failing = operation.map(str::to_owned));
    }

    /// Forgets the calls counted so far.
    pub fn reset_calls(&self) {
        self.plan(|plan| plan.calls.clear());
    }

    /// The calls since then, by operation.
    pub fn calls(&self) -> BTreeMap<String, usize> {
        self.plan(|plan| plan.calls.clone())
    }

    /// From now on every call asks what it consumes; forgets what was measured so far.
    pub fn measure_units(&self) {
        self.plan(|plan| plan.units = Some(BTreeMap::new()));
    }

    /// The capacity units since then, by operation: a strong read of 4 KB is one, in a query half
    /// if eventually consistent; a write of 1 KB is one, in a transaction two, and one more for each
    /// index it changes.
    pub fn units(&self) -> BTreeMap<String, f64> {
        self.plan(|plan| plan.units.clone().unwrap_or_default())
    }

    fn plan<R>(&self, with: impl FnOnce(&mut Plan) -> R) -> R {
        with(&mut self.0.plan.lock().expect("no test panics while it holds the plan"))
    }

    /// An HTTP client with these faults.
    pub fn over(&self, inner: SharedHttpClient) -> SharedHttpClient {
        SharedHttpClient::new(FaultyClient { inner, faults: self.clone() })
    }
}

#[derive(Clone, Debug)]
struct FaultyClient {
    inner: SharedHttpClient,
    faults: Faults,
}

impl HttpClient for FaultyClient {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(FaultyConnector { inner, faults: self.faults.clone() })
    }
}

#[derive(Debug)]
struct FaultyConnector {
    inner: SharedHttpConnector,
    faults: Faults,
}

enum Verdict {
    Pass,
    Conflict,
    Outage,
    LostAnswer,
    CrashBefore,
    CrashAfter,
}

impl HttpConnector for FaultyConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let verdict = self.faults.plan(|plan| plan.judge(&operation));
        let (inner, faults) = (self.inner.clone(), self.faults.clone());
        let is_measured = self.faults.plan(|plan| plan.units.is_some());
        HttpConnectorFuture::new(async move {
            match verdict {
                Verdict::Pass if is_measured && !operation.is_empty() => {
                    let answer = inner.call(asking_for_units(request)).await?;
                    faults.measured(&operation, answer).await
                }
                Verdict::Pass => inner.call(request).await,
                Verdict::Conflict => Ok(conflict(&request)),
                Verdict::Outage => Ok(outage()),
                Verdict::LostAnswer => {
                    let _ = inner.call(request).await;
                    Err(ConnectorError::io("the connection was reset".into()))
                }
                Verdict::CrashBefore => faults.die().await,
                Verdict::CrashAfter => {
                    let _ = inner.call(request).await;
                    faults.die().await
                }
            }
        })
    }
}

impl Faults {
    async fn die<T>(&self) -> T {
        self.0.crashed.notify_one();
        futures::future::pending().await
    }
}

impl Faults {
    /// Counts what an answer says was consumed.
    async fn measured(
        &self,
        operation: &str,
        mut answer: HttpResponse,
    ) -> Result<HttpResponse, ConnectorError> {
        let body = ByteStream::new(answer.take_body()).collect().await;
        let bytes = body.map_err(|error| ConnectorError::io(error.into()))?.into_bytes();
        let parsed: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let consumed = match &parsed["ConsumedCapacity"] {
            Value::Array(of_tables) => of_tables.clone(),
            of_one => vec![of_one.clone()],
        };
        let units: f64 =
            consumed.iter().filter_map(|of_one| of_one["CapacityUnits"].as_f64()).sum();
        self.plan(|plan| {
            if let Some(all) = &mut plan.units {
                *all.entry(operation.to_owned()).or_default() += units;
            }
        });
        *answer.body_mut() = SdkBody::from(bytes);
        Ok(answer)
    }
}

/// The double does not look at signatures.
fn asking_for_units(mut request: HttpRequest) -> HttpRequest {
    let bytes = request.body().bytes().unwrap_or_default();
    let Ok(mut body) = serde_json::from_slice::<Value>(bytes) else { return request };
    body["ReturnConsumedCapacity"] = "TOTAL".into();
    let body = body.to_string();
    request.headers_mut().insert("content-length", body.len().to_string());
    *request.body_mut() = SdkBody::from(body);
    request
}

impl Plan {
    fn judge(&mut self, operation: &str) -> Verdict {
        *self.calls.entry(operation.to_owned()).or_default() += 1;
        self.total += 1;
        if self.outage || self.failing.as_deref() == Some(operation) {
            return Verdict::Outage;
        }
        if self.lost_answer == Some(self.total) {
            return Verdict::LostAnswer;
        }
        match self.crash {
            Some(CrashPoint::Before(at)) if at == self.total => return Verdict::CrashBefore,
            Some(CrashPoint::After(at)) if at == self.total => return Verdict::CrashAfter,
            _ => {}
        }
        if let (Some((random, share)), "TransactWriteItems") = (&mut self.conflicts, operation)
            && random.random_bool(*share)
        {
            self.injected += 1;
            return Verdict::Conflict;
        }
        Verdict::Pass
    }
}

/// What DynamoDB answers when another transaction holds one of the items.
fn conflict(request: &HttpRequest) -> HttpResponse {
    let body: Value = request
        .body()
        .bytes()
        .and_then(|bytes| serde_json::from_slice(bytes).ok())
        .unwrap_or_default();
    let items = body["TransactItems"].as_array().map_or(1, Vec::len);
    let mut reasons = vec![json!({ "Code": "None" }); items];
    reasons[0] = json!({
        "Code": "TransactionConflict",
        "Message": "Transaction is ongoing for the item",
    });
    let message = "Transaction cancelled, please refer cancellation reasons for specific reasons";
    answer(
        400,
        &json!({
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "Message": message,
            "CancellationReasons": reasons,
        }),
    )
}

fn outage() -> HttpResponse {
    let kind = "com.amazonaws.dynamodb.v20120810#InternalServerError";
    answer(500, &json!({ "__type": kind, "message": "injected" }))
}

fn answer(status: u16, body: &Value) -> HttpResponse {
    let status = status.try_into().expect("a status");
    let mut response = HttpResponse::new(status, SdkBody::from(body.to_string()));
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    response
}
