//! Meters: defined, asked.

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
    time::Duration,
};

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{
    Bounded, Change, Error, Faults, InputError, Line, Result, Tenant, Timestamp,
};
use millwright_http::{
    Allowed, Answered, Body, Caller, Created, IfMatch, Listed, Listing, NoContent, NoFilters,
    Parameters, PathParameter, Plain, Representation, Submission, Versioned, extract::Several,
};
use millwright_store::{Contention, Position};
use serde::Serialize;
use utoipa::{
    IntoParams, PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use super::{
    Filter, MAX_ROWS, MeterAnswer, Question, Range, Row, ask, ask_meter, categories_of,
    check_groups, filled, gathered, is_complete, permitted_scope,
};
use crate::{
    app::{Defined, Usage},
    codes,
    domain::{
        Aggregation, COST, COUNT, Category, CategoryPattern, Cost, Labels, MeasureName, Meter,
        MeterId, Name, Quantity, ScopeType, Slug, UpTo, Window, WindowSize, Zone,
    },
    events::{DefinitionData, MeterArchived, MeterCreated, MeterUpdated, changes},
    monthly::add_monthly,
    permissions::{MeterManage, MeterRead, ReportRead},
    store::{MeterItem, UniqueMarker, definitions},
};

const MAX_METERS: usize = 200;
/// Meters that cannot be added up.
const MAX_NOTING: usize = 20;
/// How long an instance may not know of a new meter.
const UNNOTICED: Duration = Duration::from_secs(10);

/// A meter's id or slug.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MeterReference {
    Id(MeterId),
    Slug(Slug),
}

impl FromStr for MeterReference {
    type Err = InputError;

    fn from_str(text: &str) -> Result<MeterReference, InputError> {
        match text.parse() {
            Ok(id) => Ok(MeterReference::Id(id)),
            Err(_) => text.parse().map(MeterReference::Slug),
        }
    }
}

impl PartialSchema for MeterReference {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new()
            .schema_type(Type::String)
            .max_length(Some(63))
            .pattern(Some("^[a-z][a-z0-9_]{1,62}$"))
            .description(Some("Id or slug"));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl ToSchema for MeterReference {}

/// A new meter.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "slug": "ai_output_tokens", "name": "Output tokens", "categoryPattern": "ai.completion",
    "aggregation": "sum", "metric": "outputTokens", "groupBy": ["model"],
}))]
pub struct MeterIn {
    slug: Slug,
    name: Name,
    category_pattern: CategoryPattern,
    aggregation: Aggregation,
    /// Of all but counts; a sum may be of `cost`.
    #[deserr(default)]
    #[schema(required = false)]
    metric: Option<MeasureName>,
    /// Of what different values are counted: a dimension, `user`, `subject` or a metric.
    #[deserr(default)]
    #[schema(required = false)]
    unique_of: Option<MeasureName>,
    /// Dimensions of all its categories.
    #[deserr(default)]
    #[schema(required = false)]
    group_by: UpTo<MeasureName, 5>,
    /// Values of dimensions that count.
    #[deserr(default)]
    #[schema(required = false)]
    filters: BTreeMap<String, Vec<String>>,
}

/// A change of a meter. What it measures stays.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "name": "Tokens that were written" }))]
pub struct MeterPatchIn {
    #[deserr(default)]
    #[schema(required = false)]
    name: Change<Name>,
}

/// A meter.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(rename_all = "camelCase", example = json!({
    "id": "mtr_01jdz7xk2nf5h9vq3w8c6m4t0b", "slug": "ai_output_tokens", "name": "Output tokens",
    "categoryPattern": "ai.completion", "aggregation": "sum", "metric": "outputTokens",
    "uniqueOf": null, "groupBy": ["model"], "filters": {}, "countedFrom": null,
    "archivedAt": null, "version": 1, "createdAt": "2026-11-23T01:04:58.000Z",
    "createdBy": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b", "updatedAt": "2026-11-23T01:04:58.000Z",
}))]
pub struct MeterView {
    id: MeterId,
    slug: Slug,
    name: Name,
    category_pattern: CategoryPattern,
    aggregation: Aggregation,
    metric: Option<String>,
    unique_of: Option<String>,
    group_by: Vec<String>,
    filters: BTreeMap<String, Vec<String>>,
    /// From when on one that cannot be added up counts; null: all that is kept.
    counted_from: Option<Timestamp>,
    archived_at: Option<Timestamp>,
    version: u64,
    created_at: Timestamp,
    created_by: String,
    updated_at: Timestamp,
}

