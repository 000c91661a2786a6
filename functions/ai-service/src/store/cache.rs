//! Answers that are kept for requests that come again.

use millwright_core::{Tenant, Timestamp};
use millwright_store::{Item, Key, Partition};
use serde::{Deserialize, Serialize};

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
