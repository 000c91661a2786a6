//! A hop before DynamoDB that counts: calls by operation, and the units each says it consumed.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use millwright_bench_driver::Usage;
use serde_json::Value;

const TARGET: &str = "x-amz-target";

pub struct Counter {
    dynamodb: String,
    client: reqwest::Client,
    usage: Mutex<Usage>,
}

impl Counter {
    pub fn of(dynamodb: &str) -> Result<Counter> {
        let client = reqwest::Client::builder().no_proxy().build().context("no HTTP client")?;
        Ok(Counter { dynamodb: dynamodb.to_owned(), client, usage: Mutex::default() })
    }

    /// What was counted since the last time.
    pub fn take(&self) -> Usage {
        std::mem::take(&mut *self.usage.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn routes(self: Arc<Self>) -> Router {
        Router::new().route("/", post(forward)).with_state(self)
    }

    fn count(&self, operation: &str, answer: &Value) {
        let mut usage = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        add(&mut usage, operation, answer);
    }
}

async fn forward(
    State(counter): State<Arc<Counter>>,
    headers: HeaderMap,
    body: String,
) -> Response {
    match counter.pass_on(headers, &body).await {
        Ok(answer) => answer,
        Err(error) => (StatusCode::BAD_GATEWAY, format!("{error:#}")).into_response(),
    }
}

impl Counter {
    async fn pass_on(&self, mut headers: HeaderMap, body: &str) -> Result<Response> {
        let target = headers.get(TARGET).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let mut request: Value = serde_json::from_str(body).context("a body that is no JSON")?;
        request["ReturnConsumedCapacity"] = "TOTAL".into();
        headers.remove(header::HOST);
        headers.remove(header::CONTENT_LENGTH);
        let request = self.client.post(&self.dynamodb).headers(headers).body(request.to_string());
        let answer = request.send().await.context("DynamoDB does not answer")?;
        let status = answer.status();
        let text = answer.text().await.context("DynamoDB's answer broke off")?;
        self.count(&operation, &serde_json::from_str(&text).unwrap_or_default());
        let media_type = [(header::CONTENT_TYPE, "application/x-amz-json-1.0")];
        Ok((status, media_type, text).into_response())
    }
}

fn add(usage: &mut Usage, operation: &str, answer: &Value) {
    *usage.calls.entry(operation.to_owned()).or_default() += 1;
    let refusal = answer["__type"].as_str().unwrap_or_default();
    if ["TransactionCanceledException", "ConditionalCheckFailedException"]
        .iter()
        .any(|kind| refusal.ends_with(kind))
    {
        usage.refused += 1;
    }
    // One table, or one entry for each.
    let consumed = &answer["ConsumedCapacity"];
    let tables = consumed.as_array().map_or_else(|| vec![consumed], |all| all.iter().collect());
    let units: f64 = tables.iter().filter_map(|table| table["CapacityUnits"].as_f64()).sum();
    let is_read = ["GetItem", "BatchGetItem", "TransactGetItems", "Query"].contains(&operation);
    if is_read {
        usage.read_units += units;
    } else {
        usage.write_units += units;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn calls_units_and_refusals_add_up() {
        let mut usage = Usage::default();
        add(&mut usage, "Query", &json!({ "ConsumedCapacity": { "CapacityUnits": 0.5 } }));
        let two_tables = [json!({ "CapacityUnits": 12.0 }), json!({ "CapacityUnits": 2.0 })];
        add(&mut usage, "TransactWriteItems", &json!({ "ConsumedCapacity": two_tables }));
        let kind = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
        add(&mut usage, "TransactWriteItems", &json!({ "__type": kind }));
        assert_eq!(usage.calls.get("Query"), Some(&1));
        assert_eq!(usage.calls.get("TransactWriteItems"), Some(&2));
        assert_eq!(usage.refused, 1);
        assert!((usage.read_units - 0.5).abs() < f64::EPSILON);
        assert!((usage.write_units - 14.0).abs() < f64::EPSILON);
    }
}
