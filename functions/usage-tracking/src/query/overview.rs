//! What dashboards show: summaries, the present, and what budgets will come to.

use std::collections::BTreeMap;

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Faults, Line, Result, Tenant, Timestamp};
use millwright_http::{Allowed, Answered, Parameters, Plain};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::{Question, Range, Row, ask, categories_of, permitted_scope};
use crate::{
    app::{Defined, Usage},
    codes,
    domain::{
        COST, COUNT, CategoryPattern, Cost, Limit, Period, Quantity, SLOT, ScopeType, Window, Zone,
        period_window,
    },
    limits::{CategoryCost, LimitStatus},
    monthly::add_monthly,
    permissions::{ReportRead, ReportReadAll},
    store::LimitCounter,
};

const DAY: i64 = 24 * 3_600 * 1_000;

/// The span of a summary.
#[derive(Clone, Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct SummaryParameters {
    /// A full quarter of an hour.
    #[param(inline)]
    from: Timestamp,
    #[deserr(default)]
    #[param(inline)]
    to: Option<Timestamp>,
    #[deserr(default)]
    #[param(inline)]
    scope_type: Option<ScopeType>,
    #[deserr(default)]
    #[param(inline)]
    scope_id: Option<Line<1, 200>>,
}

/// What a category counted.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CategoryTotal {
    pub category_code: String,
    pub count: Quantity,
    /// Sums by metric.
    pub quantities: BTreeMap<String, Quantity>,
    pub cost_micros: i64,
}

/// One of those that cost most.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TopEntry {
    pub id: String,
    pub count: Quantity,
    pub cost_micros: i64,
}

/// A span at a glance.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    from: Timestamp,
    to: Timestamp,
    count: Quantity,
    cost_micros: i64,
    /// Of the span of the same length before it; null if hours are no longer kept.
    previous_cost_micros: Option<i64>,
    categories: Vec<CategoryTotal>,
    /// The ten that cost most, where everybody's usage is asked for.
    top_projects: Vec<TopEntry>,
    top_users: Vec<TopEntry>,
    top_models: Vec<TopEntry>,
    as_of: Timestamp,
}

/// The present at a glance.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Realtime {
    hour_start: Timestamp,
    hour: Vec<CategoryTotal>,
    month_start: Timestamp,
    month: Vec<CategoryTotal>,
    /// Of the organization, and those of one scope.
    limits: Vec<LimitStatus>,
    as_of: Timestamp,
}

fn totals(rows: &[Row]) -> Vec<CategoryTotal> {
    let total = |row: &Row| {
        let sum = |name: &str| row.sums.get(name).copied().unwrap_or(0);
        let metrics = row
            .sums
            .iter()
            .filter(|(name, _)| !name.starts_with('#') && *name != COUNT && *name != COST);
        CategoryTotal {
            category_code: row.group.get("category").cloned().unwrap_or_default(),
            count: Quantity::from_nano(sum(COUNT)),
            quantities: metrics
                .map(|(name, it)| (name.clone(), Quantity::from_nano(*it)))
                .collect(),
            cost_micros: Cost::from_pico(sum(COST)).micros(),
        }
    };
    rows.iter().map(total).collect()
}

fn top(rows: &[Row], group: &str) -> Vec<TopEntry> {
    let mut sums: BTreeMap<&str, (i128, i128)> = BTreeMap::new();
    for row in rows {
        let Some(id) = row.group.get(group).filter(|id| !id.is_empty()) else { continue };
        let entry = sums.entry(id).or_default();
        entry.0 += row.sums.get(COST).copied().unwrap_or(0);
        entry.1 += row.sums.get(COUNT).copied().unwrap_or(0);
    }
    let mut sorted: Vec<_> = sums.into_iter().collect();
    sorted.sort_by_key(|(id, sums)| (std::cmp::Reverse(*sums), *id));
    let entry = |(id, (cost, count)): (&str, (i128, i128))| TopEntry {
        id: id.to_owned(),
        count: Quantity::from_nano(count),
        cost_micros: Cost::from_pico(cost).micros(),
    };
    sorted.into_iter().take(10).map(entry).collect()
}

