//! What has fallen due since the last sweep.

use std::time::Duration;

use millwright_core::{Result, Timestamp};
use millwright_event::{Cause, Effects};
use millwright_store::Store;
use serde::Serialize;

use super::{ACTOR, JOBS, SLICE, WorkDue};
use crate::{
    store::{DUE_SHARDS, Swept, due_in, due_thing},
    vouch,
};

const HOUR: Duration = Duration::from_secs(3_600);

/// How far the first sweep looks back.
const FIRST_LOOK: Duration = Duration::from_secs(24 * 3_600);

/// Orders that go out by one transaction.
const AT_ONCE: usize = 25;

/// What a sweep has found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Orders that were given.
    pub orders: usize,
    /// The time was up before everything was looked at: the next sweep goes on.
    pub unfinished: bool,
}

/// Orders what is due, hour by hour, for at most 40 seconds. What is ordered stays due until it is
/// done: an order that gets lost is given again. Eight queries for each hour of which something is
/// left, at least for this one and the one before, and one transaction for 25 orders.
///
/// # Errors
/// `unavailable` if DynamoDB is: the next sweep goes on.
pub async fn sweep(store: &Store) -> Result<Report> {
    let now = store.clock().now();
    let ends_at = now.plus(SLICE);
    let swept: Option<Swept> = store.get(&Swept::place()).await?;
    let from = swept.map_or(now.minus(FIRST_LOOK), |swept| swept.until).start_of_hour();
    let mut report = Report::default();
    let mut first_left = None;
    let mut hour = from;
    while hour <= now {
        let is_empty = sweep_hour(store, hour, now, ends_at, &mut report).await?;
        if !is_empty && first_left.is_none() {
            first_left = Some(hour);
        }
        if report.unfinished {
            break;
        }
        hour = hour.plus(HOUR);
    }
    // The index may be late: the hour before this one is looked at again.
    let settled = now.start_of_hour().minus(HOUR);
    let until = first_left.unwrap_or(settled).min(settled);
    if until > from {
        let mut transaction = store.transaction(&vouch::installation());
        transaction.put(&Swept { until });
        transaction.commit().await?;
    }
    Ok(report)
}

/// True if nothing of it is left.
async fn sweep_hour(
    store: &Store,
    hour: Timestamp,
    now: Timestamp,
    ends_at: Timestamp,
    report: &mut Report,
) -> Result<bool> {
    let mut is_empty = true;
    for shard in 0..DUE_SHARDS {
        let query = due_in(hour, shard, now);
        let mut from = None;
        loop {
            if store.clock().now() >= ends_at {
                report.unfinished = true;
                return Ok(false);
            }
            let page = store.page(&query, AT_ONCE, from.as_ref()).await?;
            if !page.items.is_empty() {
                is_empty = false;
                let mut effects = Effects::new(store, cause(store));
                for item in &page.items {
                    let (organization, thing) = due_thing(item)?;
                    let due = WorkDue { order: thing.into() };
                    let tenant = vouch::due(organization);
                    effects.within(&tenant, |effects| effects.send(JOBS, &due))?;
                }
                effects.commit().await?;
                report.orders += page.items.len();
            }
            from = page.next;
            if from.is_none() {
                break;
            }
        }
    }
    Ok(is_empty)
}

fn cause(store: &Store) -> Cause {
    Cause {
        tenant: vouch::installation(),
        actor_id: ACTOR.to_owned(),
        traceparent: None,
        correlation_id: store.ids().next_uuid().to_string(),
        causation_id: None,
    }
}
