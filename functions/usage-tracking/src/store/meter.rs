//! Meters that cannot be added up: extremes, latest and unique values per hour, scope and
//! dimension values. Their writes can be repeated without harm.

use std::{collections::BTreeSet, time::Duration};

use millwright_core::{Result, Tenant, Timestamp};
use millwright_store::{Condition, Key, Partition, RawItem, Store, Update, schema::TTL};

use super::{counter::HOURS, day_of, dimensions_part, key_part};
use crate::domain::{Aggregation, Labels, MeterId, Quantity, SLOT, ScopeType, digest, hex};

/// Over how many items the unique values of an hour are spread, so that 65,536 of them fit.
const PARTS: u8 = 16;

/// What an event means to a meter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Number(Quantity),
    /// With the time and id that tell which is the latest.
    Latest(Timestamp, String, Quantity),
    Text(String),
}

/// One hour of a meter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MeterKey {
    pub meter: MeterId,
    pub scope: ScopeType,
    pub scope_id: String,
    pub hour: Timestamp,
    pub dimensions: Labels,
}

pub fn meter_day(tenant: &Tenant, meter: MeterId, day: &str) -> Partition {
    Partition::of(tenant).and("X").and(meter).and(day)
}

/// What the sort keys of a scope begin with.
pub fn meter_scope(scope: ScopeType, scope_id: Option<&str>) -> String {
    match scope_id {
        Some(id) => format!("{scope}#{}#", key_part(id)),
        None => format!("{scope}#"),
    }
}

impl MeterKey {
    fn place(&self, tenant: &Tenant, part: Option<u8>) -> Key {
        let scope = meter_scope(self.scope, Some(&self.scope_id));
        let (hour, dimensions) = (&self.hour.hour_bucket()[8..], dimensions_part(&self.dimensions));
        let part = part.map(|part| format!("#{part:x}")).unwrap_or_default();
        let partition = meter_day(tenant, self.meter, &day_of(self.hour));
        partition.at(format!("{scope}{hour}#{dimensions}{part}"))
    }

    fn update(&self, condition: Condition) -> Update {
        let expires = self.hour.plus(HOURS).plus(Duration::from_secs(24 * 3_600)).as_second();
        let mut update = Update::when(condition)
            .set_number(TTL, i128::from(expires))
            .set("of", &self.scope_id)
            .set("hour", self.hour);
        if !self.dimensions.is_empty() {
            update = update.set("dims", &self.dimensions);
        }
        update
    }

    /// Takes note of values of a quarter of the hour. One UpdateItem, of unique values one for each
    /// sixteenth of them.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn note(
        &self,
        store: &Store,
        tenant: &Tenant,
        aggregation: Aggregation,
        quarter: u8,
        values: &[Value],
    ) -> Result<()> {
        let name = format!("q{quarter}");
        let numbers = values.iter().filter_map(|value| match value {
            Value::Number(quantity) => Some(quantity.nano()),
            _ => None,
        });
        let number = match aggregation {
            Aggregation::Min => numbers.min(),
            Aggregation::Max => numbers.max(),
            Aggregation::Latest => return self.note_latest(store, tenant, quarter, values).await,
            Aggregation::UniqueCount => {
                return self.note_unique(store, tenant, quarter, values).await;
            }
            _ => None,
        };
        let Some(number) = number else { return Ok(()) };
        let better = match aggregation {
            Aggregation::Min => Condition::default().above(&name, number),
            _ => Condition::default().below(&name, number),
        };
        let update = self.update(better.or_attribute_absent(&name)).set_number(&name, number);
        store.update(&self.place(tenant, None), &update).await.map(drop)
    }

    async fn note_latest(
        &self,
        store: &Store,
        tenant: &Tenant,
        quarter: u8,
        values: &[Value],
    ) -> Result<()> {
        let latest = values.iter().filter_map(|value| match value {
            Value::Latest(time, id, quantity) => Some((format!("{time}#{id}"), *quantity)),
            _ => None,
        });
        let Some((at, quantity)) = latest.max() else { return Ok(()) };
        let (name, time) = (format!("q{quarter}"), format!("t{quarter}"));
        let later = Condition::default().less_than(&time, &at).or_attribute_absent(&time);
        let update = self.update(later).set(&time, &at).set_number(&name, quantity.nano());
        store.update(&self.place(tenant, None), &update).await.map(drop)
    }

    async fn note_unique(
        &self,
        store: &Store,
        tenant: &Tenant,
        quarter: u8,
        values: &[Value],
    ) -> Result<()> {
        let mut parts: Vec<BTreeSet<String>> = vec![BTreeSet::new(); usize::from(PARTS)];
        for value in values {
            if let Value::Text(text) = value {
                let hash = digest(&[text.as_bytes()]);
                parts[usize::from(hash[0] % PARTS)].insert(hex(&hash, 10));
            }
        }
        for (part, hashes) in parts.iter().enumerate() {
            if hashes.is_empty() {
                continue;
            }
            let hashes: Vec<&String> = hashes.iter().collect();
            let update =
                self.update(Condition::default()).add_to_set(&format!("q{quarter}"), &hashes);
            let place = self.place(tenant, u8::try_from(part).ok());
            store.update(&place, &update).await?;
        }
        Ok(())
    }

    /// Forgets an hour, to compute it again. One DeleteItem, sixteen of unique values.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn forget(
        &self,
        store: &Store,
        tenant: &Tenant,
        aggregation: Aggregation,
    ) -> Result<()> {
        let mut transaction = store.transaction(tenant);
        match aggregation {
            Aggregation::UniqueCount => {
                for part in 0..PARTS {
                    transaction.delete(&self.place(tenant, Some(part)));
                }
            }
            _ => {
                transaction.delete(&self.place(tenant, None));
            }
        }
        transaction.commit().await
    }
}

/// What one item of a meter holds.
#[derive(Clone, Debug)]
pub struct MeterRow {
    pub scope_id: String,
    pub dimensions: Labels,
    pub quarters: Vec<(Timestamp, Noted)>,
}

/// What is noted of a quarter of an hour.
#[derive(Clone, Debug)]
pub enum Noted {
    Number(i128),
    /// `<time>#<id>` and the value.
    Latest(String, i128),
    Hashes(Vec<String>),
}

impl MeterRow {
    pub fn read(item: &RawItem) -> Option<MeterRow> {
        let hour: Timestamp = item.text("hour")?.parse().ok()?;
        let mut quarters = Vec::new();
        for quarter in 0..4u8 {
            let name = format!("q{quarter}");
            let at = Timestamp::from_millisecond(hour.as_millisecond() + i64::from(quarter) * SLOT);
            let hashes = item.texts(&name);
            match (item.large_number(&name), item.text(&format!("t{quarter}"))) {
                (Some(number), Some(time)) => {
                    quarters.push((at, Noted::Latest(time.to_owned(), number)));
                }
                (Some(number), None) => quarters.push((at, Noted::Number(number))),
                (None, _) if !hashes.is_empty() => {
                    let hashes = hashes.into_iter().map(str::to_owned).collect();
                    quarters.push((at, Noted::Hashes(hashes)));
                }
                (None, _) => {}
            }
        }
        let dimensions = match item.attributes().contains_key("dims") {
            true => item.decode_attribute("dims").ok()?,
            false => Labels::new(),
        };
        let scope_id = item.text("of").unwrap_or_default().to_owned();
        Some(MeterRow { scope_id, dimensions, quarters })
    }
}