/// Sum usage up
///
/// Totals, the costs of each category, the change against the span before, and who cost most. The
/// queries of the series it is made of.
#[utoipa::path(get, path = "/api/v1/usage/summary", tag = "Reports")]
pub async fn usage_summary(
    caller: Allowed<ReportRead>,
    State(usage): State<Usage>,
    Parameters(parameters): Parameters<SummaryParameters>,
) -> Answered<Plain<Summary>> {
    let tenant = caller.tenant();
    let scope_id = parameters.scope_id.as_ref().map(Line::as_str);
    let (scope, scope_id) = permitted_scope(&caller, parameters.scope_type, scope_id, &[]).await?;
    let defined = usage.defined(&tenant).await?;
    let now = usage.store.clock().now();
    let SummaryParameters { from, to, .. } = parameters;
    let range = |from, to| Range { from, to, size: None, zone: Zone::utc() };
    let windows = range(from, to).windows(now)?;
    let span = Window { start: from, end: windows.last().map_or(from, |it| it.end) };
    let question = Question {
        categories: categories_of(&usage, &tenant, &CategoryPattern::Any, span).await?,
        windows,
        scope,
        scope_id: scope_id.clone(),
        by_category: true,
        ..Question::of_organization("", span)
    };
    let rows = ask_with_monthly(&usage, &tenant, &defined, &question).await?;
    let length = span.end.as_millisecond() - span.start.as_millisecond();
    let before = Timestamp::from_millisecond(span.start.as_millisecond() - length);
    let previous_cost_micros = match range(before, Some(span.start)).windows(now) {
        Ok(windows) => {
            let earlier = Window { start: before, end: span.start };
            let categories = categories_of(&usage, &tenant, &CategoryPattern::Any, earlier).await?;
            let question = Question { categories, windows, ..question.clone() };
            match ask_with_monthly(&usage, &tenant, &defined, &question).await {
                Ok(rows) => Some(cost_of(&rows).micros()),
                Err(error) if error.code().name == codes::TIME_ZONE_UNAVAILABLE.name => None,
                Err(error) => return Err(error.into()),
            }
        }
        Err(_) => None,
    };
    let is_everybody = scope == ScopeType::Organization;
    let (mut top_projects, mut top_users, mut top_models) = (Vec::new(), Vec::new(), Vec::new());
    if is_everybody {
        let by = |scope, name: &str| Question {
            scope,
            scope_id: None,
            group_by: vec![name.to_owned()],
            by_category: false,
            ..question.clone()
        };
        let rows =
            ask_with_monthly(&usage, &tenant, &defined, &by(ScopeType::Project, "project")).await?;
        top_projects = top(&rows, "project");
        let rows =
            ask_with_monthly(&usage, &tenant, &defined, &by(ScopeType::User, "user")).await?;
        top_users = top(&rows, "user");
        let organization =
            Question { scope_id: Some(String::new()), ..by(ScopeType::Organization, "model") };
        top_models =
            top(&ask_with_monthly(&usage, &tenant, &defined, &organization).await?, "model");
    }
    let count = rows.iter().filter_map(|row| row.sums.get(COUNT)).copied().sum();
    Ok(Plain(Summary {
        from,
        to: span.end,
        count: Quantity::from_nano(count),
        cost_micros: cost_of(&rows).micros(),
        previous_cost_micros,
        categories: totals(&rows),
        top_projects,
        top_users,
        top_models,
        as_of: now,
    }))
}

/// Asks, tiered and flat prices included.
async fn ask_with_monthly(
    usage: &Usage,
    tenant: &Tenant,
    defined: &Defined,
    question: &Question,
) -> Result<Vec<Row>> {
    let rows = ask(usage, tenant, defined, question).await?;
    add_monthly(usage, tenant, defined, question, rows).await
}

fn cost_of(rows: &[Row]) -> Cost {
    Cost::from_pico(rows.iter().filter_map(|row| row.sums.get(COST)).copied().sum())
}

/// What every category counted in a span, in the whole organization.
///
/// # Errors
/// `query_too_large`; `unavailable`.
pub async fn category_totals(
    usage: &Usage,
    tenant: &Tenant,
    defined: &Defined,
    span: Window,
) -> Result<Vec<CategoryTotal>> {
    let categories = categories_of(usage, tenant, &CategoryPattern::Any, span).await?;
    let question =
        Question { categories, by_category: true, ..Question::of_organization("", span) };
    Ok(totals(&ask_with_monthly(usage, tenant, defined, &question).await?))
}

/// Limits of the organization or of one scope, and where they stand. One BatchGetItem per hundred.
///
/// # Errors
/// `unavailable`.
pub async fn all_statuses(
    usage: &Usage,
    tenant: &Tenant,
    defined: &Defined,
) -> Result<Vec<(Limit, crate::domain::Status)>> {
    let now = usage.store.clock().now();
    let limits: Vec<&Limit> = defined
        .0
        .limits
        .iter()
        .filter(|it| it.archived_at.is_none())
        .filter(|it| it.scope_type == ScopeType::Organization || it.scope_id.is_some())
        .collect();
    let counters: Result<Vec<LimitCounter>> = limits
        .iter()
        .map(|it| LimitCounter::of(it, it.scope_id.clone().unwrap_or_default(), now))
        .collect();
    let counters = counters?;
    let counted = LimitCounter::read(&usage.store, tenant, &counters).await?;
    let statuses = limits.into_iter().zip(counters).zip(counted);
    Ok(statuses
        .map(|((limit, counter), counted)| {
            (limit.clone(), limit.status(&counter.scope_id, counter.window, counted))
        })
        .collect())
}