impl From<&Meter> for MeterView {
    fn from(meter: &Meter) -> MeterView {
        let it = meter.clone();
        MeterView {
            id: it.id,
            slug: it.slug,
            name: it.name,
            category_pattern: it.category_pattern,
            aggregation: it.aggregation,
            metric: it.metric,
            unique_of: it.unique_of,
            group_by: it.group_by,
            filters: it.filters,
            counted_from: it.counted_from,
            archived_at: it.archived_at,
            version: it.version,
            created_at: it.created_at,
            created_by: it.created_by,
            updated_at: it.updated_at,
        }
    }
}

impl Representation for MeterView {
    fn version(&self) -> u64 {
        self.version
    }

    fn location(&self) -> String {
        format!("/api/v1/usage/meters/{}", self.id)
    }
}

fn data(before: Option<&Meter>, after: &Meter) -> DefinitionData {
    DefinitionData {
        name: after.slug.to_string(),
        version: after.version,
        changes: before.map(|it| changes(Some(it), Some(after))).unwrap_or_default(),
    }
}

/// Finds a meter among the definitions.
///
/// # Errors
/// `not_found`.
pub fn find_meter<'d>(defined: &'d Defined, reference: &MeterReference) -> Result<&'d Meter> {
    let is_it = |meter: &&Meter| match reference {
        MeterReference::Id(id) => meter.id == *id,
        MeterReference::Slug(slug) => meter.slug == *slug && meter.archived_at.is_none(),
    };
    defined.0.meters.iter().find(is_it).ok_or_else(|| Error::not_found("meter"))
}

/// Create a meter
///
/// Counts, sums and averages exist over all that is kept at once; the others count from their
/// creation, at most 20 of them. Two queries and one transaction.
#[utoipa::path(post, path = "/api/v1/usage/meters", tag = "Meters")]
pub async fn meter_create(
    caller: Allowed<MeterManage>,
    State(usage): State<Usage>,
    submission: Submission<MeterIn>,
) -> Answered<Created<MeterView>> {
    let (submission, input) = submission.take();
    let defined = usage.defined_now(&caller.tenant()).await?;
    let present = || defined.0.meters.iter().filter(|it| it.archived_at.is_none());
    if present().count() >= MAX_METERS {
        return Err(Error::limit_reached("meters", MAX_METERS as u64).into());
    }
    let notes = !input.aggregation.is_additive();
    if notes && present().filter(|it| !it.aggregation.is_additive()).count() >= MAX_NOTING {
        let what = "meters of min, max, unique_count and latest";
        return Err(Error::limit_reached(what, MAX_NOTING as u64).into());
    }
    let stamp = usage.stamp(&caller);
    let meter = Meter {
        id: usage.store.ids().next(),
        slug: input.slug,
        name: input.name,
        category_pattern: input.category_pattern,
        aggregation: input.aggregation,
        metric: input.metric.map(|it| it.to_string()),
        unique_of: input.unique_of.map(|it| it.to_string()),
        group_by: input.group_by.0.iter().map(ToString::to_string).collect(),
        filters: input.filters,
        counted_from: notes.then(|| stamp.at.plus(UNNOTICED)),
        archived_at: None,
        version: 1,
        created_at: stamp.at,
        created_by: stamp.by,
        updated_at: stamp.at,
    };
    meter.check(&defined.matching(&meter.category_pattern))?;
    let mut write = submission.write(&usage.store, &caller);
    write.create(&MeterItem(meter.clone()));
    let step = write.create(&UniqueMarker::new("slug", meter.slug.as_str(), meter.id));
    write.refused_as(step, Error::new(codes::SLUG_TAKEN, "another meter has this slug"));
    write.emit(&MeterCreated(data(None, &meter)))?;
    let created = write.commit(Created(MeterView::from(&meter))).await?;
    usage.forget(&caller.tenant());
    Ok(created)
}

