//! Envelope, outbox, inbox and batches, against DynamoDB in memory where they write.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "tests vouch for their tenants")]

mod batch;
mod envelope;
mod inbox;
mod outbox;

use millwright_core::{Clock, Error, OrgId, Tenant, Timestamp, Voucher, codes};
use millwright_event::{Cause, Envelope, Event};
use millwright_testkit::{Database, beginning};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// An event of a service of the tests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
struct Rang {
    bell: String,
}

impl Event for Rang {
    const TYPE: &'static str = "tower.bell.rang";
    const VERSION: u32 = 3;
    const SERVICE: &'static str = "tower";

    fn subject(&self) -> String {
        self.bell.chars().take(10).collect()
    }

    fn example() -> Rang {
        Rang { bell: "bell_1".into() }
    }
}

fn tenant() -> Tenant {
    Tenant::vouched(OrgId::from_uuid(Uuid::from_u128(1)), Voucher::Test)
}

fn cause() -> Cause {
    Cause {
        tenant: tenant(),
        actor_id: "usr_1".into(),
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
        correlation_id: "req_1".into(),
        causation_id: None,
    }
}

fn rang(number: u128) -> Envelope {
    envelope_of(&Rang { bell: format!("bell_{number}") }, number, beginning())
}

fn envelope_of(event: &Rang, id: u128, time: Timestamp) -> Envelope {
    Envelope::new(event, Uuid::from_u128(id), time, &cause()).unwrap()
}

async fn database() -> Database {
    Database::start("tower", Clock::fixed(beginning())).await
}

/// A failure of ours whose log line says this.
#[track_caller]
fn assert_internal(error: &Error, says: &str) {
    assert_eq!(error.code(), codes::INTERNAL);
    assert!(error.internal_message().is_some_and(|message| message.contains(says)), "{error}");
}
