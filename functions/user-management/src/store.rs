//! What user-management stores, and where: the only module that names DynamoDB.
//!
//! O = `ORG#<organization>`.
//!
//! | pattern | key condition | index |
//! |---|---|---|
//! | one organization | pk `O#ORGANIZATION#<id>`, sk `HEAD` | - |
//! | was there one? | pk `O#ORGANIZATION#<id>`, sk `GONE` | - |
//! | a title, once | pk `O#UNIQ`, sk `TITLE#<folded title>` | - |
//! | organizations by title | pk `O#ORGANIZATIONS`, sk `<folded title>` | gsi1 |
//!
//! Outbox, idempotency records and denial marks are those of the shared crates. No transaction has
//! more than four items.

use millwright_core::{Tenant, Timestamp};
use millwright_store::{Index, IndexKeys, Item, Key, Partition};
use serde::{Deserialize, Serialize};

use crate::domain::{Organization, OrganizationBody, OrganizationId, OrganizationSummary};

pub fn by_title(tenant: &Tenant) -> Partition {
    Partition::of(tenant).and("ORGANIZATIONS")
}

/// A stored organization. Indexes show `version` and `summary`, and nothing else.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OrganizationItem {
    pub version: u64,
    pub summary: OrganizationSummary,
    pub body: OrganizationBody,
}

impl OrganizationItem {
    pub fn of(whole: &Organization) -> OrganizationItem {
        let Organization { summary, body } = whole.clone();
        OrganizationItem { version: summary.version, summary, body }
    }

    pub fn whole(self) -> Organization {
        Organization { summary: self.summary, body: self.body }
    }

    pub fn place(tenant: &Tenant, id: OrganizationId) -> Key {
        Partition::of(tenant).and("ORGANIZATION").and(id).at("HEAD")
    }
}

impl Item for OrganizationItem {
    const KIND: &'static str = "organization";

    fn key(&self, tenant: &Tenant) -> Key {
        OrganizationItem::place(tenant, self.summary.id)
    }

    fn index_keys(&self, tenant: &Tenant) -> IndexKeys {
        IndexKeys::default().on(Index::Gsi1, by_title(tenant), self.summary.folded_title())
    }
}

/// Remembers that there was one, without a word of it: who deletes twice is answered twice.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationTombstone {
    pub id: OrganizationId,
    pub deleted_at: Timestamp,
}

impl OrganizationTombstone {
    pub fn place(tenant: &Tenant, id: OrganizationId) -> Key {
        Partition::of(tenant).and("ORGANIZATION").and(id).at("GONE")
    }
}

impl Item for OrganizationTombstone {
    const KIND: &'static str = "organization_tombstone";

    fn key(&self, tenant: &Tenant) -> Key {
        OrganizationTombstone::place(tenant, self.id)
    }
}

/// A title is held by one organization at a time.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TitleMarker {
    pub folded_title: String,
    pub holder_id: OrganizationId,
}

impl TitleMarker {
    pub fn of(summary: &OrganizationSummary) -> TitleMarker {
        TitleMarker { folded_title: summary.folded_title(), holder_id: summary.id }
    }
}

impl Item for TitleMarker {
    const KIND: &'static str = "title";

    fn key(&self, tenant: &Tenant) -> Key {
        Partition::of(tenant).and("UNIQ").at(format!("TITLE#{}", self.folded_title))
    }
}
