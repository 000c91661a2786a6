//! The sweep: what the stream has not delivered.
//!
//! Hour by hour from a watermark, in the `OUT#<hour>#<shard>` partitions of one table. An hour is
//! behind the watermark once it has been over for an hour and everything in it is sent; so each
//! hour is read twice or thrice, not for 14 days.

use std::time::Duration;

use millwright_core::{Clock, Result, Timestamp};
use millwright_event::{OUTBOX_RETENTION, OUTBOX_SHARDS, OutboxItem, OutboxShard, OutboxWatermark};
use millwright_store::{Key, Partition, Query, Store};

use crate::{
    deliver::{Outlet, Parcel, deliver},
    stream::mark_sent,
};

/// Younger items are the stream's.
const GRACE: Duration = Duration::from_secs(5 * 60);

/// How far back a table without a watermark is swept.
const FIRST_LOOK_BACK: Duration = Duration::from_secs(24 * 3600);

const HOUR: Duration = Duration::from_secs(3600);

/// Work after this is left to the next hour; the function has 60 s for all tables.
const TIME_LIMIT: Duration = Duration::from_secs(40);

/// Items of one read.
const PAGE: usize = 200;

/// What a sweep did.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SweepReport {
    pub examined: usize,
    pub delivered: usize,
    pub failed: usize,
    /// Everything before this hour is sent.
    pub watermark: Option<String>,
}

/// Sweeps one table. One Query per hour, shard and 200 items; one GetItem and one UpdateItem for
/// the watermark.
///
/// # Errors
/// `unavailable` if DynamoDB is; what was done so far stays done.
pub async fn sweep(
    outlet: &impl Outlet,
    store: &Store,
    clock: &Clock,
    began_at: Timestamp,
) -> Result<SweepReport> {
    let now = clock.now();
    let mark = store.get_raw(&OutboxWatermark::place()).await?;
    let earliest = now.minus(OUTBOX_RETENTION);
    let mut hour = OutboxWatermark::read(mark.as_ref())
        .unwrap_or_else(|| now.minus(FIRST_LOOK_BACK))
        .max(earliest)
        .start_of_hour();
    let mut report = SweepReport::default();
    let mut watermark = hour;
    let mut unbroken = true;
    while hour <= now {
        let all_sent = sweep_hour(outlet, store, clock, hour, began_at, &mut report).await?;
        unbroken &= all_sent && hour.plus(2 * HOUR) <= now;
        hour = hour.plus(HOUR);
        if unbroken {
            watermark = hour;
        }
        if clock.now().since(began_at) > TIME_LIMIT {
            tracing::warn!(hour = %hour, "the sweep goes on in the next hour");
            break;
        }
    }
    store.update(&OutboxWatermark::place(), &OutboxWatermark::set(watermark)).await?;
    report.watermark = Some(watermark.to_string());
    Ok(report)
}

/// True if everything of the hour is sent by now.
async fn sweep_hour(
    outlet: &impl Outlet,
    store: &Store,
    clock: &Clock,
    hour: Timestamp,
    began_at: Timestamp,
    report: &mut SweepReport,
) -> Result<bool> {
    let mut all_sent = true;
    for shard in 0..OUTBOX_SHARDS {
        let partition = Partition::global(&OutboxShard { hour: hour.hour_bucket(), shard });
        let query = Query::partition(partition);
        let mut from = None;
        loop {
            let page = store.page(&query, PAGE, from.as_ref()).await?;
            let mut unsent: Vec<(Key, Parcel)> = Vec::new();
            for raw in &page.items {
                report.examined += 1;
                let Some(key) = OutboxItem::locate(raw.partition_key(), raw.sort_key()) else {
                    continue;
                };
                let Ok(item) = raw.decode::<OutboxItem>() else {
                    // The stream has left it in the failures bucket; waiting for it here would keep
                    // the watermark, and with it every later sweep, at this hour.
                    tracing::error!(?key, "outbox item cannot be read");
                    report.failed += 1;
                    continue;
                };
                if item.sent_at.is_some() {
                    continue;
                }
                match OutboxItem::written_at(&key) {
                    Some(at) if clock.now().since(at) >= GRACE => {
                        unsent.push((key, Parcel { entries: item.entries }));
                    }
                    _ => all_sent = false,
                }
            }
            let parcels: Vec<Parcel> = unsent.iter().map(|(_, parcel)| parcel.clone()).collect();
            let results = deliver(outlet, &parcels).await;
            for ((key, _), result) in unsent.iter().zip(results) {
                match result {
                    Ok(()) => {
                        report.delivered += 1;
                        mark_sent(store, clock, key).await;
                    }
                    Err(failure) => {
                        tracing::error!(?key, failure, "outbox item not delivered by the sweep");
                        report.failed += 1;
                        all_sent = false;
                    }
                }
            }
            from = page.next;
            if from.is_none() {
                break;
            }
            if clock.now().since(began_at) > TIME_LIMIT {
                return Ok(false);
            }
        }
    }
    Ok(all_sent)
}