/// List meters
///
/// By slug. Two queries.
#[utoipa::path(get, path = "/api/v1/usage/meters", tag = "Meters")]
pub async fn meter_list(
    caller: Allowed<MeterRead>,
    State(usage): State<Usage>,
    listing: Listing<NoFilters>,
) -> Answered<Listed<MeterView>> {
    let tenant = caller.tenant();
    let defined = usage.defined_now(&tenant).await?;
    let after = listing.from.as_ref().map(|position| position.sort_key().to_owned());
    let mut all: Vec<&Meter> =
        defined.0.meters.iter().filter(|it| it.archived_at.is_none()).collect();
    all.sort_by(|a, b| a.slug.cmp(&b.slug));
    all.retain(|it| after.as_deref().is_none_or(|after| it.slug.as_str() > after));
    let has_more = all.len() > listing.limit;
    all.truncate(listing.limit);
    let last = all.last().map(|it| Position::behind(&definitions(&tenant).at(&it.slug)));
    let items = all.into_iter().map(MeterView::from).collect();
    Ok(listing.page(items, last.filter(|_| has_more)).await?)
}

/// Read a meter
///
/// Two queries.
#[utoipa::path(get, path = "/api/v1/usage/meters/{meter}", tag = "Meters")]
pub async fn meter_get(
    caller: Allowed<MeterRead>,
    State(usage): State<Usage>,
    PathParameter((reference,)): PathParameter<(MeterReference,)>,
) -> Answered<Versioned<MeterView>> {
    let defined = usage.defined_now(&caller.tenant()).await?;
    Ok(Versioned(MeterView::from(find_meter(&defined, &reference)?)))
}

impl Usage {
    async fn change_meter(
        &self,
        caller: &Caller,
        reference: &MeterReference,
        if_match: &IfMatch,
        change: impl Fn(&mut Meter, Timestamp),
    ) -> Result<Meter> {
        let tenant = caller.tenant();
        let attempt = || async {
            let defined = self.defined_now(&tenant).await?;
            let before = find_meter(&defined, reference)?.clone();
            if_match.check(before.version)?;
            let mut after = before.clone();
            let now = self.stamp(caller).at;
            change(&mut after, now);
            if after == before {
                return Ok(before);
            }
            after.version += 1;
            after.updated_at = now.max(before.updated_at);
            let mut write = caller.write(&self.store);
            let step = write.replace(&MeterItem(after.clone()), before.version);
            write.refused_as(step, Error::lost_race());
            if after.archived_at.is_some() {
                write.remove(&UniqueMarker::new("slug", before.slug.as_str(), before.id));
                write.emit(&MeterArchived(data(Some(&before), &after)))?;
            } else {
                write.emit(&MeterUpdated(data(Some(&before), &after)))?;
            }
            write.commit(NoContent).await?;
            Ok(after)
        };
        let after = Contention::new(&self.store).settle(&self.store, attempt).await?;
        self.forget(&tenant);
        Ok(after)
    }
}

/// Change a meter
///
/// Two queries and one transaction.
#[utoipa::path(patch, path = "/api/v1/usage/meters/{meter}", tag = "Meters")]
pub async fn meter_update(
    caller: Allowed<MeterManage>,
    State(usage): State<Usage>,
    PathParameter((reference,)): PathParameter<(MeterReference,)>,
    if_match: IfMatch,
    Body(patch): Body<MeterPatchIn>,
) -> Answered<Versioned<MeterView>> {
    let change = |meter: &mut Meter, _: Timestamp| patch.name.clone().apply_to(&mut meter.name);
    let after = usage.change_meter(&caller, &reference, &if_match, change).await?;
    Ok(Versioned(MeterView::from(&after)))
}

/// Archive a meter
///
/// Its slug is free again. Two queries and one transaction.
#[utoipa::path(delete, path = "/api/v1/usage/meters/{meter}", tag = "Meters")]
pub async fn meter_archive(
    caller: Allowed<MeterManage>,
    State(usage): State<Usage>,
    PathParameter((reference,)): PathParameter<(MeterReference,)>,
    if_match: IfMatch,
) -> Answered<NoContent> {
    let archive = |meter: &mut Meter, now: Timestamp| {
        meter.archived_at.get_or_insert(now);
    };
    usage.change_meter(&caller, &reference, &if_match, archive).await?;
    Ok(NoContent)
}

