//! Reading raw events and rejections.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{
    Error, FaultCode, Faults, Line, ProjectId, Result, TeamId, Tenant, Timestamp, UserId,
};
use millwright_http::{
    Allowed, Answered, Listed, Listing, NoFilters, PathParameter, Representation, Versioned,
};
use millwright_store::{Index, Partition, Position, Query, RawItem, Timeline, schema::SUMMARY};
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
    let timeline = ByTime { tenant: &tenant, filters };
    let behind = listing.from.as_ref().map(Position::sort_key);
    let (found, next) = usage.store.newest(&timeline, from, to, behind, listing.limit).await?;
    let place = |key: String| Position::behind(&Partition::of(&tenant).and("ET").at(key));
    Ok(listing.page(found, next.map(place)).await?)
}

/// The events of an organization by their own time.
struct ByTime<'a> {
    tenant: &'a Tenant,
    filters: &'a EventFilters,
}

impl Timeline for ByTime<'_> {
    type Entry = EventSummary;

    fn of_day(&self, at: Timestamp) -> Vec<Query> {
        let of_shard = |shard| Query::index(Index::Gsi1, by_time(self.tenant, &day_of(at), shard));
        (0..TIME_SHARDS).map(of_shard).collect()
    }

    fn key_at(&self, at: Timestamp) -> String {
        at.to_string()
    }

    fn moment_of(&self, key: &str) -> Option<Timestamp> {
        key.get(..24)?.parse().ok()
    }

    fn read(&self, item: &RawItem) -> Result<(String, Option<EventSummary>)> {
        let event: EventSummary = item.decode_attribute(SUMMARY)?;
        let key = format!("{}#{}", event.time, event.id);
        Ok((key, self.filters.admits(&event).then_some(event)))
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
