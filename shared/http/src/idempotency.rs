//! `Idempotency-Key`: the same POST happens at most once in 24 hours.
//!
//! The key is claimed before the handler runs (one PutItem), the record completes in the
//! transaction of the effects, and a claim whose request ended without effects is given back. A
//! process that dies in between leaves a claim that lapses with its lease.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use aws_lc_rs::{
    digest::{self, digest},
    hmac,
};
use axum::response::{IntoResponse, Response};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderValue, StatusCode, request::Parts};
use millwright_core::{Error, Result, Tenant, Timestamp, codes};
use millwright_store::{Condition, Item, Key, Partition, Query, Step, Store, Transaction, Update};
use serde::{Deserialize, Serialize};

use crate::{Caller, answer::Rendered};

/// How long an answer can be replayed.
const RETENTION: Duration = Duration::from_secs(24 * 3600);

/// Longer than the timeout of any HTTP function.
const LEASE: Duration = Duration::from_secs(35);

/// More transactions no request makes.
const MAX_STEPS: usize = 200;

/// Larger answers are read again instead of stored.
const MAX_STORED_BODY: usize = 64 * 1024;

millwright_core::wire_enum! {
    enum State {
        InProgress = "in_progress",
        Completed = "completed",
    }
}

/// What was sent with the key: another body, path or query under the same key is a mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint(String);

impl Fingerprint {
    pub(crate) fn of(parts: &Parts, body: &[u8]) -> Fingerprint {
        let mut context = digest::Context::new(&digest::SHA256);
        Fingerprint::each_part(parts, body, |part| context.update(part));
        Fingerprint(URL_SAFE_NO_PAD.encode(context.finish()))
    }

    /// By a key of the tenant, for requests that carry secrets.
    pub(crate) fn keyed(key: &hmac::Key, parts: &Parts, body: &[u8]) -> Fingerprint {
        let mut context = hmac::Context::with_key(key);
        Fingerprint::each_part(parts, body, |part| context.update(part));
        Fingerprint(URL_SAFE_NO_PAD.encode(context.sign()))
    }

    fn each_part(parts: &Parts, body: &[u8], mut update: impl FnMut(&[u8])) {
        // Sorted: not every gateway keeps the order of parameters.
        let mut query: Vec<&str> = parts.uri.query().unwrap_or_default().split('&').collect();
        query.sort_unstable();
        for part in [parts.uri.path().as_bytes(), query.join("&").as_bytes(), body] {
            update(&(part.len() as u64).to_be_bytes());
            update(part);
        }
    }
}

/// The stored record.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    #[serde(skip)]
    place: Option<(String, &'static str, String)>,
    state: State,
    claim: String,
    fingerprint: String,
    /// Until then nobody else may claim the key: the end of the lease, then of the retention.
    held_until: Timestamp,
    created_at: Timestamp,
    status: Option<u16>,
    body: Option<String>,
    /// Version of the answered representation.
    answered_version: Option<u64>,
    location: Option<String>,
    resource: Option<String>,
}

impl Item for Record {
    const KIND: &'static str = "idempotency";

    fn key(&self, tenant: &Tenant) -> Key {
        match &self.place {
            Some((actor, operation, key)) => {
                record_partition(tenant, actor, operation, key).at(RECORD)
            }
            // Only a decoded record has no place, and nobody writes one back.
            None => Partition::of(tenant).and("IDEM").at(""),
        }
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        Some(self.created_at.plus(RETENTION).plus(LEASE))
    }
}

/// `ORG#<org>#IDEM#<caller>#<operation>` / SHA-256 of the key: keys are the caller's to choose.
fn record_partition(tenant: &Tenant, actor: &str, operation: &str, key: &str) -> Partition {
    let hash = URL_SAFE_NO_PAD.encode(digest(&digest::SHA256, key.as_bytes()));
    Partition::of(tenant).and("IDEM").and(actor).and(operation).and(hash)
}

const RECORD: &str = "RECORD";
const STEP: &str = "STEP#";

/// What one of several transactions of a submission came to: kept beside the record, so that who
/// takes over goes on where a process died.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StepRecord {
    #[serde(skip)]
    place: Option<Key>,
    fingerprint: String,
    body: String,
    created_at: Timestamp,
}

impl Item for StepRecord {
    const KIND: &'static str = "idempotency_step";

    fn key(&self, tenant: &Tenant) -> Key {
        // Only a decoded record has no place, and nobody writes one back.
        self.place.clone().unwrap_or_else(|| Partition::of(tenant).and("IDEM").at(""))
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        Some(self.created_at.plus(RETENTION).plus(LEASE))
    }
}

/// The right to carry out a submission.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    partition: Partition,
    tenant: Tenant,
    id: String,
    fingerprint: String,
    settled: Arc<AtomicBool>,
    claimed_at: Timestamp,
}

pub(crate) enum Claimed {
    First(Claim),
    Replay(Response),
}

impl Claim {
    /// The same for every attempt at the same submission, by whatever process.
    pub(crate) fn submission(&self) -> String {
        format!("{}#{}", self.partition.as_str(), self.fingerprint)
    }
}

/// Tells the edge to read `resource` again and answer with `status`.
#[derive(Clone, Debug)]
pub(crate) struct ReadAgain {
    pub(crate) resource: String,
    pub(crate) status: StatusCode,
    pub(crate) location: Option<String>,
}