/// Read the present
///
/// This hour and this month so far by category, and where limits stand. The queries of the series
/// it is made of, and one batch read per hundred limits.
#[utoipa::path(get, path = "/api/v1/usage/realtime", tag = "Reports")]
pub async fn usage_realtime(
    caller: Allowed<ReportRead>,
    State(usage): State<Usage>,
) -> Answered<Plain<Realtime>> {
    if !caller.may::<ReportReadAll>() {
        let detail = "it shows everybody's usage: query your own";
        return Err(caller.deny::<ReportReadAll>(detail).await.into());
    }
    let tenant = caller.tenant();
    let defined = usage.defined(&tenant).await?;
    let now = usage.store.clock().now();
    let zone = &defined.settings().time_zone;
    let end = Timestamp::from_millisecond((now.as_millisecond().div_euclid(SLOT) + 1) * SLOT);
    let hour_start = period_window(Period::Hour, zone, 1, now)?.start;
    let month_start = period_window(Period::Month, zone, 1, now)?.start;
    let hour = Window { start: hour_start, end };
    let month = Window { start: month_start, end };
    let statuses = all_statuses(&usage, &tenant, &defined).await?;
    Ok(Plain(Realtime {
        hour_start,
        hour: category_totals(&usage, &tenant, &defined, hour).await?,
        month_start,
        month: category_totals(&usage, &tenant, &defined, month).await?,
        limits: statuses.iter().map(|(limit, status)| LimitStatus::of(limit, status)).collect(),
        as_of: now,
    }))
}

/// What a budget will come to by the end of its window, and its costs by category: what is spent
/// and the mean daily cost of the last seven full days for each day that remains; with fewer than
/// three full days in proportion to the time that has passed.
///
/// # Errors
/// `unavailable`.
pub async fn foretell(
    usage: &Usage,
    tenant: &Tenant,
    limit: &Limit,
    counter: &LimitCounter,
    status: &mut LimitStatus,
) -> Result<()> {
    let defined = usage.defined(tenant).await?;
    let now = usage.store.clock().now();
    let end = Timestamp::from_millisecond((now.as_millisecond().div_euclid(SLOT) + 1) * SLOT);
    let window = counter.window;
    let oldest = Timestamp::from_millisecond(now.as_millisecond() - 90 * DAY);
    let aligned =
        |at: Timestamp| Timestamp::from_millisecond(at.as_millisecond().div_euclid(SLOT) * SLOT);
    let span = Window { start: window.start.max(aligned(oldest)), end: end.min(window.end) };
    let question = |categories: Vec<String>, span: Window| Question {
        categories,
        scope: limit.scope_type,
        scope_id: Some(counter.scope_id.clone()),
        by_category: true,
        ..Question::of_organization("", span)
    };
    let categories = categories_of(usage, tenant, &limit.category_pattern, span).await?;
    let rows = ask_with_monthly(usage, tenant, &defined, &question(categories, span)).await?;
    let cost = |row: &Row| Cost::from_pico(row.sums.get(COST).copied().unwrap_or(0));
    status.breakdown = rows
        .iter()
        .filter(|row| !cost(row).is_zero())
        .map(|row| CategoryCost {
            category_code: row.group.get("category").cloned().unwrap_or_default(),
            cost_micros: cost(row).micros(),
        })
        .collect();
    let spent = status.used.map_or(0, |used| Cost::of_micros(used).pico());
    let today = period_window(Period::Day, &limit.time_zone, 1, now)?.start;
    let first = Timestamp::from_millisecond(today.as_millisecond() - 7 * DAY).max(window.start);
    let full_days = (today.as_millisecond() - first.as_millisecond()).max(0) / DAY;
    let elapsed = i128::from((now.as_millisecond() - window.start.as_millisecond()).max(1));
    let total = i128::from(window.end.as_millisecond() - window.start.as_millisecond());
    let projected = match full_days {
        0..3 => spent / elapsed * total + spent % elapsed * total / elapsed,
        days => {
            let past = Window { start: aligned(first), end: today };
            let categories = categories_of(usage, tenant, &limit.category_pattern, past).await?;
            let rows = ask(usage, tenant, &defined, &question(categories, past)).await?;
            let remaining = i128::from((window.end.as_millisecond() - now.as_millisecond()).max(0));
            let whole = i128::from(days) * i128::from(DAY);
            spent + cost_of(&rows).pico() * remaining / whole
        }
    };
    status.projected_micros = Some(Cost::from_pico(projected).micros());
    Ok(())
}
