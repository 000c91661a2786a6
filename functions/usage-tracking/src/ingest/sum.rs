//! What events come to together: each counter once.

use std::collections::{BTreeMap, BTreeSet};

use millwright_core::Timestamp;
use millwright_store::Transaction;

use crate::{
    domain::COST,
    store::{CounterKey, DayMark, EventItem, LimitCounter, Span, minute_of, quarter_of, utc_day},
};

/// Additions by counter.
#[derive(Clone, Debug)]
pub struct Summed {
    now: Timestamp,
    counters: BTreeMap<CounterKey, BTreeMap<(u8, String), i128>>,
    limits: BTreeMap<LimitCounter, i128>,
    /// Days, and categories of them, whose values may have been computed already.
    days: BTreeSet<(Timestamp, String)>,
}

impl Summed {
    /// Nothing so far.
    pub fn at(now: Timestamp) -> Summed {
        let (counters, limits, days) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        Summed { now, counters, limits, days }
    }

    /// Adds an event; with `sign` -1 it takes it away again.
    pub fn add(&mut self, item: &EventItem, sign: i128) {
        let summary = &item.summary;
        // A day is computed when the hour of its end is over: before that nothing is late.
        if summary.time < self.now.start_of_hour() {
            self.days.insert((utc_day(summary.time).start, summary.category_code.clone()));
        }
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
        self.counters.len() + self.limits.len() + self.days.len()
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
        for (day, category) in &self.days {
            let mark = DayMark::new(transaction.store(), utc_day(*day), Some(category), shard);
            transaction.put(&mark);
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
