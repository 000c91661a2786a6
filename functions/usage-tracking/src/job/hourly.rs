//! usage-tracking-hourly: orders a roll-up for every organization in which something fell due.

use std::time::Duration;

use millwright_core::{Result, Tenant, Timestamp};
use millwright_event::Effects;
use millwright_job::NewJob;
use millwright_store::{Condition, Outcome, Query, RawItem, Update};

use super::UsageJobs;
use crate::{
    app::Usage,
    domain::{JobDetails, JobKind, Period, Zone, period_window},
    store::{DUE_SHARDS, DueHour, DueItem, watermark},
};

const HOUR: Duration = Duration::from_secs(3_600);
/// Clocks differ a little: an hour is over when all of them say so.
const SETTLED: Duration = Duration::from_secs(300);
/// The most hours of one order: two days that nobody gave one.
const MAX_HOURS: usize = 48;
const PAGE: usize = 100;

impl Usage {
    /// Takes down that something falls due in an organization at a time: its roll-up is ordered
    /// when that hour is over. One PutItem for an hour this process has not taken down yet.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn take_down(&self, tenant: &Tenant, at: Timestamp) -> Result<()> {
        let Some(organization) = tenant.organization() else { return Ok(()) };
        let item = DueItem::of(organization, at.max(self.store.clock().now()));
        let what = format!("DUE#{}", item.hour.hour_bucket());
        if self.has_told(tenant, &what) {
            return Ok(());
        }
        self.store.put_when(tenant, &item, &Condition::default()).await?;
        self.tells_first(tenant, &what);
        Ok(())
    }
}

impl Usage {
    /// Takes down that counters change now: at the end of this hour days are computed again, and at
    /// the end of this day that day. At most two PutItems, as [`Usage::take_down`].
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn take_down_days(&self, tenant: &Tenant, zone: &Zone, now: Timestamp) -> Result<()> {
        self.take_down(tenant, now).await?;
        self.take_down(tenant, period_window(Period::Day, zone, 1, now)?.end).await
    }
}

/// Orders the roll-ups of all hours that are over; how many. Eight Queries for each hour since the
/// last order, and one transaction for each organization: it takes the entry out of the calendar,
/// so there is one roll-up however often this is called.
///
/// # Errors
/// `unavailable`: what was ordered stays so, the next order does the rest.
pub async fn order_due(usage: &Usage) -> Result<usize> {
    let store = &usage.store;
    let now = store.clock().now();
    let end = Timestamp::from_millisecond(now.as_millisecond() - SETTLED.as_millis() as i64)
        .start_of_hour();
    let known = store.get_raw(&watermark()).await?;
    let known: Option<Timestamp> =
        known.as_ref().and_then(|item: &RawItem| item.text("through")?.parse().ok());
    let earlier =
        |hours: u64| Timestamp::from_millisecond(end.as_millisecond() - (hours * 3_600_000) as i64);
    let mut hour = known.unwrap_or_else(|| earlier(MAX_HOURS as u64));
    let mut ordered = 0;
    for _ in 0..MAX_HOURS {
        if hour >= end {
            break;
        }
        for shard in 0..DUE_SHARDS {
            ordered += order_hour(usage, hour, shard).await?;
        }
        hour = hour.plus(HOUR);
    }
    store.update(&watermark(), &Update::new().set("through", hour)).await?;
    Ok(ordered)
}

async fn order_hour(usage: &Usage, hour: Timestamp, shard: u8) -> Result<usize> {
    let query = Query::partition(millwright_store::Partition::global(&DueHour { hour, shard }));
    let mut ordered = 0;
    loop {
        let page = usage.store.page(&query, PAGE, None).await?;
        for item in &page.items {
            let due: DueItem = item.decode()?;
            let mut effects = usage.own_effects(&due.tenant());
            effects.delete_when(&due.place(), Condition::exists());
            order(&mut effects, hour)?;
            // Refused: somebody else has ordered it.
            ordered += usize::from(matches!(effects.attempt().await?, Outcome::Done));
        }
        // What was ordered is gone: the first page is the next one.
        if page.items.len() < PAGE {
            return Ok(ordered);
        }
    }
}

fn order(effects: &mut Effects, hour: Timestamp) -> Result<()> {
    let new = NewJob::<UsageJobs, Timestamp> {
        kind: JobKind::RollUp,
        details: JobDetails::default(),
        extra: (),
        request: hour,
    };
    new.start(effects, "usage-tracking").map(drop)
}
