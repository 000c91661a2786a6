//! Exact limits of abuse (specs auth, section 5.11).

use std::time::Duration;

use millwright_core::{Error, Timestamp, codes};
use millwright_store::{Condition, GlobalPartition, Key, Partition, Store, Transaction, Update};

/// So many of a kind in a window.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    pub kind: &'static str,
    pub most: u64,
    pub seconds: u32,
}

impl Limit {
    /// Beginning a sign-in, per address.
    pub const START: Limit = Limit { kind: "start", most: 120, seconds: 60 };
    /// Coming back from a provider, per address.
    pub const FINISH: Limit = Limit { kind: "finish", most: 120, seconds: 60 };
    /// Credentials that are no good, per address.
    pub const FAILURES: Limit = Limit { kind: "failures", most: 20, seconds: 60 };
    /// Making secrets of API keys, per caller.
    pub const KEYS: Limit = Limit { kind: "keys", most: 30, seconds: 3_600 };
}

struct Rate<'s> {
    kind: &'static str,
    subject: &'s str,
    window: i64,
}

impl GlobalPartition for Rate<'_> {
    fn partition(&self) -> String {
        format!("RATE#{}#{}#{}", self.kind, self.subject, self.window)
    }
}

/// What counts one more, if there is room, and the answer if there is none.
fn counting(limit: Limit, subject: &str, now: Timestamp) -> (Key, Update, Error) {
    let window = now.as_second().div_euclid(i64::from(limit.seconds));
    let ends = (window + 1) * i64::from(limit.seconds);
    let key = Partition::global(&Rate { kind: limit.kind, subject, window }).at("HEAD");
    let has_room = Condition::default().less_than("count", limit.most);
    let update = Update::when(has_room.or_attribute_absent("count"))
        .add("count", 1)
        .set("kind", "rate")
        .set("ttl", ends + 60);
    let left = Timestamp::from_millisecond(ends * 1_000).since(now);
    let detail = format!("more than {} in {} seconds", limit.most, limit.seconds);
    let error = Error::new(codes::RATE_LIMITED, detail);
    (key, update, error.retry_after(left.max(Duration::from_secs(1))))
}

/// Counts one more. If counting fails, the request goes on. One UpdateItem.
///
/// # Errors
/// `rate_limited` with the time that is left.
pub async fn count(store: &Store, limit: Limit, subject: &str) -> Result<(), Error> {
    let (key, update, limited) = counting(limit, subject, store.clock().now());
    match store.update(&key, &update).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(limited),
        Err(error) => {
            tracing::warn!(%error, kind = limit.kind, "not counted");
            Ok(())
        }
    }
}

/// Counts what a transaction does, if it does it. One item of it; refused as `rate_limited`. Add it
/// behind the steps that other requests contend for.
pub fn count_within(transaction: &mut Transaction, limit: Limit, subject: &str) {
    let now = transaction.store().clock().now();
    let (key, update, limited) = counting(limit, subject, now);
    let step = transaction.update(&key, &update);
    transaction.refused_as(step, limited);
}

/// Forgets how many secrets of keys somebody has made. Two items of the transaction: windows that
/// are older are gone or on their way.
pub fn forget_key_rates(transaction: &mut Transaction, subject: &str) {
    let Limit { kind, seconds, .. } = Limit::KEYS;
    let now = transaction.store().clock().now().as_second();
    let window = now.div_euclid(i64::from(seconds));
    for window in [window - 1, window] {
        transaction.delete(&Partition::global(&Rate { kind, subject, window }).at("HEAD"));
    }
}
