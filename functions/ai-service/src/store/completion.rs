//! Completions: the request log.

use std::time::Duration;

use millwright_core::{Tenant, Timestamp, UserId};
use millwright_store::{GlobalPartition, Index, IndexKeys, Item, Key, Partition};
use serde::{Deserialize, Serialize};

use crate::completion::{
    CompletionDetail, CompletionId, CompletionStatus, CompletionSummary, OPEN_FOR,
};

/// Partitions of a day, so that one organization's flood is no hot key.
pub const SHARDS: u8 = 8;
/// Partitions of what is open.
pub const OPEN_SHARDS: u8 = 4;

/// A completion.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CompletionItem {
    pub version: u64,
    pub summary: CompletionSummary,
    pub detail: CompletionDetail,
    /// For how many days it is kept.
    pub kept_days: u32,
}

/// `yyyymmdd` in UTC.
pub fn day_of(at: Timestamp) -> String {
    at.hour_bucket()[..8].to_owned()
}

/// The moment of an id: its first 48 bits are the milliseconds since 1970.
pub fn moment_of_id(id: CompletionId) -> Timestamp {
    let bytes = id.uuid().into_bytes();
    let milliseconds = bytes.iter().take(6).fold(0_i64, |sum, byte| sum << 8 | i64::from(*byte));
    Timestamp::from_millisecond(milliseconds)
}

fn shard_of(id: CompletionId, shards: u8) -> u8 {
    // The last bytes are random.
    id.uuid().into_bytes()[15] % shards
}

/// The completions of a day that are in this shard; ids rise with time.
pub fn completions_of_day(tenant: &Tenant, day: &str, shard: u8) -> Partition {
    Partition::of(tenant).and("CMP").and(day).and(shard)
}

/// The completions of a person on a day.
pub fn completions_of_user(tenant: &Tenant, user: UserId, day: &str) -> Partition {
    Partition::of(tenant).and("USER").and(user).and(day)
}

/// Completions of all organizations that have not ended, by when they must have.
pub struct OpenCompletions(pub u8);

impl GlobalPartition for OpenCompletions {
    fn partition(&self) -> String {
        format!("OPEN#{}", self.0)
    }
}

impl CompletionItem {
    pub fn place(tenant: &Tenant, id: CompletionId) -> Key {
        completions_of_day(tenant, &day_of(moment_of_id(id)), shard_of(id, SHARDS)).at(id)
    }
}

impl Item for CompletionItem {
    const KIND: &'static str = "completion";

    fn key(&self, tenant: &Tenant) -> Key {
        CompletionItem::place(tenant, self.summary.id)
    }

    fn index_keys(&self, tenant: &Tenant) -> IndexKeys {
        let CompletionSummary { id, user_id, created_at, status, .. } = &self.summary;
        let mut keys = IndexKeys::default();
        if let Some(user) = user_id {
            let partition = completions_of_user(tenant, *user, &day_of(moment_of_id(*id)));
            keys = keys.on(Index::Gsi1, partition, id);
        }
        if *status == CompletionStatus::InProgress {
            let partition = Partition::global(&OpenCompletions(shard_of(*id, OPEN_SHARDS)));
            keys = keys.on(Index::Gsi3, partition, format!("{}#{id}", created_at.plus(OPEN_FOR)));
        }
        keys
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        let kept = Duration::from_secs(u64::from(self.kept_days) * 24 * 3_600);
        Some(self.summary.created_at.plus(kept))
    }
}

/// Somebody wants a completion to end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CancelMark {
    pub id: CompletionId,
    pub at: Timestamp,
}

impl CancelMark {
    pub fn place(tenant: &Tenant, id: CompletionId) -> Key {
        Partition::of(tenant).and("CANCEL").and(id).at("MARK")
    }
}

impl Item for CancelMark {
    const KIND: &'static str = "cancel_mark";

    fn key(&self, tenant: &Tenant) -> Key {
        CancelMark::place(tenant, self.id)
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        Some(self.at.plus(OPEN_FOR))
    }
}
