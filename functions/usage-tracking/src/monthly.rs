//! Tiered and flat prices: functions of what a whole calendar month came to, so that neither order
//! nor batches of events matter. They are computed when somebody reads, and shared to rows in
//! proportion to quantity, so that parts add up exactly.
//!
//! A price counts what it would price event by event: where another price of the same measure
//! matches more dimensions or begins later, that one does. Of global prices only those of categories
//! that report no costs. A price that begins or ends within a month counts its part of it, to the
//! quarter of an hour.

use std::collections::BTreeMap;

use millwright_core::{Result, Tenant, Timestamp};

use crate::{
    app::{Defined, Usage},
    domain::{
        COST, Category, Cost, Labels, Period, Price, PriceLevel, Quantity, SLOT, Window, effective,
        period_window, share,
    },
    query::{Question, Row, ask},
};

/// What a monthly price comes to in a month.
#[derive(Clone, Debug)]
pub struct MonthlyCost {
    pub price: Price,
    pub quantity: Quantity,
    pub cost: Cost,
}

fn floor(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond().div_euclid(SLOT) * SLOT)
}

/// The monthly prices of a category that hold within a span.
fn prices_of<'d>(defined: &'d Defined, category: &Category, span: Window) -> Vec<&'d Price> {
    let reports = category.cost_pointer.is_some();
    let prices = defined.prices().iter().filter(|price| {
        price.is_monthly()
            && price.category_code == category.code
            && price.effective_from < span.end
            && price.effective_to.is_none_or(|end| span.start < end)
            && !(reports && price.level == PriceLevel::Global)
    });
    prices.collect()
}

/// A span cut where prices of a category begin or end.
fn pieces(defined: &Defined, category: &Category, span: Window) -> Vec<Window> {
    let of_category = defined.prices().iter().filter(|it| it.category_code == category.code);
    let mut cuts: Vec<Timestamp> = of_category
        .flat_map(|price| [Some(price.effective_from), price.effective_to])
        .flatten()
        .map(floor)
        .filter(|at| span.start < *at && *at < span.end)
        .chain([span.start, span.end])
        .collect();
    cuts.sort();
    cuts.dedup();
    cuts.windows(2).map(|pair| Window { start: pair[0], end: pair[1] }).collect()
}

/// The calendar months, in the organization's time zone, that a span touches.
///
/// # Errors
/// `window_unavailable` at the ends of time.
pub fn months(defined: &Defined, span: Window) -> Result<Vec<Window>> {
    let mut all = Vec::new();
    let mut at = span.start;
    while at < span.end {
        let month = period_window(Period::Month, &defined.settings().time_zone, 1, at)?;
        at = month.end;
        all.push(month);
    }
    Ok(all)
}

/// Quantities by price: of each row of a question that is grouped by all dimensions.
struct Weighed<'d> {
    price: &'d Price,
    /// By window and group of the question.
    weights: BTreeMap<(usize, Labels), i128>,
}