/// What is asked of a meter.
#[derive(Clone, Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct MeterQuery {
    /// A full quarter of an hour; a full minute with windows of a minute.
    #[param(inline)]
    from: Timestamp,
    /// By default the end of the present quarter of an hour.
    #[deserr(default)]
    #[param(inline)]
    to: Option<Timestamp>,
    /// Without it there is one window.
    #[deserr(default)]
    #[param(inline)]
    window_size: Option<WindowSize>,
    /// By default that of the settings.
    #[deserr(default)]
    #[param(inline)]
    time_zone: Option<Zone>,
    #[deserr(default)]
    #[param(inline)]
    scope_type: Option<ScopeType>,
    #[deserr(default)]
    #[param(inline)]
    scope_id: Option<Line<1, 200>>,
    /// Dimensions of the meter, and at most one of `user`, `team`, `project`, `subject`; at most 3.
    #[deserr(default)]
    #[param(inline)]
    group_by: Several<MeasureName>,
    /// `model:large`; may be repeated.
    #[deserr(default)]
    #[param(inline)]
    filter: Several<Filter>,
    #[deserr(default)]
    #[param(inline)]
    limit: Option<Line<1, 5>>,
}

/// One window and group of a meter.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MeterRowView {
    pub window_start: Timestamp,
    pub window_end: Timestamp,
    pub group: std::collections::BTreeMap<String, String>,
    /// A decimal; whole micro-dollars of costs. Null where there was nothing to make it of.
    pub value: Option<Quantity>,
    /// There are more different values than are told exactly: at least so many.
    pub approximate: bool,
}

/// What a meter says.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MeterRows {
    pub windows: usize,
    /// By time, then group. Windows without usage are told where nothing is grouped.
    pub rows: Vec<MeterRowView>,
    pub as_of: Timestamp,
    /// False while the newest window is open.
    pub complete: bool,
}

/// A question to a meter, understood.
#[derive(Clone, Debug)]
pub struct MeterQuestion {
    pub range: Range,
    pub scope: ScopeType,
    pub scope_id: Option<String>,
    pub group_by: Vec<String>,
    pub filters: BTreeMap<String, Vec<String>>,
}

/// Asks a meter.
///
/// # Errors
/// `invalid_request`, `query_too_large`, `window_unavailable`.
pub async fn answer_meter(
    usage: &Usage,
    tenant: &Tenant,
    defined: &Defined,
    meter: &Meter,
    asked: MeterQuestion,
) -> Result<(Vec<Window>, Vec<MeterRowView>)> {
    let categories: Vec<&Category> = defined.matching(&meter.category_pattern);
    let mut faults = Faults::default();
    check_groups(&categories, &asked.group_by, asked.filters.keys(), &mut faults);
    if !faults.0.is_empty() {
        return Err(faults.into());
    }
    let now = usage.store.clock().now();
    let by_minute = asked.range.size == Some(WindowSize::Minute);
    if by_minute && (asked.scope != ScopeType::Organization || !meter.aggregation.is_additive()) {
        let detail = "minutes are sums of the whole organization";
        return Err(Error::new(codes::WINDOW_UNAVAILABLE, detail));
    }
    let windows = asked.range.windows(now)?;
    let span = Window {
        start: asked.range.from,
        end: windows.last().map_or(asked.range.from, |it| it.end),
    };
    let mut filters = meter.filters.clone();
    for (name, values) in asked.filters {
        let values = match filters.get(&name) {
            Some(own) => values.into_iter().filter(|it| own.contains(it)).collect(),
            None => values,
        };
        filters.insert(name, values);
    }
    let question = Question {
        categories: categories_of(usage, tenant, &meter.category_pattern, span).await?,
        windows,
        by_minute,
        scope: asked.scope,
        scope_id: asked.scope_id,
        group_by: asked.group_by,
        filters,
        by_category: false,
    };
    let is_grouped = !question.group_by.is_empty();
    let rows = match meter.aggregation.is_additive() {
        true => {
            let mut rows = ask(usage, tenant, defined, &question).await?;
            if meter.metric.as_deref() == Some(COST) {
                rows = add_monthly(usage, tenant, defined, &question, rows).await?;
                rows.sort_by(|a, b| (a.window, &a.group).cmp(&(b.window, &b.group)));
            }
            let rows = filled(&question.windows, rows, is_grouped);
            rows.iter()
                .filter_map(|row| of_sums(meter, &categories, &question.windows, row))
                .collect()
        }
        false => {
            let answers = ask_meter(usage, tenant, meter, &question).await?;
            of_answers(meter, &question.windows, &answers, is_grouped)
        }
    };
    Ok((question.windows, rows))
}

