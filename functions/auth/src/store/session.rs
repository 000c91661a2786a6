//! Sessions, and how many there are.

use std::time::Duration;

use millwright_core::{OrgId, SessionId, Tenant, Timestamp};
use millwright_store::{Condition, Item, Key, Partition, Query, RawItem, Update};
use serde::{Deserialize, Serialize};

use crate::domain::{IdentityId, RevokedReason, Session};

const SESSIONS: &str = "SESSION#";

/// How long a session that is over can be listed.
const LISTED: Duration = Duration::from_secs(30 * 24 * 3600);

pub fn session_key(person: &Tenant, id: SessionId) -> Key {
    Partition::of(person).at(format!("{SESSIONS}{id}"))
}

/// Newest first.
pub fn sessions_of(person: &Tenant) -> Query {
    Query::partition(Partition::of(person)).starting_with(SESSIONS).descending(true)
}

/// Where an export of a person has come with the keys: no item is there.
pub fn exported_key(person: &Tenant, organization: OrgId, key: &str) -> Key {
    Partition::of(person).at(format!("KEYS#{organization}#{key}"))
}

/// Sessions, identities, their head and marks of activity: all that is a person's but the history.
pub fn everything_of(person: &Tenant) -> Query {
    Query::partition(Partition::of(person))
}

/// Where an item of [`everything_of`] is.
pub fn placed(person: &Tenant, item: &RawItem) -> Key {
    Partition::of(person).at(item.sort_key())
}

impl Item for Session {
    const KIND: &'static str = "session";

    fn key(&self, tenant: &Tenant) -> Key {
        session_key(tenant, self.id)
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        Some(self.revoked_at.unwrap_or(self.expires_at).plus(LISTED))
    }
}

/// Revokes a session, whatever else has changed of it meanwhile. Refused if it is revoked.
pub fn revocation(reason: RevokedReason, now: Timestamp) -> Update {
    Update::when(Condition::exists().equals("revokedAt", None::<Timestamp>))
        .set("revokedAt", now)
        .set("revokedReason", reason)
        .set("ttl", now.plus(LISTED).as_second())
        .add("version", 1)
}

/// Active sessions and identities of a person. Whoever changes either changes this item in the same
/// transaction, so that both numbers are exact.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PersonHead {
    /// Also those that have expired since.
    pub sessions: Vec<SessionId>,
    pub identities: Vec<IdentityId>,
    /// 0 before the first.
    pub version: u64,
}

impl PersonHead {
    /// What must hold for the next one to be written.
    pub fn unchanged(&self) -> Condition {
        match self.version {
            0 => Condition::absent(),
            version => Condition::version(version),
        }
    }
}

pub fn head_key(person: &Tenant) -> Key {
    Partition::of(person).at("SESSIONS")
}

impl Item for PersonHead {
    const KIND: &'static str = "person_head";

    fn key(&self, tenant: &Tenant) -> Key {
        head_key(tenant)
    }
}
