//! Denials: a log record each, and an event at most once per caller, operation and minute.

use std::{collections::HashSet, time::Duration};

use millwright_core::{Code, Result, Tenant, Timestamp};
use millwright_event::{Described, Destination, Envelope, EventType, Outbox};
use millwright_identity::{Decision, Permission};
use millwright_store::{Item, Key, Partition, Transaction};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{PartialSchema, ToSchema};

use crate::{Caller, Platform};

/// `data` of `<module>.access.denied`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccessDenied {
    /// The operation that was refused, `<noun>_<verb>`.
    operation: String,
    /// The permission that is missing.
    permission: String,
    /// The caller's role as in the credential.
    role: Option<String>,
    /// What the event stands for: this and all further denials of the minute.
    window_start: Timestamp,
}

/// The catalogue entry of a service's denial event; `name` is `<module>.access.denied`.
pub const fn access_denied_event(name: &'static str, service: &'static str) -> EventType {
    EventType {
        name,
        version: 1,
        service,
        in_organization: true,
        schema: denial_schema,
        example: denial_example,
    }
}

fn denial_schema() -> (Value, Vec<(String, Value)>) {
    let json = |schema| serde_json::to_value(schema).unwrap_or_default();
    let mut referenced = Vec::new();
    AccessDenied::schemas(&mut referenced);
    let referenced = referenced.into_iter().map(|(name, schema)| (name, json(schema))).collect();
    (json(AccessDenied::schema()), referenced)
}

/// Of no service: all of them announce their denials in this form.
fn denial_example() -> (Value, String) {
    let data = json!({
        "operation": "thing_delete",
        "permission": "module.thing.delete",
        "role": "viewer",
        "windowStart": "2026-11-23T01:04:00.000Z",
    });
    (data, "usr_01jdz7xk2nf5h9vq3w8c6m4t0b".to_owned())
}

/// The mark of a minute in which a caller was denied an operation.
#[derive(Debug, Serialize, Deserialize)]
struct DenialMark {
    caller: String,
    operation: String,
    minute: Timestamp,
}

impl Item for DenialMark {
    const KIND: &'static str = "denial";

    fn key(&self, tenant: &Tenant) -> Key {
        let DenialMark { caller, operation, minute } = self;
        Partition::of(tenant).and("DENIED").and(caller).and(operation).at(minute)
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        Some(self.minute.plus(Duration::from_secs(24 * 3600)))
    }
}

/// Denials of the running minute this instance has marked already: the table is asked once each.
#[derive(Debug, Default)]
pub(crate) struct RecentDenials {
    minute: Option<Timestamp>,
    marked: HashSet<(String, &'static str)>,
}

impl RecentDenials {
    fn is_first(&mut self, minute: Timestamp, caller: &str, operation: &'static str) -> bool {
        if self.minute != Some(minute) {
            self.minute = Some(minute);
            self.marked.clear();
        }
        self.marked.insert((caller.to_owned(), operation))
    }
}

/// What a service keeps of a denial beside its event: at most once per caller, operation and minute,
/// in the transaction of the event.
pub trait DenialRecords: Send + Sync {
    /// Adds at most a few items; `code` is the problem code of the answer.
    fn add(
        &self,
        transaction: &mut Transaction,
        caller: &Caller,
        operation: &'static str,
        code: &'static str,
    );
}

/// Records a denial. At most one transaction of two items, and what the service keeps, per caller, operation and minute; a
/// failure of it is logged and changes nothing of the answer.
pub(crate) async fn record(
    platform: &Platform,
    caller: &Caller,
    operation: &'static str,
    permission: &Permission,
    decision: &Decision,
    code: Code,
) {
    tracing::warn!(
        audit = "access_denied",
        operation,
        permission = permission.code,
        reason = ?decision.reason,
        tenant = %caller.tenant(),
        actor = caller.actor(),
        role = caller.principal.role.as_deref(),
        request_id = caller.request.request_id,
        "denied"
    );
    if let Err(error) = announce(platform, caller, operation, permission, code).await {
        tracing::error!(%error, "the denial could not be announced");
    }
}

async fn announce(
    platform: &Platform,
    caller: &Caller,
    operation: &'static str,
    permission: &Permission,
    code: Code,
) -> Result<()> {
    let Some(store) = &platform.0.store else { return Ok(()) };
    // The event is an organization's: without one, the log record is all there is.
    if caller.tenant().organization().is_none() {
        return Ok(());
    }
    let minute_milliseconds = platform.clock().now().as_millisecond().div_euclid(60_000) * 60_000;
    let minute = Timestamp::from_millisecond(minute_milliseconds);
    let who = format!("{}/{}", caller.tenant(), caller.actor());
    let is_first = platform
        .0
        .denials
        .lock()
        .is_ok_and(|mut denials| denials.is_first(minute, &who, operation));
    if !is_first {
        return Ok(());
    }
    let mut transaction = store.transaction(&caller.tenant());
    transaction.create(&DenialMark {
        caller: caller.actor().to_owned(),
        operation: operation.to_owned(),
        minute,
    });
    if let Some(records) = platform.0.denial_records.get() {
        records.add(&mut transaction, caller, operation, code.name);
    }
    let data = AccessDenied {
        operation: operation.to_owned(),
        permission: permission.code.to_owned(),
        role: caller.principal.role.clone(),
        window_start: minute,
    };
    let kind = format!("{}.access.denied", permission.module());
    let mut outbox = Outbox::new(caller.cause());
    let described = Described {
        kind: &kind,
        version: 1,
        service: platform.0.service,
        subject: caller.actor().to_owned(),
    };
    let (id, now) = (store.ids().next_uuid(), store.clock().now());
    let envelope = Envelope::compose(described, &data, id, now, outbox.cause())?;
    outbox.add(Destination::Bus, envelope);
    outbox.write(store, &mut transaction)?;
    // Another instance has marked the minute already: then it has announced it, too.
    transaction.attempt().await.map(|_| ())
}
