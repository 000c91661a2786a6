//! Notes of values that are in the secret store before their secret is in the table.

use millwright_core::{Tenant, Timestamp};
use millwright_store::{IndexKeys, Item, Key, Partition};
use serde::{Deserialize, Serialize};

use super::{DueThing, due_at};
use crate::domain::{FINISHED_WITHIN, SecretId};

/// That the first value of a secret is being put. It goes when the secret is created; else the sweep
/// finds it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredNote {
    pub secret_id: SecretId,
    pub since: Timestamp,
}

pub fn notes_of(tenant: &Tenant) -> Partition {
    Partition::of(tenant).and("STORING")
}

impl StoredNote {
    pub fn place(tenant: &Tenant, secret: SecretId) -> Key {
        notes_of(tenant).at(secret)
    }
}

impl Item for StoredNote {
    const KIND: &'static str = "stored_note";

    fn key(&self, tenant: &Tenant) -> Key {
        StoredNote::place(tenant, self.secret_id)
    }

    fn index_keys(&self, tenant: &Tenant) -> IndexKeys {
        let due = Some(self.since.plus(FINISHED_WITHIN));
        due_at(IndexKeys::default(), tenant, due, DueThing::Stored(self.secret_id))
    }
}
