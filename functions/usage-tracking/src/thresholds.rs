//! usage-tracking-on-limits: alerts as soon as a limit has been used up to a threshold of it.
//!
//! The stream of the table says how a counter stands after each change, so whoever counts pays
//! nothing for it: a transaction cannot tell what its additions came to, and reading the counter
//! again would double the price of every use. Changes come at least once; the mark of a threshold,
//! put if absent in the transaction of its alert, makes it one alert of each limit, scope, window,
//! threshold and limit value, whoever else is at it and wherever a worker dies.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use millwright_core::{Result, Tenant, Voucher};
use millwright_event::Effects;
use millwright_runtime::Change;
use millwright_store::{Item, RawItem};

use crate::{
    app::{Defined, Usage},
    domain::{Alert, AlertType, Counted, Limit, LimitId, Severity, Status, Window, shown},
    events::{
        BudgetExceeded, BudgetThresholdReached, QuotaExceeded, QuotaThresholdReached, ThresholdData,
    },
    store::{LimitCounter, OnceMarker, key_part},
};

/// What is used beyond this percentage is said to exceed the limit.
const WHOLE: u16 = 100;
/// The memory of what was told is emptied when it grows beyond this.
const MAX_REMEMBERED: usize = 20_000;

/// The worker and what it remembers. Memory only saves calls.
#[derive(Clone)]
pub struct Thresholds {
    usage: Usage,
    told: Arc<Mutex<HashSet<(Tenant, String)>>>,
}

/// A counter after a change.
#[derive(Clone, Debug)]
struct Counter {
    tenant: Tenant,
    place: LimitCounter,
    counted: Counted,
}

#[allow(clippy::disallowed_methods, reason = "the stream of our own table")]
fn tenant_of(item: &RawItem) -> Option<Tenant> {
    let organization = item.partition_key().strip_prefix("ORG#")?.split('#').next()?;
    Some(Tenant::vouched(organization.parse().ok()?, Voucher::Event))
}

impl Counter {
    fn read(item: &RawItem) -> Option<Counter> {
        let limit_id: LimitId = item.text("limitId")?.parse().ok()?;
        let window = Window {
            start: item.text("windowStart")?.parse().ok()?,
            end: item.text("windowEnd")?.parse().ok()?,
        };
        let scope_id = item.text("scopeId").unwrap_or_default().to_owned();
        let place = LimitCounter { limit_id, scope_id, window };
        Some(Counter {
            tenant: tenant_of(item)?,
            place,
            counted: LimitCounter::counted(Some(item)),
        })
    }
}

/// One threshold that a counter has reached.
#[derive(Clone, Debug)]
struct Reached {
    threshold: u16,
    status: Status,
}

/// What tells one alert from another.
fn mark(limit: &Limit, it: &Reached) -> String {
    let Reached { threshold, status } = it;
    let (scope, start) = (key_part(&status.scope_id), status.window.start);
    // A limit that was changed or topped up has thresholds of its own.
    let value = status.limit + status.counted.extra;
    format!("THRESHOLD#{}#{scope}#{start}#{threshold}#{value}", limit.id)
}

/// The thresholds that are reached; the whole of it is one, named or not.
fn reached(limit: &Limit, counter: &Counter) -> Vec<Reached> {
    let status = limit.status(&counter.place.scope_id, counter.place.window, counter.counted);
    let mut thresholds: BTreeSet<u16> = limit.thresholds.iter().copied().collect();
    thresholds.insert(WHOLE);
    let thresholds = thresholds.into_iter().filter(|it| i128::from(*it) <= status.percent);
    thresholds.map(|threshold| Reached { threshold, status: status.clone() }).collect()
}

impl Thresholds {
    pub fn new(usage: Usage) -> Thresholds {
        Thresholds { usage, told: Arc::default() }
    }

    /// Works on changed counters; answers the sequence number of the first that failed. Nothing is
    /// called while no threshold is reached that this process has not told; then one BatchGetItem
    /// for a counter and one transaction for each new threshold. Definitions are ten seconds old.
    pub async fn watch(&self, changes: Vec<Change>) -> Option<String> {
        for (first, counters) in by_counter(&changes) {
            let watched = self.watch_counter(&counters).await;
            if let Err(error) = watched {
                tracing::error!(%error, "counter not watched");
                return Some(first);
            }
        }
        None
    }

