//! What completions write about providers: never part of the configuration.

use std::time::Duration;

use millwright_core::{Result, Tenant, Timestamp};
use millwright_store::{Condition, Item, Key, Partition, Query, RawItem, Store, Update};
use serde::{Deserialize, Serialize};

use super::entry::configuration_of;
use crate::completion::CompletionId;
use crate::domain::{HealthMinute, LimitScope, ModelId, ProviderId, ProviderState, WINDOW_MINUTES};

/// What a provider has spent in a month, and what is held of its budget. Written by updates alone.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SpendItem {
    pub provider_id: String,
    /// `yyyy-mm`, UTC.
    pub month: String,
    pub spent_micros: u64,
    /// What is spent and what is reserved, together: a condition cannot add.
    pub committed_micros: u64,
    /// The highest step of the budget that was told: 80 or 100 percent.
    pub told_percent: u64,
}

impl SpendItem {
    pub fn place(tenant: &Tenant, provider: ProviderId, month: &str) -> Key {
        Partition::of(tenant).and("SPEND").at(format!("{provider}#{month}"))
    }

    /// By completions that have not ended.
    pub fn reserved_micros(&self) -> u64 {
        self.committed_micros.saturating_sub(self.spent_micros)
    }

    /// What a completion holds, by its name: so that a write whose answer is lost, and which is
    /// tried again, counts once.
    fn held(completion: CompletionId) -> String {
        format!("held_{completion}")
    }

    /// True if the completion holds something.
    pub fn holds(item: &RawItem, completion: CompletionId) -> bool {
        item.attributes().contains_key(&SpendItem::held(completion))
    }

    /// Holds so much, if the budget has room for it; refused as well to who holds already.
    pub fn hold(completion: CompletionId, micros: u64, budget: u64) -> Update {
        let room = i128::from(budget) - i128::from(micros);
        let condition = match room < 0 {
            true => Condition::default().attribute_exists("never"),
            false => Condition::default()
                .at_most("committedMicros", room)
                .or_attribute_absent("committedMicros"),
        };
        let name = SpendItem::held(completion);
        Update::when(condition.attribute_absent(&name))
            .add_number("committedMicros", i128::from(micros))
            .set_number(&name, i128::from(micros))
    }

    /// What was held has come to so much, unless that was said before.
    pub fn settle(completion: CompletionId, held: u64, spent: u64) -> Update {
        let name = SpendItem::held(completion);
        Update::when(Condition::default().attribute_exists(&name))
            .add_number("committedMicros", i128::from(spent) - i128::from(held))
            .add_number("spentMicros", i128::from(spent))
            .remove(&name)
    }

    /// So much was spent without being held.
    pub fn spend(micros: u64) -> Update {
        Update::new()
            .add_number("committedMicros", i128::from(micros))
            .add_number("spentMicros", i128::from(micros))
    }

    /// A step of the budget is told, once.
    pub fn tell(percent: u64) -> Update {
        let before = Condition::default()
            .at_most("toldPercent", i128::from(percent) - 1)
            .or_attribute_absent("toldPercent");
        Update::when(before).set_number("toldPercent", i128::from(percent))
    }
}

impl Item for SpendItem {
    const KIND: &'static str = "spend";

    fn key(&self, tenant: &Tenant) -> Key {
        Partition::of(tenant).and("SPEND").at(format!("{}#{}", self.provider_id, self.month))
    }
}

fn health_partition(tenant: &Tenant, provider: ProviderId) -> Partition {
    Partition::of(tenant).and("HEALTH").and(provider)
}

/// `2026-11-23T01:04`
fn minute_of(at: Timestamp) -> String {
    at.to_string().chars().take(16).collect()
}

/// One minute of one model: the attributes `samples`, `failures` and `b0` to `b11`, which are added
/// to. It expires after two hours.
#[derive(Clone, Copy, Debug)]
pub struct HealthMinuteItem;

/// The counts of first tokens, by [`HealthMinute::bucket_of`].
const BUCKETS: [&str; 12] =
    ["b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7", "b8", "b9", "b10", "b11"];

