//! How many keys somebody has.

use millwright_access::api_keys::{KeyId, keys_of};
use millwright_core::{Tenant, Timestamp, UserId};
use millwright_store::{Condition, Index, Item, Key, Query};
use serde::{Deserialize, Serialize};

/// Whose keys are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Owner {
    Person(UserId),
    Organization,
}

/// A key that counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeySlot {
    pub id: KeyId,
    pub folded_name: String,
    pub expires_at: Timestamp,
}

/// The keys of an owner that are not revoked, with their names. Whoever changes one changes this
/// item in the same transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeySlots {
    pub owner: Owner,
    pub keys: Vec<KeySlot>,
    /// 0 before the first.
    pub version: u64,
}

impl KeySlots {
    pub fn none(owner: Owner) -> KeySlots {
        KeySlots { owner, keys: Vec::new(), version: 0 }
    }

    /// What must hold for the next one to be written.
    pub fn unchanged(&self) -> Condition {
        match self.version {
            0 => Condition::absent(),
            version => Condition::version(version),
        }
    }
}

pub fn slots_key(organization: &Tenant, owner: Owner) -> Key {
    keys_of(organization).at(match owner {
        Owner::Person(user) => format!("COUNT#{user}"),
        Owner::Organization => "COUNT#service".to_owned(),
    })
}

impl Item for KeySlots {
    const KIND: &'static str = "key_slots";

    fn key(&self, tenant: &Tenant) -> Key {
        slots_key(tenant, self.owner)
    }
}

/// Personal keys, of one person or of all; newest first for one.
pub fn personal_keys_of(organization: &Tenant, user: Option<UserId>) -> Query {
    let prefix = user.map_or_else(|| "PERSONAL#".to_owned(), |user| format!("PERSONAL#{user}#"));
    Query::index(Index::Gsi1, keys_of(organization)).starting_with(prefix).descending(true)
}

/// Service keys, newest first.
pub fn service_keys_of(organization: &Tenant) -> Query {
    Query::index(Index::Gsi1, keys_of(organization)).starting_with("SERVICE#").descending(true)
}
