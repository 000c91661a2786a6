//! What every service answers about itself.

use axum::extract::{FromRef, State};
use millwright_manifest::Method;
use serde_json::json;

use super::{Endpoint, Entry, Purpose, document::Description};
use crate::{Answered, OperationDocument, Plain, Platform, Public};

/// `{status}` and nothing else.
#[derive(Clone, Copy, Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(example = json!({"status": "ok"}))]
struct Health {
    /// Always `ok`; anything else is a problem.
    #[schema(value_type = String)]
    status: &'static str,
}

/// Answers as long as there is a process.
pub(super) fn health_entry<S, P>(path: String) -> Entry<S, P>
where
    S: Clone + Send + Sync + 'static,
    P: Purpose,
    Platform: FromRef<S>,
{
    let texts = || {
        json!({
            "summary": "Check the process",
            "description": "Answers as soon as the function runs; asks nothing else.",
            "tags": ["Health"],
        })
    };
    let description = Description { texts, describe: describe(&health) };
    Entry::at("health_get", Method::Get, path, description, health)
}

/// `health` and `ready` of a service.
pub(super) fn health_entries<S, P>(base: &str) -> Vec<Entry<S, P>>
where
    S: Clone + Send + Sync + 'static,
    P: Purpose,
    Platform: FromRef<S>,
{
    let texts = || {
        json!({
            "summary": "Check the dependencies",
            "description": "Asks what the service needs, at most every 10 seconds; 503 if it does not answer.",
            "tags": ["Health"],
        })
    };
    let description = Description { texts, describe: describe(&ready::<S>) };
    let path = |name: &str| format!("/api/v1/{base}/{name}");
    vec![
        health_entry(path("health")),
        Entry::at("readiness_get", Method::Get, path("ready"), description, ready::<S>),
    ]
}

/// How the signature of a handler describes its operation.
fn describe<H: Endpoint<Arguments>, Arguments>(_handler: &H) -> fn(&mut OperationDocument) {
    H::describe
}

async fn health(_: Public) -> Answered<Plain<Health>> {
    Ok(Plain(Health { status: "ok" }))
}

async fn ready<S>(_: Public, State(state): State<S>) -> Answered<Plain<Health>>
where
    Platform: FromRef<S>,
{
    Platform::from_ref(&state).check_ready().await?;
    Ok(Plain(Health { status: "ok" }))
}
