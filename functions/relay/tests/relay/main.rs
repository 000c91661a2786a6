//! The relay against DynamoDB in memory and an outlet that can refuse.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "tests vouch for their tenants")]

mod packing;
mod stream;
mod sweep;
mod sweep_resumes;
mod wire;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use aws_lambda_events::dynamodb::EventRecord;
use millwright_core::{Clock, OrgId, Tenant, Timestamp, Voucher};
use millwright_event::{Cause, Described, Destination, Entry, Envelope, Outbox, OutboxWatermark};
use millwright_store::{RawItem, Store};
use millwright_testkit::{Database, beginning};
use relay::{SweepReport, relay_stream, sweep};
use serde_json::json;
use uuid::Uuid;

use crate::wire::Wire;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// A table with an outbox, and where its entries go.
struct Bench {
    database: Database,
    store: Store,
    wire: Wire,
}

/// The clock stands at 01:04:58.
async fn bench() -> Bench {
    let database = Database::start("planning", Clock::fixed(beginning())).await;
    database.record_stream().await;
    let store = database.store();
    Bench { database, store, wire: Wire::default() }
}

fn tenant() -> Tenant {
    Tenant::vouched(OrgId::from_uuid(Uuid::from_u128(1)), Voucher::Test)
}

fn cause() -> Cause {
    Cause {
        tenant: tenant(),
        actor_id: "usr_1".into(),
        traceparent: None,
        correlation_id: "req_1".into(),
        causation_id: None,
    }
}

/// An event with a name of its own and about so many bytes of data.
fn envelope(id: Uuid, name: &str, bytes: usize) -> Envelope {
    let described = Described {
        kind: "planning.task.created",
        version: 1,
        service: "planning",
        subject: name.to_owned(),
    };
    let data = json!({ "title": "x".repeat(bytes) });
    Envelope::compose(described, &data, id, beginning(), &cause()).unwrap()
}

/// `bus` or `queue:<name>` as it is stored.
fn to(destination: &str) -> Destination {
    destination.parse().unwrap()
}

fn names(of: &[&str]) -> BTreeSet<String> {
    of.iter().map(|name| (*name).to_owned()).collect()
}

impl Bench {
    /// One outbox item, written as a service writes it.
    async fn say(&self, entries: &[(&str, &str)]) {
        let mut outbox = Outbox::new(cause());
        for (destination, name) in entries {
            outbox.add(to(destination), envelope(self.store.ids().next_uuid(), name, 10));
        }
        let mut transaction = self.store.transaction(&tenant());
        outbox.write(&self.store, &mut transaction).unwrap();
        transaction.commit().await.unwrap();
    }

    /// One item per name, to the bus.
    async fn say_all(&self, names: impl IntoIterator<Item = impl AsRef<str>>) {
        for name in names {
            self.say(&[("bus", name.as_ref())]).await;
        }
    }

    /// What the stream's filter lets through, oldest first.
    fn inserts(&self) -> Vec<EventRecord> {
        let is_outbox = |record: &serde_json::Value| {
            let key = record["dynamodb"]["Keys"]["pk"]["S"].as_str();
            record["eventName"] == "INSERT" && key.is_some_and(|key| key.starts_with("OUT#"))
        };
        let records = self.database.stream().into_iter().filter(is_outbox);
        records.map(|record| serde_json::from_value(record).unwrap()).collect()
    }

    /// Hands records to the relay; the sequence number that it gives back, if any.
    async fn relay(&self, records: Vec<EventRecord>) -> Option<String> {
        let stores = HashMap::from([(self.database.table().to_owned(), self.store.clone())]);
        let failures = relay_stream(&self.wire, &stores, &self.database.clock, records).await;
        assert!(failures.len() <= 1, "the first failure only: {failures:?}");
        failures.into_iter().next().map(|failure| failure.item_identifier.unwrap())
    }

    async fn sweep(&self) -> SweepReport {
        let clock = &self.database.clock;
        sweep(&self.wire, &self.store, clock, clock.now()).await.unwrap()
    }

    fn advance(&self, by: Duration) {
        self.database.clock.advance(by);
    }

    async fn outbox_items(&self) -> Vec<RawItem> {
        let items = self.database.items().await.into_iter();
        items.filter(|item| item.kind() == "outbox").collect()
    }

    /// The names in each item, with the time it was marked as sent.
    async fn marks(&self) -> BTreeMap<String, Option<String>> {
        let mut marks = BTreeMap::new();
        for item in self.outbox_items().await {
            let entries: Vec<Entry> = item.decode_attribute("entries").unwrap();
            for entry in entries {
                let mark = item.text("sentAt").map(str::to_owned);
                assert!(marks.insert(entry.envelope.subject, mark).is_none(), "names differ");
            }
        }
        marks
    }

    async fn unmarked(&self) -> BTreeSet<String> {
        self.marks().await.into_iter().filter(|(_, at)| at.is_none()).map(|(n, _)| n).collect()
    }

    async fn watermark(&self) -> Option<Timestamp> {
        let item = self.store.get_raw(&OutboxWatermark::place()).await.unwrap();
        OutboxWatermark::read(item.as_ref())
    }
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}
