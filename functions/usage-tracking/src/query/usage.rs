//! Ad hoc queries.

use std::collections::BTreeMap;

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Bounded, Entries, Error, Fault, FaultCode, Faults, Line, Timestamp};
use millwright_http::{Allowed, Answered, Plain, Submission};
use serde::Serialize;
use utoipa::ToSchema;

use super::{MAX_ROWS, Question, Range, Row, ask, categories_of, is_complete, permitted_scope};
use crate::{
    app::Usage,
    domain::{
        COST, CategoryPattern, Cost, Labels, MeasureName, Quantity, ScopeType, UpTo, Window,
        WindowSize, Zone,
    },
    monthly::add_monthly,
    permissions::ReportRead,
};

/// A question about usage.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "categoryPattern": "build.minutes", "measures": ["count", "seconds", "cost"],
    "from": "2026-11-22T00:00:00Z", "to": "2026-11-23T00:00:00Z", "windowSize": "hour",
    "timeZone": "Europe/Berlin", "groupBy": ["runner"],
}))]
pub struct QueryIn {
    category_pattern: CategoryPattern,
    /// `count`, `cost` and metrics, at most five.
    measures: UpTo<MeasureName, 5>,
    /// A full quarter of an hour; a full minute with windows of a minute.
    from: Timestamp,
    /// By default the end of the present quarter of an hour.
    #[deserr(default)]
    #[schema(required = false)]
    to: Option<Timestamp>,
    /// Without it there is one window.
    #[deserr(default)]
    #[schema(required = false)]
    window_size: Option<WindowSize>,
    /// By default that of the settings.
    #[deserr(default)]
    #[schema(required = false)]
    time_zone: Option<Zone>,
    #[deserr(default)]
    #[schema(required = false)]
    scope_type: Option<ScopeType>,
    #[deserr(default)]
    #[schema(required = false)]
    scope_id: Option<Line<1, 200>>,
    /// Dimensions, and at most one of `user`, `team`, `project`, `subject`.
    #[deserr(default)]
    #[schema(required = false)]
    group_by: UpTo<MeasureName, 3>,
    /// Values of dimensions that count.
    #[deserr(default)]
    #[schema(required = false, value_type = BTreeMap<String, Vec<String>>)]
    filters: Entries<Vec<String>>,
    /// At most so many rows.
    #[deserr(default)]
    #[schema(required = false)]
    limit: Option<Bounded<1, 10_000>>,
}

/// One window and group.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsageRow {
    pub window_start: Timestamp,
    pub window_end: Timestamp,
    pub group: std::collections::BTreeMap<String, String>,
    /// Decimals by measure; nothing of `cost`.
    pub values: BTreeMap<String, Quantity>,
    /// If it was asked for.
    pub cost_micros: Option<i64>,
}

/// What was counted.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsageRows {
    /// How many windows there are.
    pub windows: usize,
    /// By time, then group. Windows without usage are told where nothing is grouped.
    pub rows: Vec<UsageRow>,
    /// When it was counted.
    pub as_of: Timestamp,
    /// False while the newest window is open.
    pub complete: bool,
}

/// A row of every window, where nothing is grouped.
pub fn filled(windows: &[Window], rows: Vec<Row>, is_grouped: bool) -> Vec<Row> {
    if is_grouped {
        return rows;
    }
    let mut rows = rows.into_iter().peekable();
    let row = |window: usize| match rows.next_if(|row| row.window == window) {
        Some(row) => row,
        None => Row { window, group: Labels::new(), sums: BTreeMap::new() },
    };
    (0..windows.len()).map(row).collect()
}

impl UsageRow {
    pub fn of(windows: &[Window], row: &Row, measures: &[&str]) -> Option<UsageRow> {
        let window = windows.get(row.window)?;
        let sum = |measure: &str| row.sums.get(measure).copied().unwrap_or(0);
        let values = measures.iter().filter(|it| **it != COST);
        Some(UsageRow {
            window_start: window.start,
            window_end: window.end,
            group: row.group.clone(),
            values: values.map(|it| ((*it).to_owned(), Quantity::from_nano(sum(it)))).collect(),
            cost_micros: measures.contains(&COST).then(|| Cost::from_pico(sum(COST)).micros()),
        })
    }
}

