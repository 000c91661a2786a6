//! What we rely on in the double of DynamoDB, and what the store makes of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "tests vouch for their tenants")]

mod double;
mod reads;
mod transactions;

use millwright_core::{Clock, OrgId, Tenant, Voucher};
use millwright_store::{Index, IndexKeys, Item, Key, Partition};
use millwright_testkit::{Database, beginning};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Something stored, in an index by its rank.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Note {
    name: String,
    version: u64,
    summary: String,
    body: String,
}

impl Note {
    fn new(name: impl Into<String>) -> Note {
        let name = name.into();
        Note { version: 1, summary: format!("summary of {name}"), body: "long".into(), name }
    }

    fn place(name: &str) -> Key {
        Partition::of(&tenant()).and("NOTE").at(name)
    }
}

impl Item for Note {
    const KIND: &'static str = "note";

    fn key(&self, tenant: &Tenant) -> Key {
        Partition::of(tenant).and("NOTE").at(&self.name)
    }

    fn index_keys(&self, tenant: &Tenant) -> IndexKeys {
        let partition = Partition::of(tenant).and("NOTES");
        IndexKeys::default().on(Index::Gsi1, partition, format!("R#{}", self.name))
    }
}

fn tenant() -> Tenant {
    Tenant::vouched(OrgId::from_uuid(Uuid::from_u128(1)), Voucher::Test)
}

async fn database() -> Database {
    Database::start("notes", Clock::fixed(beginning())).await
}