impl HealthMinuteItem {
    pub const KIND: &'static str = "health_minute";
    const KEPT: Duration = Duration::from_secs(2 * 3_600);

    pub fn place(tenant: &Tenant, provider: ProviderId, model: ModelId, at: Timestamp) -> Key {
        health_partition(tenant, provider).at(format!("M#{}#{model}", minute_of(at)))
    }

    /// So much more in this minute.
    pub fn more(at: Timestamp, counts: &HealthMinute) -> Update {
        let update = Update::new()
            .set("kind", HealthMinuteItem::KIND)
            .set("ttl", at.plus(HealthMinuteItem::KEPT).as_second())
            .add_number("samples", i128::from(counts.samples))
            .add_number("failures", i128::from(counts.failures));
        let filled = BUCKETS.iter().zip(counts.buckets).filter(|(_, count)| *count > 0);
        filled.fold(update, |update, (name, count)| update.add_number(name, i128::from(count)))
    }

    /// The minute, its model and what happened in it.
    pub fn read(item: &RawItem) -> Option<(String, ModelId, HealthMinute)> {
        let (minute, model) = item.sort_key().strip_prefix("M#")?.split_once('#')?;
        let number = |name: &str| item.number(name).unwrap_or_default();
        let counts = HealthMinute {
            samples: number("samples"),
            failures: number("failures"),
            buckets: BUCKETS.map(number),
        };
        Some((minute.to_owned(), model.parse().ok()?, counts))
    }
}

/// The minutes of a provider from `since` on, by minute and model. One Query.
///
/// # Errors
/// `unavailable`.
pub async fn health_of(
    store: &Store,
    tenant: &Tenant,
    provider: ProviderId,
    since: Timestamp,
) -> Result<Vec<(String, ModelId, HealthMinute)>> {
    let query = Query::partition(health_partition(tenant, provider))
        .from_sort_key(format!("M#{}", minute_of(since)));
    let items = store.collect(&query, 60 * 500).await?;
    Ok(items.iter().filter_map(HealthMinuteItem::read).collect())
}

/// The sum of the last five minutes.
pub fn last_minutes(minutes: &[(String, ModelId, HealthMinute)], now: Timestamp) -> HealthMinute {
    let window = u64::try_from(WINDOW_MINUTES).unwrap_or_default();
    let from = minute_of(now.minus(Duration::from_secs(60 * (window - 1))));
    let mut sum = HealthMinute::default();
    for (_, _, counts) in minutes.iter().filter(|(minute, ..)| *minute >= from) {
        sum.add(counts);
    }
    sum
}

/// What is remembered of a provider. It is read with the configuration, so it is written when the
/// status changes or something fails, not with every completion.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProviderStateItem {
    pub version: u64,
    pub provider_id: String,
    pub state: ProviderState,
    pub written_at: Timestamp,
}

impl ProviderStateItem {
    pub const KIND: &'static str = "provider_state";
    const KEPT: Duration = Duration::from_secs(30 * 24 * 3_600);

    pub fn place(tenant: &Tenant, provider: ProviderId) -> Key {
        configuration_of(tenant).at(format!("STATE#{provider}"))
    }
}

impl Item for ProviderStateItem {
    const KIND: &'static str = ProviderStateItem::KIND;

    fn key(&self, tenant: &Tenant) -> Key {
        configuration_of(tenant).at(format!("STATE#{}", self.provider_id))
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        Some(self.written_at.plus(ProviderStateItem::KEPT))
    }
}

/// A window of a rate limit that somebody was refused.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FullWindowItem {
    pub scope: LimitScope,
    pub subject: String,
    /// The sort key of its counter.
    pub window: String,
    pub ends: Timestamp,
}

impl Item for FullWindowItem {
    const KIND: &'static str = "full_window";

    fn key(&self, tenant: &Tenant) -> Key {
        let subject = Partition::of(tenant).and("RL").and(self.scope.as_str()).and(&self.subject);
        subject.at(format!("FULL#{}", self.window))
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        Some(self.ends.plus(Duration::from_secs(3_600)))
    }
}
