//! Answers that are kept for requests that come again.

use millwright_core::{Tenant, Timestamp, UserId};
use millwright_store::{GlobalPartition, Index, IndexKeys, Item, Key, Partition};
use serde::{Deserialize, Serialize};

use super::entry::configuration_of;
use crate::domain::{ModelId, Purge};

/// An answer, as its surface says it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CachedItem {
    /// 64 hexadecimal digits.
    pub digest: String,
    /// JSON of the surface; a string, since numbers of DynamoDB are not those of JSON.
    pub body: String,
    /// Fields that the provider did not get.
    pub dropped: Vec<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

impl CachedItem {
    pub fn place(tenant: &Tenant, digest: &str) -> Key {
        Partition::of(tenant).and("CACHE").and(digest).at("ANSWER")
    }
}

impl Item for CachedItem {
    const KIND: &'static str = "cached";

    fn key(&self, tenant: &Tenant) -> Key {
        CachedItem::place(tenant, &self.digest)
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        Some(self.expires_at)
    }
}

/// Where an answer is, and what it was made with: what a purge goes through, without the answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CachedMark {
    pub digest: String,
    pub model_id: ModelId,
    /// Whose alone it is.
    pub user_id: Option<UserId>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

impl CachedMark {
    /// Of all answers of the organization.
    pub fn all(tenant: &Tenant) -> Partition {
        Partition::of(tenant).and("CACHED")
    }
}

impl Item for CachedMark {
    const KIND: &'static str = "cached_mark";

    fn key(&self, tenant: &Tenant) -> Key {
        CachedMark::all(tenant).at(format!("{}#{}", self.model_id, self.digest))
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        Some(self.expires_at)
    }
}

/// Answers that somebody wants to be gone. It is part of the configuration, so whoever reads that
/// gives none of them any more; the sweep deletes them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PurgeItem {
    /// What the index shows.
    pub summary: Purge,
    /// Its moment: of the same subject the last one counts.
    pub at: Timestamp,
    /// True once the sweep has deleted them.
    pub is_done: bool,
}

impl PurgeItem {
    pub const KIND: &'static str = "cache_purge";

    pub fn of(purge: Purge) -> PurgeItem {
        PurgeItem { summary: purge, at: purge.at, is_done: false }
    }

    pub fn place(tenant: &Tenant, purge: &Purge) -> Key {
        let model = purge.model_id.map_or_else(|| "*".to_owned(), |id| id.to_string());
        let user = purge.user_id.map_or_else(|| "*".to_owned(), |id| id.to_string());
        configuration_of(tenant).at(format!("PURGED#{model}#{user}"))
    }
}

/// Purges of all organizations that the sweep has not done, by time.
pub struct OpenPurges;

impl GlobalPartition for OpenPurges {
    fn partition(&self) -> String {
        "PURGES".to_owned()
    }
}

impl Item for PurgeItem {
    const KIND: &'static str = PurgeItem::KIND;

    fn key(&self, tenant: &Tenant) -> Key {
        PurgeItem::place(tenant, &self.summary)
    }

    fn index_keys(&self, tenant: &Tenant) -> IndexKeys {
        let keys = IndexKeys::default();
        if self.is_done {
            return keys;
        }
        let place = PurgeItem::place(tenant, &self.summary);
        let sort_key = format!("{}#{}#{}", self.at, place.partition(), place.sort_key());
        keys.on(Index::Gsi3, Partition::global(&OpenPurges), sort_key)
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        // Every answer that it is about has expired by then.
        Some(self.at.plus(Purge::KEPT))
    }
}