    /// All states of one counter, in their order: what was reached in between counts, too.
    async fn watch_counter(&self, counters: &[Counter]) -> Result<()> {
        let Some(Counter { tenant, place, .. }) = counters.first() else { return Ok(()) };
        let find = |defined: &Defined| {
            defined.0.limits.iter().find(|limit| limit.id == place.limit_id).cloned()
        };
        let limit = match find(&*self.usage.defined(tenant).await?) {
            Some(limit) => Some(limit),
            // Younger than what is remembered.
            None => find(&*self.usage.defined_now(tenant).await?),
        };
        let Some(limit) = limit.filter(|limit| limit.archived_at.is_none()) else { return Ok(()) };
        let mut new: BTreeMap<String, Reached> = BTreeMap::new();
        for counter in counters {
            for it in reached(&limit, counter) {
                let mark = mark(&limit, &it);
                if !self.has_told(tenant, &mark) {
                    new.entry(mark).or_insert(it);
                }
            }
        }
        if new.is_empty() {
            return Ok(());
        }
        let now = self.usage.store.clock().now();
        let place = |what: &String| OnceMarker { what: what.clone(), at: now }.key(tenant);
        let places: Vec<_> = new.keys().map(place).collect();
        for item in self.usage.store.get_many(&places).await? {
            let marker: OnceMarker = item.decode()?;
            new.remove(&marker.what);
            self.remember(tenant, marker.what);
        }
        let mut new: Vec<(String, Reached)> = new.into_iter().collect();
        new.sort_by_key(|(_, it)| it.threshold);
        for (mark, it) in new {
            self.tell(tenant, &limit, mark.clone(), &it).await?;
            self.remember(tenant, mark);
        }
        Ok(())
    }

    async fn tell(&self, tenant: &Tenant, limit: &Limit, mark: String, it: &Reached) -> Result<()> {
        let Reached { threshold, status } = it;
        let data = ThresholdData::of(limit, status, *threshold);
        let exceeded = |effects: &mut Effects| match (*threshold == WHOLE, limit.is_budget()) {
            (false, _) => Ok(()),
            (true, false) => effects.emit(&QuotaExceeded(data.clone())),
            (true, true) => effects.emit(&BudgetExceeded(data.clone())),
        };
        if !limit.thresholds.contains(threshold) {
            let mut effects = self.usage.own_effects(tenant);
            effects.create(&OnceMarker { what: mark, at: self.usage.store.clock().now() });
            exceeded(&mut effects)?;
            return effects.attempt().await.map(drop);
        }
        let kind = match limit.is_budget() {
            true => AlertType::BudgetThreshold,
            false => AlertType::QuotaThreshold,
        };
        // It is over with its window.
        self.usage.take_down(tenant, status.window.end).await?;
        let alert = Alert {
            limit_id: Some(limit.id),
            scope_type: Some(limit.scope_type),
            scope_id: (!status.scope_id.is_empty()).then(|| status.scope_id.clone()),
            threshold: Some(*threshold),
            value: Some(shown(&limit.measure, status.counted.used)),
            limit: Some(shown(&limit.measure, status.limit + status.counted.extra)),
            window_start: Some(status.window.start),
            window_end: Some(status.window.end),
            ..self.usage.alert(kind, Severity::of(*threshold))
        };
        let further = |effects: &mut Effects| {
            match limit.is_budget() {
                false => effects.emit(&QuotaThresholdReached(data.clone()))?,
                true => effects.emit(&BudgetThresholdReached(data.clone()))?,
            }
            exceeded(effects)
        };
        self.usage.raise(tenant, mark, alert, further).await.map(drop)
    }

    fn has_told(&self, tenant: &Tenant, mark: &str) -> bool {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.contains(&(*tenant, mark.to_owned()))
    }

    fn remember(&self, tenant: &Tenant, mark: String) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= MAX_REMEMBERED {
            told.clear();
        }
        told.insert((*tenant, mark));
    }
}

/// The states of each counter in their order, with where in the stream the first of them is; in the
/// order of the stream.
fn by_counter(changes: &[Change]) -> Vec<(String, Vec<Counter>)> {
    let mut places: Vec<(Tenant, LimitCounter)> = Vec::new();
    let mut all: Vec<(String, Vec<Counter>)> = Vec::new();
    for change in changes {
        let Some(counter) = Counter::read(&change.item) else { continue };
        let place = (counter.tenant, counter.place.clone());
        match places.iter().position(|other| *other == place) {
            Some(at) => all[at].1.push(counter),
            None => {
                places.push(place);
                all.push((change.sequence_number.clone(), vec![counter]));
            }
        }
    }
    all
}
