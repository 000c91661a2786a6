//! Counting what is counted already anew: in the category that takes its type by now, or at the
//! prices that hold by now. What an event added is taken out and what it adds now put in within one
//! transaction, under the version of the event; so whoever does it twice changes nothing twice.

use millwright_core::{Error, Result, Tenant, Timestamp};
use millwright_store::Outcome;
use serde_json::value::RawValue;

use super::{
    Ingest, Summed,
    message::Incoming,
    note_events,
    prepare::{Prepared, prepare_as},
};
use crate::{
    app::Defined,
    domain::{COST, Category, CostSource, Scaled, UNCATEGORIZED, UsageEvent, extract, price_event},
    store::{EventItem, EventKind, EventState, MINUTES, Touch},
};

/// What is done anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// Uncategorized events that a category takes by now.
    Classify,
    /// The cost.
    Price,
}

/// How often an event is read again after somebody else changed it.
const MAX_LOSSES: usize = 20;

impl Ingest {
    /// Counts an event of a category anew; true if that changed anything. Nothing if there is
    /// nothing to change, else one transaction; for each time somebody else changed it meanwhile
    /// one more.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn count_again(
        &self,
        tenant: &Tenant,
        defined: &Defined,
        category: &Category,
        again: Again,
        before: EventItem,
    ) -> Result<bool> {
        let mut before = before;
        for _ in 0..MAX_LOSSES {
            let now = self.usage.store.clock().now();
            let after = match again {
                Again::Classify => self.classified(tenant, defined, category, &before, now).await?,
                Again::Price => priced(defined, category, &before),
            };
            let Some(mut after) = after else { return Ok(false) };
            let minutes_are_kept = now.since(before.summary.time) < MINUTES;
            let mut taken = before.clone();
            // Minutes that are gone by now must not come back with less than nothing.
            taken.by_minute &= minutes_are_kept;
            after.by_minute = taken.by_minute;
            after.version = before.version + 1;
            after.summary.version = after.version;
            let mut transaction = self.usage.store.transaction(tenant);
            let step = transaction.replace(&after, before.version);
            let mut summed = Summed::at(now);
            summed.add(&taken, -1);
            summed.add(&after, 1);
            summed.write(&mut transaction, self.shard(tenant).await?);
            match transaction.attempt().await? {
                Outcome::Done if again == Again::Classify => {
                    let meters = defined.0.meters.iter();
                    note_events(&self.usage, tenant, meters, &[after]).await?;
                    return Ok(true);
                }
                Outcome::Done => return Ok(true),
                Outcome::Refused(refusals) => {
                    let item = refusals.at(step).and_then(|refusal| refusal.item.as_ref());
                    match item {
                        Some(item) => before = item.decode()?,
                        // It is older than events are kept.
                        None => return Ok(false),
                    }
                }
            }
        }
        Err(Error::unavailable("an event keeps changing"))
    }

    /// None if it is where it belongs.
    async fn classified(
        &self,
        tenant: &Tenant,
        defined: &Defined,
        category: &Category,
        before: &EventItem,
        now: Timestamp,
    ) -> Result<Option<EventItem>> {
        let takes = |kind: &str| {
            category.event_types.0.iter().any(|own| own.as_str() == kind)
                && category.archived_at.is_none()
        };
        if !counts(before)
            || before.summary.category_code != UNCATEGORIZED
            || !takes(&before.summary.event_type)
        {
            return Ok(None);
        }
        let Some(incoming) = incoming(tenant, before) else { return Ok(None) };
        // What its metrics do not fit stays where it is.
        let Ok(prepared) = prepare_as(defined, category, &incoming, now) else { return Ok(None) };
        let mut prepared = [prepared];
        self.fold_rare_values(tenant, defined, &mut prepared).await?;
        self.mark_active(tenant, &prepared).await?;
        let [Prepared { item, .. }] = prepared;
        let kept = before.clone();
        Ok(Some(EventItem {
            counted_at: kept.counted_at,
            fingerprint: kept.fingerprint,
            extensions: kept.extensions,
            ..item
        }))
    }
}

fn counts(item: &EventItem) -> bool {
    item.summary.kind == EventKind::Event && item.summary.state == EventState::Counted
}

/// The event as it came.
fn as_it_came(item: &EventItem) -> Option<UsageEvent> {
    let summary = &item.summary;
    Some(UsageEvent {
        id: summary.event_id.clone(),
        source: summary.source.clone(),
        kind: summary.event_type.clone(),
        time: Some(summary.time),
        attribution: summary.attribution(),
        reservation_id: summary.reservation_id,
        extensions: item.extensions.clone(),
        data: RawValue::from_string(item.data.clone()).ok()?,
    })
}

fn incoming(tenant: &Tenant, item: &EventItem) -> Option<Incoming> {
    Some(Incoming {
        delivery: 0,
        mark: item.summary.id.to_string(),
        organization: tenant.organization()?,
        received_at: item.summary.received_at,
        of_bus: false,
        event: as_it_came(item)?,
    })
}

/// The event at the prices of now; what it counted else stays. None if it costs the same.
fn priced(defined: &Defined, category: &Category, before: &EventItem) -> Option<EventItem> {
    if !counts(before) || before.summary.category_code != category.code.as_str() {
        return None;
    }
    let mut extracted = extract(category, &as_it_came(before)?).ok()?;
    // Metrics that were added since do not count for what is older.
    extracted.quantities.clone_from(&before.summary.quantities);
    let priced =
        price_event(defined.prices(), category.code.as_str(), &extracted, before.summary.time)
            .ok()?;
    let summary = &before.summary;
    if priced.cost == before.cost
        && priced.source == summary.cost_source
        && priced.price_ids == summary.price_ids
    {
        return None;
    }
    let mut after = before.clone();
    after.touches = touches(defined, before, priced.cost.pico());
    after.cost = priced.cost;
    after.summary.cost_micros = priced.cost.micros();
    after.summary.cost_source = priced.source;
    after.summary.price_ids = priced.price_ids;
    debug_assert!(after.cost.is_zero() || after.summary.cost_source != CostSource::None);
    Some(after)
}

/// What it adds to limits at another cost: in the windows it was counted in, and in those of limits
/// that it did not touch while it cost nothing.
fn touches(defined: &Defined, before: &EventItem, cost: i128) -> Vec<Touch> {
    let difference = cost - before.cost.pico();
    let measure_of = |touch: &Touch| {
        let limit = defined.0.limits.iter().find(|limit| limit.id == touch.limit_id)?;
        Some(limit.measure.clone())
    };
    let mut all = before.touches.clone();
    for touch in &mut all {
        if measure_of(touch).as_deref() == Some(COST) {
            touch.amount = Scaled(touch.amount.0 + difference);
        }
    }
    let summary = &before.summary;
    let who = summary.attribution();
    for (limit, scope_id) in defined.limits_of(&summary.category_code, &summary.dimensions, &who) {
        let is_there =
            all.iter().any(|touch| touch.limit_id == limit.id && touch.scope_id == scope_id);
        let is_younger = limit.created_at > before.counted_at;
        if limit.measure != COST || is_there || cost == 0 || is_younger {
            continue;
        }
        if let Ok(window) = limit.window(summary.time) {
            let limit_id = limit.id;
            all.push(Touch { limit_id, scope_id, window, amount: Scaled(cost) });
        }
    }
    all
}
