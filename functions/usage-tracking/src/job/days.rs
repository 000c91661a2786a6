//! Day values: computed once a day is over, and again when something that lay in it is counted or
//! taken back. A day is found to be over, and marked, in one transaction; what is late marks it in
//! the transaction that counts it. So a mark is all that has to be worked off, and it goes only when
//! what was computed after it was read is written.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, future::BoxFuture};
use millwright_core::{Error, Result, Tenant, Timestamp};
use millwright_store::{Outcome, Query};

use crate::{
    app::{Defined, Usage},
    domain::{CategoryPattern, Labels, Period, ScopeType, Window, period_window},
    query::categories_of,
    store::{CounterRow, DayItem, DayKey, DayMark, HOURS, Sums, days, hours, marked_days, utc_day},
};

/// The first days of an organization begin so long ago: nothing older is counted.
const FIRST: Duration = Duration::from_secs(41 * 24 * 3_600);
/// Days that are found to be over in one piece of work.
const CLOSED: usize = 20;
/// Marks that are worked off in one piece of work.
const WORKED: usize = 4;
/// The most marks that are looked at: late events of 40 days, of many categories and write shards.
const MAX_MARKS: usize = 10_000;
/// The most days that touch a UTC day: one on each side, and parts where the time zone changed.
const MAX_TOUCHED: usize = 8;
/// How often a day is read again after somebody else began it.
const MAX_LOSSES: usize = 20;
/// Calls at once.
const PARALLEL: usize = 16;

impl Usage {
    /// Finds the days that were over at a time, and marks them to be computed; true if there may be
    /// more. One Query, and one transaction for each day.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn close_days(&self, tenant: &Tenant, over: Timestamp) -> Result<bool> {
        let zone = self.defined_now(tenant).await?.settings().time_zone.clone();
        let newest = Query::partition(days(tenant)).descending(true);
        let newest = self.store.page(&newest, 1, None).await?.items;
        let newest: Option<DayItem> = newest.first().map(|item| item.decode()).transpose()?;
        let mut start = match newest {
            Some(day) => day.end,
            None => period_window(Period::Day, &zone, 1, over.minus(FIRST))?.start,
        };
        for _ in 0..CLOSED {
            // Where the time zone has changed, the first day of the new one is a part.
            let end = period_window(Period::Day, &zone, 1, start)?.end;
            if end > over {
                return Ok(false);
            }
            let day = DayItem { start, end, zone: zone.clone(), revision: 0 };
            let mut transaction = self.store.transaction(tenant);
            transaction.create(&day);
            // As old as the day: it is for this very job.
            let mark = DayMark::new(&self.store, day.window(), None, 0);
            transaction.put(&DayMark { at: end, ..mark });
            if let Outcome::Refused(_) = transaction.attempt().await? {
                // Somebody else is at it: what is there is read anew.
                return Ok(true);
            }
            start = end;
        }
        Ok(true)
    }

    /// Works off some of the marks that were there at a time; true if there may be more. One Query;
    /// for each mark, category and scope type the Queries of the hours, and one UpdateItem for each
    /// value.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn compute_days(&self, tenant: &Tenant, until: Timestamp) -> Result<bool> {
        let found = self.store.collect(&Query::partition(marked_days(tenant)), MAX_MARKS).await?;
        let marks: Result<Vec<DayMark>> = found.iter().map(|item| item.decode()).collect();
        // What is marked again while this goes on is left to the next hour.
        let mut marks = marks?.into_iter().filter(|mark| mark.at <= until);
        let defined = self.defined_now(tenant).await?;
        for mark in marks.by_ref().take(WORKED) {
            self.work_off(tenant, &defined, &mark).await?;
        }
        Ok(marks.next().is_some())
    }

    async fn work_off(&self, tenant: &Tenant, defined: &Defined, mark: &DayMark) -> Result<()> {
        let oldest = self.store.clock().now().minus(HOURS);
        let query = Query::partition(days(tenant)).until_sort_key(mark.end.to_string());
        let page = self.store.page(&query.descending(true), MAX_TOUCHED, None).await?;
        for item in &page.items {
            let day: DayItem = item.decode()?;
            // Of older ones hours may be gone already: what is there stays.
            if day.start < mark.end && mark.start < day.end && oldest <= day.start {
                self.compute_day(tenant, defined, day, mark.category.as_deref()).await?;
            }
        }
        let mut transaction = self.store.transaction(tenant);
        mark.done(&mut transaction);
        transaction.attempt().await.map(drop)
    }

    async fn compute_day(
        &self,
        tenant: &Tenant,
        defined: &Defined,
        mut day: DayItem,
        category: Option<&str>,
    ) -> Result<()> {
        let mut losses = 0;
        while !day.begin(&self.store, tenant).await? {
            losses += 1;
            let now: Option<DayItem> =
                self.store.get(&millwright_store::Item::key(&day, tenant)).await?;
            day = now.ok_or_else(|| Error::unavailable("a day is gone"))?;
            if losses == MAX_LOSSES {
                return Err(Error::unavailable("a day keeps being computed"));
            }
        }
        let categories = match category {
            Some(category) => vec![category.to_owned()],
            None => categories_of(self, tenant, &CategoryPattern::Any, day.window()).await?,
        };
        for category in categories {
            for scope in ScopeType::ALL {
                let values =
                    self.of_hours(tenant, defined, &category, *scope, day.window()).await?;
                // What nobody has in the organization nobody has elsewhere.
                if values.is_empty() && *scope == ScopeType::Organization {
                    break;
                }
                let (category, day) = (&category, &day);
                let mut calls: Vec<BoxFuture<'_, Result<()>>> = Vec::with_capacity(values.len());
                for ((scope_id, dimensions), sums) in values {
                    calls.push(Box::pin(async move {
                        let (category, scope) = (category.clone(), *scope);
                        let key = DayKey { category, scope, scope_id, dimensions };
                        key.write(&self.store, tenant, day, &sums).await
                    }));
                }
                let calls = futures::stream::iter(calls).buffer_unordered(PARALLEL);
                calls.try_collect::<()>().await?;
            }
        }
        Ok(())
    }

    /// What the hours of a day came to. One Query for each UTC day of it and write shard.
    async fn of_hours(
        &self,
        tenant: &Tenant,
        defined: &Defined,
        category: &str,
        scope: ScopeType,
        day: Window,
    ) -> Result<BTreeMap<(String, Labels), Sums>> {
        let mut values: BTreeMap<(String, Labels), Sums> = BTreeMap::new();
        let mut utc = utc_day(day.start);
        while utc.start < day.end {
            let text = crate::store::day_of(utc.start);
            for shard in 0..defined.settings().write_shards.max(1) {
                let query = Query::partition(hours(tenant, category, scope, &text, shard));
                for item in self.store.collect(&query, usize::MAX >> 1).await? {
                    let Some(row) = CounterRow::read(&item, &text) else {
                        let detail = format!("a counter of {category} cannot be read");
                        return Err(Error::internal(detail));
                    };
                    let within = row.sums.into_iter().filter(|(at, ..)| day.contains(*at));
                    for (_, measure, amount) in within {
                        let place = (row.scope_id.clone(), row.dimensions.clone());
                        *values.entry(place).or_default().entry(measure).or_default() += amount;
                    }
                }
            }
            utc = utc_day(utc.end);
        }
        Ok(values)
    }
}
