//! Days that are older than the hours that are kept.

use std::collections::BTreeSet;

use futures::{StreamExt, TryStreamExt, future::BoxFuture};
use millwright_core::{Error, Result, Tenant, Timestamp};
use millwright_store::{Query, RawItem};

use super::Question;
use crate::{
    app::Usage,
    codes,
    domain::{Window, find_window},
    store::{DayItem, DayRow, HOURS, day_values, days, hours_of_scope},
};

/// The most days that are kept, and those of parts where the time zone changed.
const MAX_DAYS: usize = 2_000;
const PARALLEL: usize = 16;

/// The items of a category and year.
type OfCategory = (String, Vec<RawItem>);

/// The days of a span that only day values tell of, and where hours begin to.
pub struct OldDays {
    pub days: Vec<DayItem>,
    /// Hours before it are not looked at.
    pub hours_from: Timestamp,
}

impl OldDays {
    /// No call if the span is not older than 90 days, else one Query.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn of(usage: &Usage, tenant: &Tenant, span: Window) -> Result<OldDays> {
        let horizon = usage.store.clock().now().minus(HOURS);
        if span.start >= horizon {
            return Ok(OldDays { days: Vec::new(), hours_from: span.start });
        }
        // No day is longer than two.
        let least = span.start.minus(std::time::Duration::from_secs(48 * 3_600));
        let query = Query::partition(days(tenant)).from_sort_key(least.to_string());
        let mut days = Vec::new();
        for item in usage.store.collect(&query, MAX_DAYS).await? {
            let day: DayItem = item.decode()?;
            if day.start < horizon && day.start < span.end && span.start < day.end {
                days.push(day);
            }
        }
        let hours_from = days.last().map_or(horizon.max(span.start), |day| day.end);
        Ok(OldDays { days, hours_from })
    }

    /// By which window each day is told.
    ///
    /// # Errors
    /// `time_zone_unavailable` if a day lies in two of them, or in one in part.
    pub fn windows(&self, question: &Question) -> Result<Vec<(Timestamp, usize)>> {
        let mut found = Vec::with_capacity(self.days.len());
        for day in &self.days {
            let last = Timestamp::from_millisecond(day.end.as_millisecond() - 1);
            let first = find_window(&question.windows, day.start);
            let whole = first.filter(|it| find_window(&question.windows, last) == Some(*it));
            match (whole, first) {
                (Some(window), _) => found.push((day.start, window)),
                (None, Some(window)) if question.cuts_days => found.push((day.start, window)),
                (None, None) if question.cuts_days => {}
                _ => {
                    let zone = day.zone.name();
                    let detail = format!("older than 90 days there are days of {zone} alone");
                    return Err(Error::new(codes::TIME_ZONE_UNAVAILABLE, detail));
                }
            }
        }
        Ok(found)
    }

    /// The values of the days, each with its category. One Query for each category and year.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn rows(
        &self,
        usage: &Usage,
        tenant: &Tenant,
        question: &Question,
    ) -> Result<Vec<(String, DayRow)>> {
        let years: BTreeSet<String> =
            self.days.iter().map(|day| day.start.to_string()[..4].to_owned()).collect();
        let prefix = question.scope_id.as_deref().map(hours_of_scope).unwrap_or_default();
        let mut reads: Vec<BoxFuture<'_, Result<OfCategory>>> = Vec::new();
        for category in &question.categories {
            for year in &years {
                let values = day_values(tenant, category, question.scope, year);
                let query = Query::partition(values).starting_with(prefix.clone());
                // Boxed: a closure over borrowed names is not general enough for the compiler.
                reads.push(Box::pin(async move {
                    let items = usage.store.collect(&query, usize::MAX >> 1).await?;
                    Ok((category.clone(), items))
                }));
            }
        }
        let mut rows = Vec::new();
        let mut reads = futures::stream::iter(reads).buffer_unordered(PARALLEL);
        while let Some((category, items)) = reads.try_next().await? {
            for item in items {
                let Some(row) = DayRow::read(&item) else {
                    return Err(Error::internal(format!("a day of {category} cannot be read")));
                };
                rows.push((category.clone(), row));
            }
        }
        Ok(rows)
    }
}
