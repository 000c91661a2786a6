//! Counters: sums per category, dimension values, scope and quarter of an hour.

use std::{collections::BTreeMap, time::Duration};

use millwright_core::{Tenant, Timestamp};
use millwright_store::{Key, Partition, RawItem, Step, Transaction, Update, schema::TTL};

use super::{day_of, dimensions_part, key_part};
use crate::domain::{Labels, SLOT, ScopeType};

/// How long hours are kept.
pub const HOURS: Duration = Duration::from_secs(90 * 24 * 3_600);
/// How long minutes are kept.
pub const MINUTES: Duration = Duration::from_secs(48 * 3_600);

/// Amounts by measure: parts of 10^-9, pico-dollars of a cost. What begins with `#` counts the
/// events that carried a metric.
pub type Sums = BTreeMap<String, i128>;

/// What a counter is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Span {
    /// Four quarters of this hour.
    Hour { scope: ScopeType, scope_id: String, hour: Timestamp },
    /// One minute, of the whole organization.
    Minute { minute: Timestamp },
}

/// One counter item.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CounterKey {
    pub category: String,
    pub dimensions: Labels,
    pub span: Span,
}

pub fn hours(tenant: &Tenant, category: &str, scope: ScopeType, day: &str, shard: u8) -> Partition {
    Partition::of(tenant).and("H").and(category).and(scope).and(day).and(shard)
}

pub fn minutes(tenant: &Tenant, category: &str, day: &str, shard: u8) -> Partition {
    Partition::of(tenant).and("M").and(category).and(day).and(shard)
}

/// What the sort keys of a scope's hours begin with.
pub fn hours_of_scope(scope_id: &str) -> String {
    format!("{}#", key_part(scope_id))
}

impl CounterKey {
    fn place(&self, tenant: &Tenant, shard: u8) -> Key {
        let dimensions = dimensions_part(&self.dimensions);
        match &self.span {
            Span::Hour { scope, scope_id, hour } => {
                let hour_text = &hour.hour_bucket()[8..];
                hours(tenant, &self.category, *scope, &day_of(*hour), shard)
                    .at(format!("{}{hour_text}#{dimensions}", hours_of_scope(scope_id)))
            }
            Span::Minute { minute } => {
                let text = minute.to_string();
                minutes(tenant, &self.category, &day_of(*minute), shard).at(format!(
                    "{}{}#{dimensions}",
                    &text[11..13],
                    &text[14..16]
                ))
            }
        }
    }

    /// Adds to a counter. `sums` are by quarter of the hour (0 of a minute).
    pub fn add_to(
        &self,
        transaction: &mut Transaction,
        sums: &BTreeMap<(u8, String), i128>,
        shard: u8,
    ) -> Step {
        let (at, kept) = match &self.span {
            Span::Hour { hour, .. } => (*hour, HOURS),
            Span::Minute { minute } => (*minute, MINUTES),
        };
        // A day more than promised: what is asked for at the very end is still whole.
        let expires = at.plus(kept).plus(Duration::from_secs(24 * 3_600)).as_second();
        let mut update = Update::new().set_number(TTL, i128::from(expires));
        if let Span::Hour { scope_id, .. } = &self.span
            && !scope_id.is_empty()
        {
            update = update.set("of", scope_id);
        }
        if !self.dimensions.is_empty() {
            update = update.set("dims", &self.dimensions);
        }
        for ((quarter, measure), amount) in sums {
            update = update.add_number(&attribute(*quarter, measure), *amount);
        }
        let key = self.place(transaction.tenant(), shard);
        transaction.update(&key, &update)
    }
}

/// `q<quarter>_<measure>`, `k<quarter>_<metric>` for who carried it.
fn attribute(quarter: u8, measure: &str) -> String {
    match measure.strip_prefix('#') {
        Some(metric) => format!("k{quarter}_{metric}"),
        None => format!("q{quarter}_{measure}"),
    }
}

/// What one counter item holds.
#[derive(Clone, Debug)]
pub struct CounterRow {
    /// Empty for the organization.
    pub scope_id: String,
    pub dimensions: Labels,
    /// By where the quarter of an hour, or the minute, begins.
    pub sums: Vec<(Timestamp, String, i128)>,
}

impl CounterRow {
    /// Reads an item of [`hours`] or [`minutes`] of a day.
    pub fn read(item: &RawItem, day: &str) -> Option<CounterRow> {
        let mut segments = item.sort_key().rsplit('#');
        let clock = segments.nth(1)?;
        let (hour, minute) = (clock.get(..2)?, clock.get(2..).filter(|it| !it.is_empty()));
        let begin: Timestamp = format!(
            "{}-{}-{}T{hour}:{}:00Z",
            day.get(..4)?,
            day.get(4..6)?,
            day.get(6..8)?,
            minute.unwrap_or("00")
        )
        .parse()
        .ok()?;
        let mut sums = Vec::new();
        for name in item.attributes().keys() {
            let Some((head, measure)) = name.split_once('_') else { continue };
            let (kind, quarter) = match head.as_bytes() {
                [kind @ (b'q' | b'k'), quarter @ b'0'..=b'3'] => (*kind, i64::from(quarter - b'0')),
                _ => continue,
            };
            let measure = if kind == b'k' { format!("#{measure}") } else { measure.to_owned() };
            let at = Timestamp::from_millisecond(begin.as_millisecond() + quarter * SLOT);
            sums.push((at, measure, item.large_number(name)?));
        }
        let dimensions = match item.attributes().contains_key("dims") {
            true => item.decode_attribute("dims").ok()?,
            false => Labels::new(),
        };
        let scope_id = item.text("of").unwrap_or_default().to_owned();
        Some(CounterRow { scope_id, dimensions, sums })
    }
}

/// The hour and the quarter of it (0-3) that hold an instant.
pub fn quarter_of(at: Timestamp) -> (Timestamp, u8) {
    let hour = at.start_of_hour();
    let quarter = (at.as_millisecond() - hour.as_millisecond()) / SLOT;
    (hour, u8::try_from(quarter).unwrap_or(0))
}

pub fn minute_of(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond().div_euclid(60_000) * 60_000)
}

/// The categories that counted something in a month.
pub fn active_categories(tenant: &Tenant, month: &str) -> Partition {
    Partition::of(tenant).and("ACT").and(month)
}
