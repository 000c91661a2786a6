//! From an event to what it counts: no I/O.

use std::{collections::BTreeMap, time::Duration};

use millwright_core::{Code, Result, Tenant, Timestamp};

use super::message::Incoming;
use crate::{
    app::Defined,
    codes,
    domain::{
        Attribution, COST, COUNT, Category, Cost, CostSource, Extracted, Priced, Quantity, Scaled,
        UNCATEGORIZED, UnknownTypes, UsageEvent, extract, price_event, scaled, usage_event_id,
    },
    store::{EventItem, EventKind, EventState, EventSummary, LimitCounter, MINUTES, Touch},
};

/// The oldest event that is accepted, at its receipt.
pub const MAX_AGE: Duration = Duration::from_secs(35 * 24 * 3_600);
/// The oldest that is counted: its marker must outlive every duplicate that is accepted.
pub const MAX_AGE_COUNTED: Duration = Duration::from_secs(39 * 24 * 3_600);
/// How far a clock may be ahead.
pub const MAX_AHEAD: Duration = Duration::from_secs(5 * 60);

/// An event with all it counts.
#[derive(Clone, Debug)]
pub struct Prepared {
    pub item: EventItem,
    pub mark: String,
    /// The caller's reference of a reservation.
    pub reference: Option<String>,
    /// What it comes to, by measure, as limits count it.
    pub amounts: BTreeMap<String, i128>,
}

/// Why an event is not counted.
#[derive(Clone, Debug)]
pub struct Refused {
    pub code: Code,
    pub detail: String,
}

fn refused(code: Code, detail: impl Into<String>) -> Refused {
    Refused { code, detail: detail.into() }
}

/// # Errors
/// `event_too_old`, `event_in_future`.
pub fn check_time(time: Timestamp, received_at: Timestamp) -> Result<(), Refused> {
    if received_at.since(time) > MAX_AGE {
        return Err(refused(codes::EVENT_TOO_OLD, "events are taken for 35 days"));
    }
    if time.since(received_at) > MAX_AHEAD {
        return Err(refused(codes::EVENT_IN_FUTURE, "its time is more than 5 minutes ahead"));
    }
    Ok(())
}

/// Classifies, extracts, prices and finds the limits of an event.
pub fn prepare(
    defined: &Defined,
    _tenant: &Tenant,
    incoming: &Incoming,
    now: Timestamp,
) -> Result<Option<Prepared>, Refused> {
    let event = &incoming.event;
    let time = event.time.unwrap_or(incoming.received_at);
    if incoming.of_bus {
        check_time(time, now)?;
    }
    if now.since(time) > MAX_AGE_COUNTED {
        return Err(refused(codes::EVENT_TOO_OLD, "it waited until it was older than 39 days"));
    }
    let Some(category) = defined.classify(&event.kind) else { return Ok(None) };
    prepare_as(defined, category, incoming, now).map(Some)
}

/// The same for a category that is known.
pub fn prepare_as(
    defined: &Defined,
    category: &Category,
    incoming: &Incoming,
    now: Timestamp,
) -> Result<Prepared, Refused> {
    let event = &incoming.event;
    let time = event.time.unwrap_or(incoming.received_at);
    let is_unknown = category.code.as_str() == UNCATEGORIZED;
    if is_unknown && defined.settings().unknown_types == UnknownTypes::Reject {
        return Err(refused(codes::UNKNOWN_EVENT_TYPE, "no category takes this type"));
    }
    let extracted =
        extract(category, event).map_err(|detail| refused(codes::METRIC_INVALID, detail))?;
    let priced = price_event(defined.prices(), category.code.as_str(), &extracted, time)
        .map_err(|detail| refused(codes::METRIC_INVALID, detail))?;
    let id = usage_event_id(incoming.organization, &event.source, &event.id);
    let mut counted = extracted.quantities.clone();
    counted.insert(COUNT.to_owned(), Quantity::ONE);
    let carried = category
        .metrics
        .0
        .iter()
        .filter(|it| it.counts_carriers() && extracted.quantities.contains_key(it.name.as_str()))
        .map(|it| it.name.to_string())
        .collect();
    let Extracted { quantities, dimensions, reference, .. } = extracted;
    let UsageEvent { attribution, reservation_id, extensions, .. } = event.clone();
    let Attribution { user_id, team_id, project_id, subject } = attribution;
    let Priced { cost, source, price_ids } = priced;
    let item = EventItem {
        version: 1,
        summary: EventSummary {
            id,
            event_id: event.id.clone(),
            source: event.source.clone(),
            event_type: event.kind.clone(),
            kind: EventKind::Event,
            state: EventState::Counted,
            time,
            received_at: incoming.received_at,
            user_id,
            team_id,
            project_id,
            subject,
            reservation_id,
            category_code: category.code.to_string(),
            quantities,
            dimensions,
            cost_micros: cost.micros(),
            cost_source: source,
            price_ids,
            voided_at: None,
            voided_by: None,
            void_reason: None,
            version: 1,
        },
        data: event.data.get().to_owned(),
        extensions,
        fingerprint: event.fingerprint(),
        cost,
        counted,
        carried,
        touches: Vec::new(),
        by_minute: now.since(time) < MINUTES,
        counted_at: now,
    };
    let mut prepared =
        Prepared { amounts: amounts(&item), item, mark: incoming.mark.clone(), reference };
    prepared.find_limits(defined).map_err(|error| refused(error.code(), error.to_string()))?;
    Ok(prepared)
}

/// What somebody mends: counted as an event is, with signed quantities.
///
/// # Errors
/// `window_unavailable` at the ends of time.
pub fn prepare_correction(
    defined: &Defined,
    category: &Category,
    mut item: EventItem,
) -> Result<Prepared> {
    item.carried.clear();
    item.summary.cost_source = match item.cost.is_zero() {
        true => CostSource::None,
        false => CostSource::Reported,
    };
    item.summary.category_code = category.code.to_string();
    let mut prepared =
        Prepared { amounts: amounts(&item), item, mark: String::new(), reference: None };
    prepared.find_limits(defined)?;
    Ok(prepared)
}

fn amounts(item: &EventItem) -> BTreeMap<String, i128> {
    let mut amounts: BTreeMap<String, i128> =
        item.counted.iter().map(|(name, it)| (name.clone(), scaled(name, *it))).collect();
    amounts.insert(COST.to_owned(), item.cost.pico());
    amounts
}

impl Prepared {
    /// The limits it adds to, unless a reservation stands for it.
    fn find_limits(&mut self, defined: &Defined) -> Result<()> {
        let EventSummary { category_code, dimensions, time, .. } = &self.item.summary;
        let who = self.item.summary.attribution();
        let mut touches = Vec::new();
        for (limit, scope_id) in defined.limits_of(category_code, dimensions, &who) {
            let amount = self.amounts.get(&limit.measure).copied().unwrap_or(0);
            if amount == 0 {
                continue;
            }
            let counter = LimitCounter::of(limit, scope_id, *time)?;
            let LimitCounter { limit_id, scope_id, window } = counter;
            touches.push(Touch { limit_id, scope_id, window, amount: Scaled(amount) });
        }
        self.item.touches = touches;
        Ok(())
    }

    pub fn cost(&self) -> Cost {
        self.item.cost
    }
}
