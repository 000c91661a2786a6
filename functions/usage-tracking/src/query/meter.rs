//! What meters say.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Bounded, Error, Faults, InputError, Line, Result, Tenant, Timestamp};
use millwright_http::{Allowed, Answered, Parameters, PathParameter, Plain, extract::Several};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::{
    Filter, MAX_ROWS, MeterAnswer, Question, Range, Row, ask, ask_meter, categories_of,
    check_groups, filled, gathered, is_complete, permitted_scope,
};
use crate::{
    app::{Defined, Usage},
    codes,
    domain::{
        Aggregation, COST, COUNT, Category, Cost, Labels, MeasureName, Meter, Quantity, ScopeType,
        Window, WindowSize, Zone,
    },
    meter::{MeterReference, find_meter},
    monthly::add_monthly,
    permissions::ReportRead,
};

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
        cuts_days: false,
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
        cuts_days: false,
    };
    let rows = ask(&usage, &tenant, &defined, &question).await?;
    let values: BTreeSet<String> =
        rows.into_iter().filter_map(|mut row| row.group.remove(&name)).collect();
    Ok(Plain(DimensionValues { items: values.into_iter().collect(), next_cursor: None }))
}
