//! How many keys somebody has.

use std::time::Duration;

use millwright_access::api_keys::{KeyId, KeySummary, keys_of};
use millwright_core::{OrgId, Tenant, Timestamp, UserId};
use millwright_store::{Condition, GlobalPartition, Index, Item, Key, Partition, Query};
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

    /// Those that are left.
    pub fn without(&self, gone: &[KeyId]) -> KeySlots {
        let keys = self.keys.iter().filter(|it| !gone.contains(&it.id)).cloned().collect();
        KeySlots { owner: self.owner, keys, version: self.version + 1 }
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
        Owner::Person(user) => format!("{COUNTS}{user}"),
        Owner::Organization => format!("{COUNTS}service"),
    })
}

const COUNTS: &str = "COUNT#";

/// Of every owner in an organization.
pub fn all_slots_of(organization: &Tenant) -> Query {
    Query::partition(keys_of(organization)).starting_with(COUNTS)
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

/// Every key of an organization, whoever has it and whether it is over.
pub fn all_keys_of(organization: &Tenant) -> Query {
    Query::index(Index::Gsi1, keys_of(organization))
}

/// A key that somebody has to be told of before it expires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExpiryMark {
    pub key_id: KeyId,
    pub organization_id: OrgId,
    pub expires_at: Timestamp,
}

/// So long before it expires.
const NOTICE: Duration = Duration::from_secs(7 * 24 * 3600);

impl ExpiryMark {
    pub fn of(summary: &KeySummary) -> ExpiryMark {
        ExpiryMark {
            key_id: summary.id,
            organization_id: summary.organization_id,
            expires_at: summary.expires_at,
        }
    }

    /// Somebody has to be told now.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.expires_at.minus(NOTICE) <= now
    }

    pub fn place(&self) -> Key {
        Partition::global(&Expiries(date(self.expires_at))).at(self.key_id)
    }
}

struct Expiries(String);

impl GlobalPartition for Expiries {
    fn partition(&self) -> String {
        format!("EXPIRY#{}", self.0)
    }
}

/// `2026-11-23`, UTC.
fn date(at: Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}

/// The marks of keys that expire on the day (UTC) of that time.
pub fn expiries_on(day: Timestamp) -> Query {
    Query::partition(Partition::global(&Expiries(date(day))))
}

impl Item for ExpiryMark {
    const KIND: &'static str = "expiry_mark";

    fn key(&self, _tenant: &Tenant) -> Key {
        self.place()
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        Some(self.expires_at)
    }
}