/// What each of the prices counts in `windows` of a question. One question of the category.
async fn weigh<'d>(
    usage: &Usage,
    tenant: &Tenant,
    defined: &'d Defined,
    category: &Category,
    prices: &[&'d Price],
    question: &Question,
    windows: &[(usize, Window)],
) -> Result<Vec<Weighed<'d>>> {
    let mut cut = Vec::new();
    for (index, window) in windows {
        cut.extend(pieces(defined, category, *window).into_iter().map(|piece| (*index, piece)));
    }
    let mut group_by = question.group_by.clone();
    for dimension in &category.dimensions.0 {
        let name = dimension.name.to_string();
        if !group_by.contains(&name) {
            group_by.push(name);
        }
    }
    let detailed = Question {
        categories: vec![category.code.to_string()],
        windows: cut.iter().map(|(_, piece)| *piece).collect(),
        by_minute: false,
        group_by,
        by_category: false,
        cuts_days: true,
        ..question.clone()
    };
    let mut all: Vec<Weighed<'d>> =
        prices.iter().map(|price| Weighed { price, weights: BTreeMap::new() }).collect();
    for row in ask(usage, tenant, defined, &detailed).await? {
        let (index, piece) = cut[row.window];
        let dimensions: Labels = category
            .dimensions
            .0
            .iter()
            .map(|it| it.name.to_string())
            .map(|name| (name.clone(), row.group.get(&name).cloned().unwrap_or_default()))
            .collect();
        let mut group: Labels = row
            .group
            .iter()
            .filter(|(name, _)| question.group_by.contains(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        if question.by_category {
            group.insert("category".to_owned(), category.code.to_string());
        }
        for weighed in &mut all {
            let price = weighed.price;
            let code = category.code.as_str();
            // The very beginning of a piece may lie before a price that begins within a quarter.
            let at = piece.start.max(price.effective_from.min(piece.end));
            let holds = effective(defined.prices(), code, &price.metric, &dimensions, at);
            if holds.is_none_or(|it| it.id != price.id) {
                continue;
            }
            let quantity = row.sums.get(&price.metric).copied().unwrap_or(0);
            *weighed.weights.entry((index, group.clone())).or_default() += quantity;
        }
    }
    Ok(all)
}

/// What the monthly prices of a category come to in a month. One Query for each UTC day and write
/// shard if there are any, else nothing.
///
/// # Errors
/// `query_too_large`; `unavailable`.
pub async fn monthly_costs(
    usage: &Usage,
    tenant: &Tenant,
    defined: &Defined,
    category: &Category,
    month: Window,
) -> Result<Vec<MonthlyCost>> {
    let prices = prices_of(defined, category, month);
    if prices.is_empty() {
        return Ok(Vec::new());
    }
    let question = Question::of_organization(category.code.as_str(), month);
    let windows = [(0, month)];
    let weighed = weigh(usage, tenant, defined, category, &prices, &question, &windows).await?;
    let costs = weighed.into_iter().map(|it| {
        let quantity = Quantity::from_nano(it.weights.values().sum());
        MonthlyCost { cost: it.price.monthly_cost(quantity), price: it.price.clone(), quantity }
    });
    Ok(costs.filter(|it| !it.quantity.is_zero()).collect())
}

/// Adds their shares of monthly prices to the rows of a question. For each category with such
/// prices and each month two questions of that month more; nothing without.
///
/// # Errors
/// `query_too_large`; `unavailable`.
pub async fn add_monthly(
    usage: &Usage,
    tenant: &Tenant,
    defined: &Defined,
    question: &Question,
    mut rows: Vec<Row>,
) -> Result<Vec<Row>> {
    let (Some(first), Some(last)) = (question.windows.first(), question.windows.last()) else {
        return Ok(rows);
    };
    let span = Window { start: first.start, end: last.end };
    if question.by_minute || !defined.prices().iter().any(Price::is_monthly) {
        return Ok(rows);
    }
    for code in &question.categories {
        let Some(category) = defined.category(code) else { continue };
        if prices_of(defined, category, span).is_empty() {
            continue;
        }
        for month in months(defined, span)? {
            let within = |(index, window): (usize, &Window)| {
                let part =
                    Window { start: window.start.max(month.start), end: window.end.min(month.end) };
                (part.start < part.end).then_some((index, part))
            };
            let windows: Vec<_> = question.windows.iter().enumerate().filter_map(within).collect();
            let totals = monthly_costs(usage, tenant, defined, category, month).await?;
            if totals.is_empty() {
                continue;
            }
            let prices: Vec<&Price> = totals.iter().map(|it| &it.price).collect();
            let weighed =
                weigh(usage, tenant, defined, category, &prices, question, &windows).await?;
            for (total, weighed) in totals.iter().zip(weighed) {
                add_shares(&mut rows, total, weighed.weights);
            }
        }
    }
    Ok(rows)
}

fn add_shares(rows: &mut Vec<Row>, total: &MonthlyCost, weights: BTreeMap<(usize, Labels), i128>) {
    let asked: i128 = weights.values().sum();
    let mut all: Vec<Quantity> = weights.values().map(|it| Quantity::from_nano(*it)).collect();
    // What was not asked for has its share, too.
    all.push(Quantity::from_nano((total.quantity.nano() - asked).max(0)));
    // In whole micro-dollars: what is shown adds up as well.
    let micros = Cost::from_pico(i128::from(total.cost.micros()));
    for ((window, group), part) in weights.into_keys().zip(share(micros, &all)) {
        if part.is_zero() {
            continue;
        }
        let part = Cost::from_pico(part.pico() * Cost::MICRO);
        match rows.iter_mut().find(|row| row.window == window && row.group == group) {
            Some(row) => *row.sums.entry(COST.to_owned()).or_default() += part.pico(),
            None => {
                let sums = BTreeMap::from([(COST.to_owned(), part.pico())]);
                rows.push(Row { window, group, sums });
            }
        }
    }
}
