//! What usage-tracking stores, and where: the only module that names DynamoDB.
//!
//! O = `ORG#<organization>`.
//!
//! | pattern | key condition | index |
//! |---|---|---|
//! | one quota | pk `O#QUOTA#<id>`, sk `HEAD` | - |
//! | was there one? | pk `O#QUOTA#<id>`, sk `GONE` | - |
//! | a title, once | pk `O#UNIQ`, sk `TITLE#<folded title>` | - |
//! | quotas by title | pk `O#QUOTAS`, sk `<folded title>` | gsi1 |
//!
//! Outbox, idempotency records and denial marks are those of the shared crates. No transaction has
//! more than four items.

use millwright_core::{Tenant, Timestamp};
use millwright_store::{Index, IndexKeys, Item, Key, Partition};
use serde::{Deserialize, Serialize};

use crate::domain::{Quota, QuotaBody, QuotaId, QuotaSummary};

pub fn by_title(tenant: &Tenant) -> Partition {
    Partition::of(tenant).and("QUOTAS")
}

/// A stored quota. Indexes show `version` and `summary`, and nothing else.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct QuotaItem {
    pub version: u64,
    pub summary: QuotaSummary,
    pub body: QuotaBody,
}

impl QuotaItem {
    pub fn of(whole: &Quota) -> QuotaItem {
        let Quota { summary, body } = whole.clone();
        QuotaItem { version: summary.version, summary, body }
    }

    pub fn whole(self) -> Quota {
        Quota { summary: self.summary, body: self.body }
    }

    pub fn place(tenant: &Tenant, id: QuotaId) -> Key {
        Partition::of(tenant).and("QUOTA").and(id).at("HEAD")
    }
}

impl Item for QuotaItem {
    const KIND: &'static str = "quota";

    fn key(&self, tenant: &Tenant) -> Key {
        QuotaItem::place(tenant, self.summary.id)
    }

    fn index_keys(&self, tenant: &Tenant) -> IndexKeys {
        IndexKeys::default().on(Index::Gsi1, by_title(tenant), self.summary.folded_title())
    }
}

/// Remembers that there was one, without a word of it: who deletes twice is answered twice.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QuotaTombstone {
    pub id: QuotaId,
    pub deleted_at: Timestamp,
}

impl QuotaTombstone {
    pub fn place(tenant: &Tenant, id: QuotaId) -> Key {
        Partition::of(tenant).and("QUOTA").and(id).at("GONE")
    }
}

impl Item for QuotaTombstone {
    const KIND: &'static str = "quota_tombstone";

    fn key(&self, tenant: &Tenant) -> Key {
        QuotaTombstone::place(tenant, self.id)
    }
}

/// A title is held by one quota at a time.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TitleMarker {
    pub folded_title: String,
    pub holder_id: QuotaId,
}

impl TitleMarker {
    pub fn of(summary: &QuotaSummary) -> TitleMarker {
        TitleMarker { folded_title: summary.folded_title(), holder_id: summary.id }
    }
}

impl Item for TitleMarker {
    const KIND: &'static str = "title";

    fn key(&self, tenant: &Tenant) -> Key {
        Partition::of(tenant).and("UNIQ").at(format!("TITLE#{}", self.folded_title))
    }
}