/// Query usage
///
/// Sums of any measures. Windows are half-open and begin where local time says; where a clock
/// changes, a day has 23 or 25 hours. Late events change answers. At most 1,000 windows and 10,000
/// rows. One query for each category, day and write shard.
#[utoipa::path(post, path = "/api/v1/usage/query", tag = "Reports")]
pub async fn usage_query(
    caller: Allowed<ReportRead>,
    State(usage): State<Usage>,
    submission: Submission<QueryIn>,
) -> Answered<Plain<UsageRows>> {
    let tenant = caller.tenant();
    let input = &submission.input;
    let defined = usage.defined(&tenant).await?;
    let categories = defined.matching(&input.category_pattern);
    if categories.is_empty() {
        return Err(Error::not_found("category").into());
    }
    let group_by: Vec<String> = input.group_by.0.iter().map(ToString::to_string).collect();
    let mut faults = Faults::default();
    if input.measures.0.is_empty() {
        faults.0.push(Fault::new("/measures", FaultCode::TooShort, "at least one"));
    }
    for (index, measure) in input.measures.0.iter().enumerate() {
        if !categories.iter().any(|it| it.has_measure(measure.as_str())) {
            let pointer = format!("/measures/{index}");
            faults.0.push(Fault::new(pointer, FaultCode::NotAllowed, "no such measure"));
        }
    }
    check_groups(&categories, &group_by, input.filters.keys(), &mut faults);
    if !faults.0.is_empty() {
        return Err(faults.into());
    }
    let scope_id = input.scope_id.as_ref().map(Line::as_str);
    let (scope, scope_id) = permitted_scope(&caller, input.scope_type, scope_id, &group_by).await?;
    let zone = input.time_zone.clone().unwrap_or_else(|| defined.settings().time_zone.clone());
    let range = Range { from: input.from, to: input.to, size: input.window_size, zone };
    let now = usage.store.clock().now();
    let windows = range.windows(now)?;
    let span =
        Window { start: input.from, end: windows.last().map_or(input.from, |window| window.end) };
    let by_minute = input.window_size == Some(WindowSize::Minute);
    if by_minute && scope != ScopeType::Organization {
        let detail = "minutes are those of the whole organization";
        return Err(Error::new(crate::codes::WINDOW_UNAVAILABLE, detail).into());
    }
    let question = Question {
        categories: categories_of(&usage, &tenant, &input.category_pattern, span).await?,
        windows,
        by_minute,
        scope,
        scope_id,
        group_by,
        filters: input.filters.0.clone(),
        by_category: false,
        cuts_days: false,
    };
    let mut rows = ask(&usage, &tenant, &defined, &question).await?;
    if input.measures.0.iter().any(|it| it.as_str() == COST) {
        rows = add_monthly(&usage, &tenant, &defined, &question, rows).await?;
        rows.sort_by(|a, b| (a.window, &a.group).cmp(&(b.window, &b.group)));
    }
    let is_grouped = !question.group_by.is_empty();
    let measures: Vec<&str> = input.measures.0.iter().map(MeasureName::as_str).collect();
    let limit = input.limit.map_or(MAX_ROWS, |it| it.get() as usize);
    let rows = filled(&question.windows, rows, is_grouped);
    let rows = rows.iter().filter_map(|row| UsageRow::of(&question.windows, row, &measures));
    let answer = UsageRows {
        windows: question.windows.len(),
        rows: rows.take(limit).collect(),
        as_of: now,
        complete: is_complete(&question.windows, now),
    };
    Ok(submission.write(&usage.store, &caller).commit(Plain(answer)).await?)
}

/// Groups and filters are dimensions of all categories that are asked.
pub fn check_groups<'f>(
    categories: &[&crate::domain::Category],
    group_by: &[String],
    filters: impl Iterator<Item = &'f String>,
    faults: &mut Faults,
) {
    const SCOPES: [&str; 4] = ["user", "team", "project", "subject"];
    let is_common = |name: &str| categories.iter().all(|it| it.has_dimension(name));
    if group_by.iter().filter(|name| SCOPES.contains(&name.as_str())).count() > 1 {
        let detail = "at most one of user, team, project, subject";
        faults.0.push(Fault::new("/groupBy", FaultCode::NotAllowed, detail));
    }
    for (index, name) in group_by.iter().enumerate() {
        let pointer = format!("/groupBy/{index}");
        if group_by[..index].contains(name) {
            faults.0.push(Fault::new(pointer, FaultCode::Duplicate, "is there already"));
        } else if !SCOPES.contains(&name.as_str()) && !is_common(name) {
            let detail = "no dimension of all categories";
            faults.0.push(Fault::new(pointer, FaultCode::NotAllowed, detail));
        }
    }
    for name in filters {
        if !is_common(name) {
            let detail = "no dimension of all categories";
            faults.0.push(Fault::new(format!("/filters/{name}"), FaultCode::NotAllowed, detail));
        }
    }
}