fn of_sums(
    meter: &Meter,
    categories: &[&Category],
    windows: &[Window],
    row: &Row,
) -> Option<MeterRowView> {
    let window = windows.get(row.window)?;
    let sum = |measure: &str| row.sums.get(measure).copied().unwrap_or(0);
    let value = match (meter.aggregation, meter.metric.as_deref()) {
        (Aggregation::Sum, Some(COST)) => {
            Some(Quantity::whole(Cost::from_pico(sum(COST)).micros()))
        }
        (Aggregation::Sum, Some(metric)) => Some(Quantity::from_nano(sum(metric))),
        (Aggregation::Avg, Some(metric)) => {
            let counts_carriers = categories
                .iter()
                .any(|it| it.metric(metric).is_some_and(|metric| metric.counts_carriers()));
            let carriers = match counts_carriers {
                true => sum(&format!("#{metric}")),
                false => sum(COUNT) / Quantity::UNIT,
            };
            Quantity::from_nano(sum(metric)).divided_by(carriers)
        }
        _ => Some(Quantity::from_nano(sum(COUNT))),
    };
    Some(MeterRowView {
        window_start: window.start,
        window_end: window.end,
        group: row.group.clone(),
        value,
        approximate: false,
    })
}

fn of_answers(
    meter: &Meter,
    windows: &[Window],
    answers: &[MeterAnswer],
    is_grouped: bool,
) -> Vec<MeterRowView> {
    let view = |window: &Window, group: Labels, answer: Option<&MeterAnswer>| {
        let of = |it: &MeterAnswer| match meter.aggregation {
            Aggregation::UniqueCount => {
                Quantity::whole(i64::try_from(it.value).unwrap_or(i64::MAX))
            }
            _ => Quantity::from_nano(it.value),
        };
        let none = (meter.aggregation == Aggregation::UniqueCount).then_some(Quantity::ZERO);
        MeterRowView {
            window_start: window.start,
            window_end: window.end,
            group,
            value: answer.map(of).or(none),
            approximate: answer.is_some_and(|it| it.approximate),
        }
    };
    if is_grouped {
        let row =
            |it: &MeterAnswer| Some(view(windows.get(it.window)?, it.group.clone(), Some(it)));
        return answers.iter().filter_map(row).collect();
    }
    let row =
        |(index, window)| view(window, Labels::new(), answers.iter().find(|it| it.window == index));
    windows.iter().enumerate().map(row).collect()
}

