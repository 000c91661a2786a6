//! Reading counters: what was counted, by window and group.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt, future::BoxFuture};
use millwright_core::{Error, Result, Tenant, Timestamp};
use millwright_store::{Query, RawItem};

use super::days::OldDays;
use crate::{
    app::{Defined, Usage},
    codes,
    domain::{Aggregation, Labels, Meter, ScopeType, Window, find_window},
    store::{
        CounterRow, HOURS, MeterRow, Noted, Sums, active_categories, hours, hours_of_scope,
        meter_day, meter_scope, minutes,
    },
};

/// The most rows of an answer.
pub const MAX_ROWS: usize = 10_000;
/// The most partitions one question reads.
const MAX_PARTITIONS: usize = 4_000;
/// Queries at once.
const PARALLEL: usize = 16;
/// The most different values of an hour that are told exactly.
pub const MAX_UNIQUE: usize = 65_536;
const DAY: i64 = 24 * 3_600 * 1_000;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    pub categories: Vec<String>,
    pub windows: Vec<Window>,
    /// By minutes instead of quarters of an hour.
    pub by_minute: bool,
    pub scope: ScopeType,
    /// None: all of the type.
    pub scope_id: Option<String>,
    /// Dimensions, or `user`, `team`, `project`, `subject`.
    pub group_by: Vec<String>,
    /// Values of dimensions that count.
    pub filters: BTreeMap<String, Vec<String>>,
    /// The category is a group, too.
    pub by_category: bool,
    /// A day older than hours are kept, and cut by a window, counts where it begins; else it is refused.
    pub cuts_days: bool,
}

impl Question {
    /// What a category counted in the whole organization in one window.
    pub fn of_organization(category: &str, window: Window) -> Question {
        Question {
            categories: vec![category.to_owned()],
            windows: vec![window],
            by_minute: false,
            scope: ScopeType::Organization,
            scope_id: Some(String::new()),
            group_by: Vec::new(),
            filters: BTreeMap::new(),
            by_category: false,
            cuts_days: false,
        }
    }

    fn span(&self) -> Option<Window> {
        let (first, last) = (self.windows.first()?, self.windows.last()?);
        Some(Window { start: first.start, end: last.end })
    }

    /// The UTC days it looks at, from an instant on.
    fn days(&self, from: Timestamp) -> Vec<String> {
        let Some(span) = self.span() else { return Vec::new() };
        let first = span.start.max(from).as_millisecond().div_euclid(DAY);
        let last = (span.end.as_millisecond() - 1).div_euclid(DAY);
        let day = |at: i64| crate::store::day_of(Timestamp::from_millisecond(at * DAY));
        (first..=last).map(day).collect()
    }

    fn group(&self, category: &str, scope_id: &str, dimensions: &Labels) -> Labels {
        let mut group: Labels = self
            .group_by
            .iter()
            .map(|name| {
                let value = match name.as_str() {
                    "user" | "team" | "project" | "subject" => scope_id,
                    name => dimensions.get(name).map(String::as_str).unwrap_or_default(),
                };
                (name.clone(), value.to_owned())
            })
            .collect();
        if self.by_category {
            group.insert("category".to_owned(), category.to_owned());
        }
        group
    }

    fn admits(&self, scope_id: &str, dimensions: &Labels) -> bool {
        self.scope_id.as_deref().is_none_or(|wanted| wanted == scope_id)
            && self.filters.iter().all(|(name, values)| {
                let value = dimensions.get(name).map(String::as_str).unwrap_or_default();
                values.iter().any(|it| it == value)
            })
    }
}

/// The counters of a category and day.
type Read<'q> = (&'q str, &'q str, Vec<RawItem>);

/// What was counted of one window and group.
#[derive(Clone, Debug)]
pub struct Row {
    /// Index of the window.
    pub window: usize,
    pub group: Labels,
    pub sums: Sums,
}

