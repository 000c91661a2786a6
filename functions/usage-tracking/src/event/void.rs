//! Taking an event back.

use std::time::Duration;

use axum::extract::State;
use deserr::Deserr;
use futures::future::try_join_all;
use millwright_core::{Error, Faults, Result, Tenant, Timestamp};
use millwright_http::{Allowed, Answered, PathParameter, Submission, Versioned};
use millwright_store::{Contention, Index, Query};
use utoipa::ToSchema;

use super::list::EventView;
use crate::{
    app::Usage,
    codes,
    domain::{Cost, Meter, ReasonText, UsageEventId},
    events::{EventVoided, MendedData},
    ingest::{Summed, note_events, value_of},
    permissions::EventVoid,
    statement::is_final,
    store::{EventItem, EventState, MINUTES, MeterKey, TIME_SHARDS, by_time, day_of, quarter_of},
};

/// Why an event is taken back.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "reason": "counted twice by the runner" }))]
pub struct VoidIn {
    reason: ReasonText,
}

/// What an event tells of itself when it is mended.
pub fn mended(item: &EventItem, reason: &str) -> MendedData {
    let quantities = item.counted.iter().map(|(name, it)| (name.clone(), it.to_string()));
    MendedData {
        event_id: item.summary.id.to_string(),
        category_code: item.summary.category_code.clone(),
        quantities: quantities.collect(),
        cost_micros: Cost::micros(item.cost),
        reason: reason.to_owned(),
    }
}

/// Void a usage event
///
/// Takes what it counted out of every counter, limit and cost, once. One read and one transaction; the
/// first time in an hour two entries in the calendar of what falls due. For each meter of its
/// category that cannot be added up the hour is read and computed again.
#[utoipa::path(post, path = "/api/v1/usage/events/{eventId}/void", tag = "Events")]
pub async fn event_void(
    caller: Allowed<EventVoid>,
    State(usage): State<Usage>,
    PathParameter((id,)): PathParameter<(UsageEventId,)>,
    submission: Submission<VoidIn>,
) -> Answered<Versioned<EventView>> {
    let tenant = caller.tenant();
    let reason = submission.input.reason.as_str();
    let attempt = || async {
        let item: Option<EventItem> = usage.store.get(&EventItem::place(&tenant, id)).await?;
        let before = item.ok_or_else(|| Error::not_found("event"))?;
        if before.summary.state == EventState::Voided {
            return Err(Error::new(codes::EVENT_ALREADY_VOIDED, "it counts no longer"));
        }
        let stamp = usage.stamp(&caller);
        let defined = usage.defined(&tenant).await?;
        if is_final(&defined, before.summary.time, stamp.at) {
            let detail = "the statement of its month is final";
            return Err(Error::new(codes::STATEMENT_FINAL, detail));
        }
        // Before the transaction: who dies between the two has made the roll-up look in vain.
        usage.take_down_days(&tenant, &defined.settings().time_zone, stamp.at).await?;
        let mut after = before.clone();
        after.version += 1;
        after.summary.version = after.version;
        after.summary.state = EventState::Voided;
        after.summary.voided_at = Some(stamp.at);
        after.summary.voided_by = Some(stamp.by.clone());
        after.summary.void_reason = Some(reason.to_owned());
        let mut write = submission.write(&usage.store, &caller);
        let step = write.replace(&after, before.version);
        write.refused_as(step, Error::lost_race());
        let mut summed = Summed::at(stamp.at);
        let mut taken = before.clone();
        // Minutes that are gone by now must not come back with less than nothing.
        taken.by_minute &= stamp.at.since(before.summary.time) < MINUTES;
        summed.add(&taken, -1);
        summed.write(&mut write, 0);
        write.emit(&EventVoided(mended(&before, reason)))?;
        write.commit(Versioned(EventView::of(after.clone())?)).await.map(|answer| (after, answer))
    };
    let (after, answer) = Contention::new(&usage.store).settle(&usage.store, attempt).await?;
    let defined = usage.defined(&tenant).await?;
    for meter in &defined.0.meters {
        let mut counted = after.clone();
        counted.summary.state = EventState::Counted;
        let concerned = !meter.aggregation.is_additive() && value_of(meter, &counted).is_some();
        if concerned && meter.archived_at.is_none() {
            compute_hour_again(&usage, &tenant, meter, &after).await?;
        }
    }
    Ok(answer)
}

/// Forgets the hours of a meter that an event was part of, and notes again what still counts.
async fn compute_hour_again(
    usage: &Usage,
    tenant: &Tenant,
    meter: &Meter,
    voided: &EventItem,
) -> Result<()> {
    let (hour, _) = quarter_of(voided.summary.time);
    let end = hour.plus(Duration::from_secs(3_600));
    let events = events_between(usage, tenant, hour, end).await?;
    for (scope, scope_id) in voided.summary.attribution().scopes() {
        let dimensions = voided.summary.dimensions.clone();
        let key = MeterKey { meter: meter.id, scope, scope_id, hour, dimensions };
        key.forget(&usage.store, tenant, meter.aggregation).await?;
    }
    let same: Vec<EventItem> = events
        .into_iter()
        .filter(|item| item.summary.id != voided.summary.id)
        .filter(|item| item.summary.dimensions == voided.summary.dimensions)
        .collect();
    note_events(usage, tenant, std::iter::once(meter), &same).await
}

/// The raw events of a span within one UTC day. Eight Queries of the index, and one BatchGetItem
/// per hundred of them.
async fn events_between(
    usage: &Usage,
    tenant: &Tenant,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<EventItem>> {
    const MAX: usize = 1_000_000;
    let day = day_of(from);
    let shards = (0..TIME_SHARDS).map(|shard| {
        let query = Query::index(Index::Gsi1, by_time(tenant, &day, shard));
        async move { usage.store.collect(&query.from_sort_key(from.to_string()), MAX).await }
    });
    let mut places = Vec::new();
    for items in try_join_all(shards).await? {
        for item in items {
            let summary: crate::store::EventSummary = item.decode_attribute("summary")?;
            if from <= summary.time && summary.time < to {
                places.push(EventItem::place(tenant, summary.id));
            }
        }
    }
    usage.store.get_many(&places).await?.iter().map(|item| item.decode()).collect()
}