/// Query a meter
///
/// As `usage_query`, for what the meter says. One query for each category, UTC day and write
/// shard; one for each UTC day of meters that cannot be added up.
#[utoipa::path(get, path = "/api/v1/usage/meters/{meter}/query", tag = "Meters")]
pub async fn meter_query(
    caller: Allowed<ReportRead>,
    State(usage): State<Usage>,
    PathParameter((reference,)): PathParameter<(MeterReference,)>,
    Parameters(query): Parameters<MeterQuery>,
) -> Answered<Plain<MeterRows>> {
    let tenant = caller.tenant();
    let defined = usage.defined(&tenant).await?;
    let meter = find_meter(&defined, &reference)?;
    let group_by: Vec<String> = query.group_by.0.iter().map(ToString::to_string).collect();
    check_meter_groups(meter, &group_by)?;
    let scope_id = query.scope_id.as_ref().map(Line::as_str);
    let (scope, scope_id) = permitted_scope(&caller, query.scope_type, scope_id, &group_by).await?;
    let zone = query.time_zone.clone().unwrap_or_else(|| defined.settings().time_zone.clone());
    let asked = MeterQuestion {
        range: Range { from: query.from, to: query.to, size: query.window_size, zone },
        scope,
        scope_id,
        group_by,
        filters: gathered(&query.filter.0),
    };
    let limit = match &query.limit {
        None => MAX_ROWS,
        Some(text) => text
            .as_str()
            .parse::<u64>()
            .map_err(|_| InputError::bad_format("must be a whole number"))
            .and_then(Bounded::<1, 10_000>::new)
            .map_err(|refused| {
                let fault =
                    millwright_core::Fault::new("query:limit", refused.code, refused.detail);
                Error::from(Faults::of(fault))
            })?
            .get() as usize,
    };
    let (windows, mut rows) = answer_meter(&usage, &tenant, &defined, meter, asked).await?;
    rows.truncate(limit);
    let now = usage.store.clock().now();
    let complete = is_complete(&windows, now);
    Ok(Plain(MeterRows { windows: windows.len(), rows, as_of: now, complete }))
}

/// # Errors
/// `invalid_request` for more than three groups, or what the meter is not grouped by.
pub fn check_meter_groups(meter: &Meter, group_by: &[String]) -> Result<()> {
    const SCOPES: [&str; 4] = ["user", "team", "project", "subject"];
    let is_known = |name: &String| SCOPES.contains(&name.as_str()) || meter.group_by.contains(name);
    let refuse = |code, detail: &str| Err(Error::fault("query:groupBy", code, detail.to_owned()));
    if group_by.len() > 3 {
        return refuse(millwright_core::FaultCode::TooLong, "at most three");
    }
    if !group_by.iter().all(is_known) {
        return refuse(millwright_core::FaultCode::NotAllowed, "the meter is not grouped by it");
    }
    Ok(())
}

/// The span in which values are looked for.
#[derive(Clone, Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct ValuesQuery {
    #[param(inline)]
    from: Timestamp,
    #[deserr(default)]
    #[param(inline)]
    to: Option<Timestamp>,
}

/// The values of a dimension.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DimensionValues {
    items: Vec<String>,
    /// Always null.
    next_cursor: Option<String>,
}

/// List values of a dimension
///
/// The different values in a span, sorted; not paged. The queries of `meter_query`.
#[utoipa::path(get, path = "/api/v1/usage/meters/{meter}/values/{dimension}", tag = "Meters")]
pub async fn meter_value_list(
    caller: Allowed<ReportRead>,
    State(usage): State<Usage>,
    PathParameter((reference, dimension)): PathParameter<(MeterReference, MeasureName)>,
    Parameters(query): Parameters<ValuesQuery>,
) -> Answered<Plain<DimensionValues>> {
    let tenant = caller.tenant();
    let defined = usage.defined(&tenant).await?;
    let meter = find_meter(&defined, &reference)?;
    let name = dimension.to_string();
    let has = defined.matching(&meter.category_pattern).iter().any(|it| it.has_dimension(&name));
    if !has {
        return Err(Error::not_found("dimension").into());
    }
    let (scope, scope_id) = permitted_scope(&caller, None, None, &[]).await?;
    let range = Range { from: query.from, to: query.to, size: None, zone: Zone::utc() };
    let windows = range.windows(usage.store.clock().now())?;
    let span = Window { start: query.from, end: windows.last().map_or(query.from, |it| it.end) };
    let question = Question {
        categories: categories_of(&usage, &tenant, &meter.category_pattern, span).await?,
        windows,
        by_minute: false,
        scope,
        scope_id,
        group_by: vec![name.clone()],
        filters: meter.filters.clone(),
        by_category: false,
    };
    let rows = ask(&usage, &tenant, &defined, &question).await?;
    let values: BTreeSet<String> =
        rows.into_iter().filter_map(|mut row| row.group.remove(&name)).collect();
    Ok(Plain(DimensionValues { items: values.into_iter().collect(), next_cursor: None }))
}