/// Answers a question, by window and group. One Query for each category, UTC day and write shard; of
/// days older than 90 days one, and one for each category and year.
///
/// # Errors
/// `query_too_large`; `time_zone_unavailable`; `unavailable`.
pub async fn ask(
    usage: &Usage,
    tenant: &Tenant,
    defined: &Defined,
    question: &Question,
) -> Result<Vec<Row>> {
    let shards = defined.settings().write_shards.max(1);
    let Some(span) = question.span() else { return Ok(Vec::new()) };
    let old = match question.by_minute {
        true => OldDays { days: Vec::new(), hours_from: span.start },
        false => OldDays::of(usage, tenant, span).await?,
    };
    let days = question.days(old.hours_from);
    let partitions = question.categories.len() * days.len() * usize::from(shards);
    if partitions > MAX_PARTITIONS {
        let detail = "ask for less time or fewer categories";
        return Err(Error::new(codes::QUERY_TOO_LARGE, detail));
    }
    let prefix = question.scope_id.as_deref().map(hours_of_scope).unwrap_or_default();
    // Boxed: a closure over borrowed names is not general enough for the compiler.
    let mut reads: Vec<BoxFuture<'_, Result<Read<'_>>>> = Vec::with_capacity(partitions);
    for category in &question.categories {
        for day in &days {
            for shard in 0..shards {
                let query = match question.by_minute {
                    true => Query::partition(minutes(tenant, category, day, shard)),
                    false => {
                        let partition = hours(tenant, category, question.scope, day, shard);
                        Query::partition(partition).starting_with(prefix.clone())
                    }
                };
                reads.push(Box::pin(async move {
                    let items = usage.store.collect(&query, usize::MAX >> 1).await?;
                    Ok((category.as_str(), day.as_str(), items))
                }));
            }
        }
    }
    let mut rows: BTreeMap<(usize, Labels), Sums> = BTreeMap::new();
    if !old.days.is_empty() {
        let windows: BTreeMap<Timestamp, usize> = old.windows(question)?.into_iter().collect();
        for (category, row) in old.rows(usage, tenant, question).await? {
            let Some(window) = windows.get(&row.day) else { continue };
            if question.admits(&row.scope_id, &row.dimensions) {
                let group = question.group(&category, &row.scope_id, &row.dimensions);
                let sums = rows.entry((*window, group)).or_default();
                for (measure, amount) in row.sums {
                    *sums.entry(measure).or_default() += amount;
                }
            }
        }
    }
    let mut reads = futures::stream::iter(reads).buffer_unordered(PARALLEL);
    while let Some((category, day, items)) = reads.try_next().await? {
        for item in items {
            let Some(counted) = CounterRow::read(&item, day) else {
                return Err(Error::internal(format!("a counter of {category} cannot be read")));
            };
            if !question.admits(&counted.scope_id, &counted.dimensions) {
                continue;
            }
            let group = question.group(category, &counted.scope_id, &counted.dimensions);
            for (at, measure, amount) in counted.sums {
                if at < old.hours_from {
                    continue;
                }
                let Some(window) = find_window(&question.windows, at) else { continue };
                let sums = rows.entry((window, group.clone())).or_default();
                *sums.entry(measure).or_default() += amount;
            }
        }
        if rows.len() > MAX_ROWS {
            let detail = format!("it has more than {MAX_ROWS} rows: group by less");
            return Err(Error::new(codes::QUERY_TOO_LARGE, detail));
        }
    }
    let rows = rows.into_iter();
    Ok(rows.map(|((window, group), sums)| Row { window, group, sums }).collect())
}

