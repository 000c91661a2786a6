//! Day values: what the hours of a local day came to, kept when the hours are gone.

use std::{collections::BTreeMap, time::Duration};

use millwright_core::{Result, Tenant, Timestamp};
use millwright_store::{
    Condition, Item, Key, Partition, RawItem, Store, Transaction, Update, schema::TTL,
};
use serde::{Deserialize, Serialize};

use super::{Sums, dimensions_part, hours_of_scope};
use crate::domain::{Labels, ScopeType, Window, Zone};

/// How long days are kept: two years.
pub const DAYS: Duration = Duration::from_secs(731 * DAY_SECONDS);
const DAY_SECONDS: u64 = 24 * 3_600;
/// How long a mark waits at most: hours are gone by then.
const MARKS: Duration = Duration::from_secs(100 * DAY_SECONDS);

/// The UTC day that holds an instant.
pub fn utc_day(at: Timestamp) -> Window {
    const DAY: i64 = 24 * 3_600 * 1_000;
    let start = at.as_millisecond().div_euclid(DAY) * DAY;
    Window {
        start: Timestamp::from_millisecond(start),
        end: Timestamp::from_millisecond(start + DAY),
    }
}

/// The days of an organization that have values, by their beginnings. They follow each other without
/// a gap, whatever becomes of its time zone.
pub fn days(tenant: &Tenant) -> Partition {
    Partition::of(tenant).and("DAYS")
}

/// The days whose values are to be computed.
pub fn marked_days(tenant: &Tenant) -> Partition {
    Partition::of(tenant).and("DIRTY")
}

/// A day that is over, in the time zone that held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DayItem {
    pub start: Timestamp,
    pub end: Timestamp,
    pub zone: Zone,
    /// How often its values were computed, or begun to be.
    pub revision: u64,
}

impl DayItem {
    pub fn window(&self) -> Window {
        Window { start: self.start, end: self.end }
    }

    /// Begins to compute values of the day: what an earlier beginning writes after this one's values
    /// is refused. One UpdateItem; false if somebody else began meanwhile.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn begin(&mut self, store: &Store, tenant: &Tenant) -> Result<bool> {
        let unchanged = Condition::default().equals("revision", self.revision);
        let update = Update::when(unchanged).add("revision", 1);
        let has_begun = store.update(&self.key(tenant), &update).await?;
        self.revision += u64::from(has_begun);
        Ok(has_begun)
    }
}

impl Item for DayItem {
    const KIND: &'static str = "day";

    fn key(&self, tenant: &Tenant) -> Key {
        days(tenant).at(self.start)
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        Some(self.end.plus(DAYS))
    }
}

/// Values of days are to be computed: written in the transaction that changes their hours.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DayMark {
    pub start: Timestamp,
    pub end: Timestamp,
    /// None: all of them.
    pub category: Option<String>,
    pub shard: u8,
    pub at: Timestamp,
    /// Names this mark, and none that replaces it.
    pub token: String,
}

impl DayMark {
    pub fn new(store: &Store, window: Window, category: Option<&str>, shard: u8) -> DayMark {
        DayMark {
            start: window.start,
            end: window.end,
            category: category.map(str::to_owned),
            shard,
            at: store.clock().now(),
            token: store.ids().next_uuid().to_string(),
        }
    }

    /// Takes it away, unless it was made again.
    pub fn done(&self, transaction: &mut Transaction) {
        let key = self.key(transaction.tenant());
        transaction.delete_when(&key, Condition::default().equals("token", &self.token));
    }
}

impl Item for DayMark {
    const KIND: &'static str = "day_mark";

    fn key(&self, tenant: &Tenant) -> Key {
        let category = self.category.as_deref().unwrap_or("*");
        marked_days(tenant).at(format!("{}#{category}#{}", self.start, self.shard))
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        Some(self.at.plus(MARKS))
    }
}

/// Whose value of a day.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DayKey {
    pub category: String,
    pub scope: ScopeType,
    pub scope_id: String,
    pub dimensions: Labels,
}

/// The values of a year, by the UTC year in which days begin.
pub fn day_values(tenant: &Tenant, category: &str, scope: ScopeType, year: &str) -> Partition {
    Partition::of(tenant).and("D").and(category).and(scope).and(year)
}

impl DayKey {
    /// Writes the values, unless they were computed later than `day` was begun. One UpdateItem.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn write(
        &self,
        store: &Store,
        tenant: &Tenant,
        day: &DayItem,
        sums: &Sums,
    ) -> Result<()> {
        let (text, dimensions) = (day.start.to_string(), dimensions_part(&self.dimensions));
        let place = day_values(tenant, &self.category, self.scope, &text[..4])
            .at(format!("{}{text}#{dimensions}", hours_of_scope(&self.scope_id)));
        let newer = Condition::default().at_most("revision", i128::from(day.revision));
        let expires = day.end.plus(DAYS).as_second();
        let mut update = Update::when(newer.or_attribute_absent("revision"))
            .set("revision", day.revision)
            .set("day", day.start)
            .set("of", &self.scope_id)
            .set_number(TTL, i128::from(expires));
        if !self.dimensions.is_empty() {
            update = update.set("dims", &self.dimensions);
        }
        for (measure, amount) in sums {
            update = update.set_number(&attribute(measure), *amount);
        }
        store.update(&place, &update).await.map(drop)
    }
}

/// `v_<measure>`, `k_<metric>` for who carried it.
fn attribute(measure: &str) -> String {
    match measure.strip_prefix('#') {
        Some(metric) => format!("k_{metric}"),
        None => format!("v_{measure}"),
    }
}

/// What one item of [`day_values`] holds.
#[derive(Clone, Debug)]
pub struct DayRow {
    pub day: Timestamp,
    /// Empty for the organization.
    pub scope_id: String,
    pub dimensions: Labels,
    pub sums: Sums,
}

impl DayRow {
    pub fn read(item: &RawItem) -> Option<DayRow> {
        let day = item.text("day")?.parse().ok()?;
        let mut sums: Sums = BTreeMap::new();
        for name in item.attributes().keys() {
            let measure = match name.split_once('_') {
                Some(("v", measure)) => measure.to_owned(),
                Some(("k", metric)) => format!("#{metric}"),
                _ => continue,
            };
            sums.insert(measure, item.large_number(name)?);
        }
        let dimensions = match item.attributes().contains_key("dims") {
            true => item.decode_attribute("dims").ok()?,
            false => Labels::new(),
        };
        let scope_id = item.text("of").unwrap_or_default().to_owned();
        Some(DayRow { day, scope_id, dimensions, sums })
    }
}