pub(crate) async fn claim(
    store: &Store,
    caller: &Caller,
    operation: &'static str,
    key: &str,
    fingerprint: Fingerprint,
) -> Result<Claimed> {
    let (tenant, now) = (caller.tenant(), store.clock().now());
    let id = store.ids().next_uuid().to_string();
    let record = Record {
        place: Some((caller.actor().to_owned(), operation, key.to_owned())),
        state: State::InProgress,
        claim: id.clone(),
        fingerprint: fingerprint.0.clone(),
        held_until: now.plus(LEASE),
        created_at: now,
        status: None,
        body: None,
        answered_version: None,
        location: None,
        resource: None,
    };
    let free = Condition::default().less_than("heldUntil", now).or_attribute_absent("heldUntil");
    let standing: Option<Record> = match store.put_when(&tenant, &record, &free).await? {
        Some(standing) => Some(standing.decode()?),
        None => None,
    };
    // The SDK repeats a call whose answer was lost: then what stands in the way is this very claim.
    let Some(standing) = standing.filter(|standing| standing.claim != id) else {
        return Ok(Claimed::First(Claim {
            partition: record_partition(&tenant, caller.actor(), operation, key),
            tenant,
            id,
            fingerprint: fingerprint.0,
            settled: Arc::default(),
            claimed_at: now,
        }));
    };
    if standing.fingerprint != fingerprint.0 {
        return Err(mismatch());
    }
    match standing.state {
        State::InProgress => {
            let detail = "the first request with this Idempotency-Key has not ended yet";
            let rest = standing.held_until.since(now).min(Duration::from_secs(1));
            Err(Error::new(codes::IDEMPOTENCY_IN_FLIGHT, detail).retry_after(rest))
        }
        State::Completed => Ok(Claimed::Replay(replay(standing))),
    }
}

fn mismatch() -> Error {
    let detail = "this Idempotency-Key was sent with another request: use a new one";
    Error::new(codes::IDEMPOTENCY_MISMATCH, detail)
}

fn replay(record: Record) -> Response {
    let status = record.status.and_then(|status| StatusCode::from_u16(status).ok());
    let status = status.unwrap_or(StatusCode::OK);
    let mut response = match (record.body, record.resource) {
        (None, Some(resource)) if status != StatusCode::NO_CONTENT => {
            let mut response = status.into_response();
            let again = ReadAgain { resource, status, location: record.location };
            response.extensions_mut().insert(again);
            response
        }
        (body, resource) => Rendered {
            replayed: None,
            status,
            body,
            version: record.answered_version,
            location: record.location,
            resource,
        }
        .into_response(),
    };
    response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
    response
}

impl Claim {
    /// Adds the completion of the record to the transaction of the effects.
    pub(crate) fn complete(&self, transaction: &mut Transaction, answer: &Rendered) -> Step {
        let mut update = Update::when(self.mine())
            .set("state", State::Completed.as_str())
            .set("status", answer.status.as_u16())
            .set("heldUntil", self.claimed_at.plus(RETENTION));
        if let Some(version) = answer.version {
            update = update.set("answeredVersion", version);
        }
        if let Some(location) = &answer.location {
            update = update.set("location", location);
        }
        if let Some(resource) = &answer.resource {
            update = update.set("resource", resource);
        }
        match answer.replayed.as_ref().or(answer.body.as_ref()) {
            Some(body) if body.len() <= MAX_STORED_BODY || answer.resource.is_none() => {
                update = update.set("body", body);
            }
            _ => {}
        }
        let step = transaction.update(&self.record(), &update);
        transaction.refused_as(step, Claim::taken_over())
    }

    fn record(&self) -> Key {
        self.partition.clone().at(RECORD)
    }

    fn mine(&self) -> Condition {
        Condition::default().equals("claim", &self.id).equals("state", State::InProgress.as_str())
    }

    /// Adds the result of one of several transactions to it: two items.
    pub(crate) fn keep_step(
        &self,
        transaction: &mut Transaction,
        number: usize,
        answer: &Rendered,
    ) -> Step {
        transaction.create(&StepRecord {
            place: Some(self.partition.clone().at(format!("{STEP}{number:05}"))),
            fingerprint: self.fingerprint.clone(),
            body: answer.body.clone().unwrap_or_default(),
            created_at: self.claimed_at,
        });
        let step = transaction.check(&self.record(), self.mine());
        transaction.refused_as(step, Claim::taken_over())
    }

    /// What was kept before, by whoever had the claim. One Query.
    ///
    /// # Errors
    /// `idempotency_mismatch` if it was kept for another request.
    pub(crate) async fn steps(&self, store: &Store) -> Result<Vec<String>> {
        let query = Query::partition(self.partition.clone()).starting_with(STEP);
        let mut bodies = Vec::new();
        for item in store.collect(&query, MAX_STEPS).await? {
            let step: StepRecord = item.decode()?;
            if step.fingerprint != self.fingerprint {
                return Err(mismatch());
            }
            bodies.push(step.body);
        }
        Ok(bodies)
    }

    pub(crate) fn taken_over() -> Error {
        let detail = "the lease of this Idempotency-Key has lapsed and another request took over";
        Error::new(codes::IDEMPOTENCY_IN_FLIGHT, detail).retry_after(Duration::from_secs(1))
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.settled.load(Ordering::SeqCst)
    }

    /// The record is complete.
    pub(crate) fn settle(&self) {
        self.settled.store(true, Ordering::SeqCst);
    }

    /// Gives the key back after a request without effects. One conditional delete; none if the
    /// record is complete. If it fails the lease lapses by itself.
    pub(crate) async fn release(&self, store: &Store) {
        if self.settled.load(Ordering::SeqCst) {
            return;
        }
        let mut transaction = store.transaction(&self.tenant);
        transaction.delete_when(&self.record(), self.mine());
        if let Err(error) = transaction.attempt().await {
            tracing::warn!(%error, "an idempotency claim could not be given back");
        }
    }
}
