//! Reading raw events and rejections.

use axum::extract::State;
use deserr::Deserr;
use futures::future::try_join_all;
use millwright_core::{
    Error, FaultCode, Faults, Line, ProjectId, Result, TeamId, Timestamp, UserId,
};
use millwright_http::{
    Allowed, Answered, Listed, Listing, NoFilters, PathParameter, Representation, Versioned,
};
use millwright_store::{Index, Partition, Position, Query};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use crate::{
    app::Usage,
    domain::{CategoryCode, EventTypeName, UsageEventId},
    permissions::EventRead,
    store::{
        EventItem, EventKind, EventState, EventSummary, Rejection, RejectionItem, TIME_SHARDS,
        by_time, day_of, rejections,
    },
};

/// The longest span of a list of events.
const MAX_DAYS: i64 = 7;
const DAY: i64 = 24 * 3_600 * 1_000;

/// Filters of events.
#[derive(Clone, Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct EventFilters {
    /// From this time on; by default a day before `to`.
    #[deserr(default)]
    #[param(inline)]
    from: Option<Timestamp>,
    /// Before this time; by default now. At most seven days after `from`.
    #[deserr(default)]
    #[param(inline)]
    to: Option<Timestamp>,
    #[deserr(default)]
    #[param(inline)]
    category_code: Option<CategoryCode>,
    #[deserr(default, rename = "type")]
    #[param(inline, rename = "type")]
    kind: Option<EventTypeName>,
    #[deserr(default)]
    #[param(inline)]
    state: Option<EventState>,
    #[deserr(default)]
    #[param(inline)]
    event_kind: Option<EventKind>,
    #[deserr(default)]
    #[param(inline)]
    user_id: Option<UserId>,
    #[deserr(default)]
    #[param(inline)]
    team_id: Option<TeamId>,
    #[deserr(default)]
    #[param(inline)]
    project_id: Option<ProjectId>,
    #[deserr(default)]
    #[param(inline)]
    subject: Option<Line<1, 200>>,
}

impl EventFilters {
    fn admits(&self, event: &EventSummary) -> bool {
        let is = |wanted: Option<bool>| wanted.unwrap_or(true);
        is(self.category_code.as_ref().map(|it| it.as_str() == event.category_code))
            && is(self.kind.as_ref().map(|it| it.as_str() == event.event_type))
            && is(self.state.map(|it| it == event.state))
            && is(self.event_kind.map(|it| it == event.kind))
            && is(self.user_id.map(|it| Some(it) == event.user_id))
            && is(self.team_id.map(|it| Some(it) == event.team_id))
            && is(self.project_id.map(|it| Some(it) == event.project_id))
            && is(self.subject.as_ref().map(|it| Some(it.as_str()) == event.subject.as_deref()))
    }
}

/// A usage event with its data.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventView {
    #[serde(flatten)]
    summary: EventSummary,
    /// As it was sent.
    #[schema(value_type = Object)]
    data: Box<RawValue>,
    extensions: std::collections::BTreeMap<String, String>,
}

impl EventView {
    pub fn of(item: EventItem) -> Result<EventView> {
        let data = RawValue::from_string(item.data).map_err(Error::internal)?;
        Ok(EventView { summary: item.summary, data, extensions: item.extensions })
    }
}

impl Representation for EventView {
    fn version(&self) -> u64 {
        self.summary.version
    }

    fn location(&self) -> String {
        format!("/api/v1/usage/events/{}", self.summary.id)
    }
}