/// The categories of a pattern that counted anything in the months of a span. One Query per month.
///
/// # Errors
/// `unavailable`.
pub async fn categories_of(
    usage: &Usage,
    tenant: &Tenant,
    pattern: &crate::domain::CategoryPattern,
    span: Window,
) -> Result<Vec<String>> {
    const MAX_ACTIVE: usize = 1_000;
    if let Some(exact) = pattern.exact() {
        return Ok(vec![exact.to_string()]);
    }
    let mut months = BTreeSet::new();
    let mut at = span.start;
    while at < span.end {
        months.insert(crate::store::day_of(at)[..6].to_owned());
        at = Timestamp::from_millisecond(at.as_millisecond() + DAY);
    }
    months.insert(crate::store::day_of(span.end)[..6].to_owned());
    let mut found = BTreeSet::new();
    for month in months {
        let query = Query::partition(active_categories(tenant, &month));
        for item in usage.store.collect(&query, MAX_ACTIVE).await? {
            if pattern.matches(item.sort_key()) {
                found.insert(item.sort_key().to_owned());
            }
        }
    }
    Ok(found.into_iter().collect())
}

/// What a meter that cannot be added up makes of a window and group.
#[derive(Clone, Debug)]
pub struct MeterAnswer {
    pub window: usize,
    pub group: Labels,
    /// In parts of 10^-9; a number of values as it is.
    pub value: i128,
    pub approximate: bool,
}

#[derive(Default)]
struct Gathered {
    number: Option<i128>,
    latest: Option<(String, i128)>,
    hashes: BTreeSet<String>,
    approximate: bool,
}

/// Answers a question about such a meter. One Query per UTC day.
///
/// # Errors
/// `window_unavailable` for what is older than 90 days; `query_too_large`; `unavailable`.
pub async fn ask_meter(
    usage: &Usage,
    tenant: &Tenant,
    meter: &Meter,
    question: &Question,
) -> Result<Vec<MeterAnswer>> {
    let kept = HOURS + std::time::Duration::from_secs(24 * 3_600);
    let now = usage.store.clock().now();
    if question.span().is_some_and(|span| now.since(span.start) > kept) {
        let detail = "what cannot be added up is kept for 90 days";
        return Err(Error::new(codes::WINDOW_UNAVAILABLE, detail));
    }
    let prefix = meter_scope(question.scope, question.scope_id.as_deref());
    let mut gathered: BTreeMap<(usize, Labels), Gathered> = BTreeMap::new();
    for day in question.days(Timestamp::UNIX_EPOCH) {
        let query = Query::partition(meter_day(tenant, meter.id, &day)).starting_with(&prefix);
        for item in usage.store.collect(&query, usize::MAX >> 1).await? {
            let Some(row) = MeterRow::read(&item) else {
                return Err(Error::internal(format!("an hour of {} cannot be read", meter.id)));
            };
            if !question.admits(&row.scope_id, &row.dimensions) {
                continue;
            }
            let group = question.group("", &row.scope_id, &row.dimensions);
            for (at, noted) in row.quarters {
                let Some(window) = find_window(&question.windows, at) else { continue };
                let into = gathered.entry((window, group.clone())).or_default();
                match noted {
                    Noted::Number(number) => {
                        let better = match meter.aggregation {
                            Aggregation::Min => i128::min,
                            _ => i128::max,
                        };
                        into.number = Some(into.number.map_or(number, |it| better(it, number)));
                    }
                    Noted::Latest(time, number) => {
                        let later = into.latest.as_ref().is_none_or(|(known, _)| *known < time);
                        if later {
                            into.latest = Some((time, number));
                        }
                    }
                    Noted::Hashes(hashes) => {
                        into.approximate |= hashes.len() * 16 >= MAX_UNIQUE;
                        into.hashes.extend(hashes);
                    }
                }
            }
        }
        if gathered.len() > MAX_ROWS {
            let detail = format!("it has more than {MAX_ROWS} rows: group by less");
            return Err(Error::new(codes::QUERY_TOO_LARGE, detail));
        }
    }
    let answers = gathered.into_iter().filter_map(|((window, group), gathered)| {
        let value = match meter.aggregation {
            Aggregation::UniqueCount => i128::try_from(gathered.hashes.len()).ok()?,
            Aggregation::Latest => gathered.latest?.1,
            _ => gathered.number?,
        };
        Some(MeterAnswer { window, group, value, approximate: gathered.approximate })
    });
    Ok(answers.collect())
}
