//! What was deleted is remembered: who deletes twice is answered twice.

use millwright_core::{Id, Noun, Tenant, Timestamp};
use millwright_store::{Item, Key, Partition};
use serde::{Deserialize, Serialize};

/// There was one, without a word of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tombstone {
    pub id: String,
    pub deleted_at: Timestamp,
}

impl Tombstone {
    pub fn of<N: Noun>(id: &Id<N>, deleted_at: Timestamp) -> Tombstone {
        Tombstone { id: id.to_string(), deleted_at }
    }

    pub fn place<N: Noun>(tenant: &Tenant, id: &Id<N>) -> Key {
        Partition::of(tenant).and("GONE").at(id)
    }
}

impl Item for Tombstone {
    const KIND: &'static str = "tombstone";

    fn key(&self, tenant: &Tenant) -> Key {
        Partition::of(tenant).and("GONE").at(&self.id)
    }
}