/// List usage events
///
/// Newest first, without their data. At most seven days at once. Eight queries for each day of it
/// that has events of the page.
#[utoipa::path(get, path = "/api/v1/usage/events", tag = "Events")]
pub async fn event_list(
    caller: Allowed<EventRead>,
    State(usage): State<Usage>,
    listing: Listing<EventFilters>,
) -> Answered<Listed<EventSummary>> {
    let tenant = caller.tenant();
    let filters = &listing.filters;
    let to = filters.to.unwrap_or_else(|| usage.store.clock().now());
    let from = filters.from.unwrap_or(Timestamp::from_millisecond(to.as_millisecond() - DAY));
    if to <= from || to.as_millisecond() - from.as_millisecond() > MAX_DAYS * DAY {
        let detail = "must be at most seven days after from";
        return Err(Error::fault("query:to", FaultCode::TooLarge, detail).into());
    }
    // Where the last page ended; the order is that of these texts.
    let mut before = match &listing.from {
        Some(position) => position.sort_key().to_owned(),
        None => to.to_string(),
    };
    let place = |sort_key: &str| Position::behind(&Partition::of(&tenant).and("ET").at(sort_key));
    let mut found: Vec<EventSummary> = Vec::new();
    // Residual filters: a page looks at so many days as its entries take, but not for ever.
    let mut examined = 0;
    let mut day_end = before.get(..24).and_then(|it| it.parse().ok()).unwrap_or(to);
    loop {
        let day = day_of(day_end);
        let shards = (0..TIME_SHARDS).map(|shard| {
            let query = Query::index(Index::Gsi1, by_time(&tenant, &day, shard))
                .until_sort_key(before.clone())
                .descending(true);
            let usage = usage.clone();
            async move { usage.store.page(&query, listing.limit + 1, None).await }
        });
        let mut keyed: Vec<(String, EventSummary)> = Vec::new();
        for page in try_join_all(shards).await? {
            for item in page.items {
                let event: EventSummary = item.decode_attribute("summary")?;
                keyed.push((format!("{}#{}", event.time, event.id), event));
            }
        }
        keyed.retain(|(key, event)| *key < before && from <= event.time);
        keyed.sort_by(|a, b| b.0.cmp(&a.0));
        // Beyond so many the shards may have left something out.
        let is_cut = keyed.len() > listing.limit;
        keyed.truncate(listing.limit);
        examined += keyed.len();
        for (key, event) in keyed {
            before = key;
            if filters.admits(&event) {
                found.push(event);
                if found.len() == listing.limit {
                    let next = place(&before);
                    return Ok(listing.page(found, Some(next)).await?);
                }
            }
        }
        if is_cut {
            if examined >= 1_000 {
                let next = place(&before);
                return Ok(listing.page(found, Some(next)).await?);
            }
            continue;
        }
        let midnight = day_end.as_millisecond().div_euclid(DAY) * DAY;
        if midnight <= from.as_millisecond() {
            return Ok(listing.page(found, None).await?);
        }
        day_end = Timestamp::from_millisecond(midnight - 1);
        before = Timestamp::from_millisecond(midnight).to_string();
    }
}

/// Read a usage event
///
/// Kept for 40 days. One read.
#[utoipa::path(get, path = "/api/v1/usage/events/{eventId}", tag = "Events")]
pub async fn event_get(
    caller: Allowed<EventRead>,
    State(usage): State<Usage>,
    PathParameter((id,)): PathParameter<(UsageEventId,)>,
) -> Answered<Versioned<EventView>> {
    let item: Option<EventItem> = usage.store.get(&EventItem::place(&caller.tenant(), id)).await?;
    Ok(Versioned(EventView::of(item.ok_or_else(|| Error::not_found("event"))?)?))
}

/// List rejected events
///
/// Events that were accepted and could not be counted, newest first, for 35 days, without their
/// data. One query.
#[utoipa::path(get, path = "/api/v1/usage/rejections", tag = "Events")]
pub async fn rejection_list(
    caller: Allowed<EventRead>,
    State(usage): State<Usage>,
    listing: Listing<NoFilters>,
) -> Answered<Listed<Rejection>> {
    let query = Query::partition(rejections(&caller.tenant())).descending(true);
    let page = usage.store.page(&query, listing.limit, listing.from.as_ref()).await?;
    let rejected: Result<Vec<Rejection>> = page
        .items
        .iter()
        .map(|item| item.decode::<RejectionItem>().map(|item| item.rejection))
        .collect();
    Ok(listing.page(rejected?, page.next).await?)
}
