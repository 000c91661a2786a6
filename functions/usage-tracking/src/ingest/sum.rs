//! What events come to together: each counter once.

use std::collections::BTreeMap;

use millwright_store::Transaction;

use crate::{
    domain::COST,
    store::{CounterKey, EventItem, LimitCounter, Span, minute_of, quarter_of},
};

/// Additions by counter.
#[derive(Clone, Debug, Default)]
pub struct Summed {
    counters: BTreeMap<CounterKey, BTreeMap<(u8, String), i128>>,
    limits: BTreeMap<LimitCounter, i128>,
}

impl Summed {
    /// Adds an event; with `sign` -1 it takes it away again.
    pub fn add(&mut self, item: &EventItem, sign: i128) {
        for (key, quarter) in keys(item) {
            let sums = self.counters.entry(key).or_default();
            let mut add = |measure: String, amount: i128| {
                *sums.entry((quarter, measure)).or_default() += sign * amount;
            };
            for (measure, quantity) in &item.counted {
                add(measure.clone(), quantity.nano());
            }
            for metric in &item.carried {
                add(format!("#{metric}"), 1);
            }
            if !item.cost.is_zero() {
                add(COST.to_owned(), item.cost.pico());
            }
        }
        for touch in &item.touches {
            let counter = LimitCounter {
                limit_id: touch.limit_id,
                scope_id: touch.scope_id.clone(),
                window: touch.window,
            };
            *self.limits.entry(counter).or_default() += sign * touch.amount.0;
        }
    }

    /// How many items it writes.
    pub fn items(&self) -> usize {
        self.counters.len() + self.limits.len()
    }

    /// Writes all of it, into one write shard.
    pub fn write(&self, transaction: &mut Transaction, shard: u8) {
        for (key, sums) in &self.counters {
            let moved = sums.iter().filter(|(_, amount)| **amount != 0);
            let sums: BTreeMap<_, _> = moved.map(|(name, it)| (name.clone(), *it)).collect();
            if !sums.is_empty() {
                key.add_to(transaction, &sums, shard);
            }
        }
        for (counter, amount) in &self.limits {
            if *amount != 0 {
                counter.add_used(transaction, *amount);
            }
        }
    }
}

/// The counters of an event, each with the quarter of the hour.
fn keys(item: &EventItem) -> Vec<(CounterKey, u8)> {
    let summary = &item.summary;
    let (hour, quarter) = quarter_of(summary.time);
    let key = |span| CounterKey {
        category: summary.category_code.clone(),
        dimensions: summary.dimensions.clone(),
        span,
    };
    let scopes = summary.attribution().scopes().into_iter();
    let mut keys: Vec<_> = scopes
        .map(|(scope, scope_id)| (key(Span::Hour { scope, scope_id, hour }), quarter))
        .collect();
    if item.by_minute {
        keys.push((key(Span::Minute { minute: minute_of(summary.time) }), 0));
    }
    keys
}
