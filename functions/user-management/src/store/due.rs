//! What falls due, day by day, outside every organization: the sweep works it off.

use std::fmt;

use millwright_core::{OrgId, Tenant, Timestamp, UserId};
use millwright_store::{GlobalPartition, Item, Key, Partition, Query, Store, Transaction};
use serde::{Deserialize, Serialize};

use crate::domain::InvitationId;

/// What is to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "what", content = "id")]
pub enum Due {
    /// An account is erased.
    Erasure(UserId),
    /// An organization is purged.
    Purge(OrgId),
    /// An invitation expires.
    Expiry(OrgId, InvitationId),
}

impl fmt::Display for Due {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Due::Erasure(user) => write!(f, "user#{user}"),
            Due::Purge(organization) => write!(f, "organization#{organization}"),
            Due::Expiry(_, invitation) => write!(f, "invitation#{invitation}"),
        }
    }
}

struct Day(String);

impl GlobalPartition for Day {
    fn partition(&self) -> String {
        format!("DUE#{}", self.0)
    }
}

/// `yyyy-mm-dd`.
fn day(at: Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}

/// What was due on the day of a time, until now, the earliest first.
pub fn due_on(at: Timestamp, now: Timestamp) -> Query {
    // What sorts right behind everything of this very moment.
    Query::partition(Partition::global(&Day(day(at)))).until_sort_key(format!("{now}~"))
}

/// One thing that falls due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DueItem {
    pub due: Due,
    pub due_at: Timestamp,
}

impl DueItem {
    /// It happens then. One item.
    pub fn put(transaction: &mut Transaction, due: Due, due_at: Timestamp) {
        transaction.put(&DueItem { due, due_at });
    }

    /// It does not happen then. One item.
    pub fn drop(transaction: &mut Transaction, due: Due, due_at: Timestamp) {
        transaction.remove(&DueItem { due, due_at });
    }
}

impl Item for DueItem {
    const KIND: &'static str = "due";

    fn key(&self, _tenant: &Tenant) -> Key {
        let sort_key = format!("{}#{}", self.due_at, self.due);
        Partition::global(&Day(day(self.due_at))).at(sort_key)
    }
}

/// Everything that was due before this has happened.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Swept {
    pub until: Timestamp,
}

impl Swept {
    fn place() -> Key {
        Partition::global(&Day("SWEPT".to_owned())).at("HEAD")
    }

    /// One GetItem.
    pub async fn read(store: &Store) -> millwright_core::Result<Option<Swept>> {
        store.get(&Swept::place()).await
    }
}

impl Item for Swept {
    const KIND: &'static str = "swept";

    fn key(&self, _tenant: &Tenant) -> Key {
        Swept::place()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn things_sort_by_their_time() {
        let at = |seconds| Timestamp::UNIX_EPOCH.plus(Duration::from_secs(seconds));
        let user = UserId::derived(Timestamp::UNIX_EPOCH, &[7; 10]);
        let tenant = crate::vouch::installation();
        let key = |seconds| DueItem { due: Due::Erasure(user), due_at: at(seconds) }.key(&tenant);
        assert!(key(1).sort_key() < key(2).sort_key());
        assert!(key(2).sort_key() < format!("{}~", at(2)).as_str());
        assert_eq!(key(1).partition(), "DUE#1970-01-01");
        assert_ne!(key(1).partition(), key(24 * 3600).partition());
    }
}
