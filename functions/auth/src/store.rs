//! What auth stores, and where: the only module that names DynamoDB.
//!
//! O = `ORG#<organization>`.
//!
//! | pattern | key condition | index |
//! |---|---|---|
//! | one session | pk `O#SESSION#<id>`, sk `HEAD` | - |
//! | was there one? | pk `O#SESSION#<id>`, sk `GONE` | - |
//! | a title, once | pk `O#UNIQ`, sk `TITLE#<folded title>` | - |
//! | sessions by title | pk `O#SESSIONS`, sk `<folded title>` | gsi1 |
//!
//! Outbox, idempotency records and denial marks are those of the shared crates. No transaction has
//! more than four items.

use millwright_core::{Tenant, Timestamp};
use millwright_store::{Index, IndexKeys, Item, Key, Partition};
use serde::{Deserialize, Serialize};

use crate::domain::{Session, SessionBody, SessionId, SessionSummary};

pub fn by_title(tenant: &Tenant) -> Partition {
    Partition::of(tenant).and("SESSIONS")
}

/// A stored session. Indexes show `version` and `summary`, and nothing else.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SessionItem {
    pub version: u64,
    pub summary: SessionSummary,
    pub body: SessionBody,
}

impl SessionItem {
    pub fn of(whole: &Session) -> SessionItem {
        let Session { summary, body } = whole.clone();
        SessionItem { version: summary.version, summary, body }
    }

    pub fn whole(self) -> Session {
        Session { summary: self.summary, body: self.body }
    }

    pub fn place(tenant: &Tenant, id: SessionId) -> Key {
        Partition::of(tenant).and("SESSION").and(id).at("HEAD")
    }
}

impl Item for SessionItem {
    const KIND: &'static str = "session";

    fn key(&self, tenant: &Tenant) -> Key {
        SessionItem::place(tenant, self.summary.id)
    }

    fn index_keys(&self, tenant: &Tenant) -> IndexKeys {
        IndexKeys::default().on(Index::Gsi1, by_title(tenant), self.summary.folded_title())
    }
}

/// Remembers that there was one, without a word of it: who deletes twice is answered twice.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionTombstone {
    pub id: SessionId,
    pub deleted_at: Timestamp,
}

impl SessionTombstone {
    pub fn place(tenant: &Tenant, id: SessionId) -> Key {
        Partition::of(tenant).and("SESSION").and(id).at("GONE")
    }
}

impl Item for SessionTombstone {
    const KIND: &'static str = "session_tombstone";

    fn key(&self, tenant: &Tenant) -> Key {
        SessionTombstone::place(tenant, self.id)
    }
}

/// A title is held by one session at a time.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TitleMarker {
    pub folded_title: String,
    pub holder_id: SessionId,
}

impl TitleMarker {
    pub fn of(summary: &SessionSummary) -> TitleMarker {
        TitleMarker { folded_title: summary.folded_title(), holder_id: summary.id }
    }
}

impl Item for TitleMarker {
    const KIND: &'static str = "title";

    fn key(&self, tenant: &Tenant) -> Key {
        Partition::of(tenant).and("UNIQ").at(format!("TITLE#{}", self.folded_title))
    }
}
