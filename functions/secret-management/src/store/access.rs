//! Items of access records, and the counters that limit reading.

use std::time::Duration;

use millwright_core::{Error, Tenant, Timestamp};
use millwright_store::{
    Condition, Index, IndexKeys, Item, Key, Partition, Query, Step, Transaction, Update,
};
use serde::{Deserialize, Serialize};

use crate::{
    codes,
    domain::{ACCESS_RETENTION, Access, SecretId},
};

/// The shards of a day.
pub const ACCESS_SHARDS: u8 = 4;

/// A record of an access.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AccessItem {
    pub summary: Access,
}

/// `yyyymmdd`.
pub fn day_of(at: Timestamp) -> String {
    at.hour_bucket().chars().take(8).collect()
}

impl AccessItem {
    pub fn partition(tenant: &Tenant, day: &str, shard: u8) -> Partition {
        Partition::of(tenant).and("ACC").and(day).and(shard)
    }

    pub fn sort_key_of(access: &Access) -> String {
        format!("{}#{}", access.at, access.id)
    }

    /// Newest first.
    pub fn of_secret(tenant: &Tenant, secret: SecretId) -> Query {
        let partition = Partition::of(tenant).and("ACC").and(secret);
        Query::index(Index::Gsi1, partition).descending(true)
    }
}

impl Item for AccessItem {
    const KIND: &'static str = "access";

    fn key(&self, tenant: &Tenant) -> Key {
        let [.., last] = *self.summary.id.uuid().as_bytes();
        let shard = last % ACCESS_SHARDS;
        AccessItem::partition(tenant, &day_of(self.summary.at), shard)
            .at(AccessItem::sort_key_of(&self.summary))
    }

    fn index_keys(&self, tenant: &Tenant) -> IndexKeys {
        let sort_key = AccessItem::sort_key_of(&self.summary);
        match self.summary.secret_id {
            Some(secret) => {
                let partition = Partition::of(tenant).and("ACC").and(secret);
                IndexKeys::default().on(Index::Gsi1, partition, sort_key)
            }
            None => IndexKeys::default(),
        }
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        Some(self.summary.at.plus(ACCESS_RETENTION))
    }
}

/// A record of a denial: it stands among the others, and is written as the mark of it is, apart from
/// the request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeniedAccess {
    pub summary: Access,
}

impl DeniedAccess {
    fn as_access(&self) -> AccessItem {
        AccessItem { summary: self.summary.clone() }
    }
}

impl Item for DeniedAccess {
    const KIND: &'static str = "denial";

    fn key(&self, tenant: &Tenant) -> Key {
        self.as_access().key(tenant)
    }

    fn index_keys(&self, tenant: &Tenant) -> IndexKeys {
        self.as_access().index_keys(tenant)
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        self.as_access().time_to_live()
    }
}

const MINUTE: Duration = Duration::from_secs(60);

/// Counts `values` more of this minute, if they fit: all of them or none. One item.
pub fn take_reveals(
    transaction: &mut Transaction,
    caller: &str,
    values: u64,
    limit: u64,
    now: Timestamp,
) -> Step {
    let minute = Timestamp::from_millisecond(now.as_millisecond().div_euclid(60_000) * 60_000);
    let key = Partition::of(transaction.tenant()).and("RATE").and(caller).at(minute);
    // At least nothing: a batch that is larger than the limit must not pass as a first one.
    let room = (limit + 1).saturating_sub(values);
    let condition = if values > limit {
        Condition::exists().less_than("count", 0)
    } else {
        Condition::default().less_than("count", room).or_attribute_absent("count")
    };
    let counted = i64::try_from(values).unwrap_or(i64::MAX);
    let update = Update::when(condition)
        .add("count", counted)
        .set("ttl", minute.plus(10 * MINUTE).as_second());
    let step = transaction.update(&key, &update);
    let error = Error::new(codes::REVEAL_RATE_LIMITED, format!("at most {limit} values a minute"))
        .retry_after(minute.plus(MINUTE).since(now));
    transaction.refused_as(step, error)
}
