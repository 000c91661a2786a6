//! Statements: what a month of an organization cost. Open ones are computed when they are read; 36
//! days after the end of the month, when no more events of it are taken, one becomes final.

use std::{collections::BTreeMap, time::Duration};

use axum::extract::State;
use millwright_core::{Error, Result, Tenant, Timestamp};
use millwright_http::{Allowed, Answered, Listed, Listing, NoFilters, PathParameter, Plain};
use millwright_store::{Condition, Outcome, Query, Update, schema::TTL};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    app::{Defined, Usage},
    domain::{
        COST, COUNT, CategoryPattern, Cost, Month, PriceId, Quantity, ScopeType, Window, effective,
        share,
    },
    events::{StatementData, StatementFinalized},
    monthly::{MonthlyCost, monthly_costs},
    permissions::StatementRead,
    query::{Question, Row, ask, categories_of},
    store::{LimitCounter, StatementItem, monthly_booking, statements},
};

/// From the end of a month until its statement is final.
pub const FINAL_AFTER: Duration = Duration::from_secs(36 * 24 * 3_600);
/// The most lines of a final statement: an item holds 400 KB.
const MAX_LINES: usize = 1_000;
/// The most months that are kept.
const MAX_STATEMENTS: usize = 100;

millwright_core::wire_enum! {
    /// Whether a statement can still change.
    pub enum StatementState {
        Open = "open",
        Final = "final",
    }
}

/// What a measure of a category came to, for some dimension values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(rename_all = "camelCase")]
pub struct StatementLine {
    pub category_code: String,
    pub metric: String,
    /// The price at the end of the month; null if the events report their cost.
    #[schema(value_type = Option<String>)]
    pub price_id: Option<PriceId>,
    pub dimensions: BTreeMap<String, String>,
    pub quantity: Quantity,
    pub unit: String,
    /// Null for prices of another form.
    pub unit_price_micros: Option<u64>,
    pub cost_micros: i64,
}

/// What a month cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(rename_all = "camelCase", example = json!({
    "period": "2026-11", "state": "open", "from": "2026-11-01T00:00:00.000Z",
    "to": "2026-12-01T00:00:00.000Z", "costMicros": 12000, "lines": [],
    "asOf": "2026-11-23T01:04:58.000Z",
}))]
pub struct Statement {
    pub period: Month,
    pub state: StatementState,
    pub from: Timestamp,
    pub to: Timestamp,
    /// The sum, rounded once: lines may differ from it by a micro-dollar each.
    pub cost_micros: i64,
    pub lines: Vec<StatementLine>,
    pub as_of: Timestamp,
}

/// A month in the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(rename_all = "camelCase")]
pub struct StatementEntry {
    pub period: Month,
    pub state: StatementState,
    /// Null while it is open.
    pub cost_micros: Option<i64>,
}

/// True if nothing of the month of an instant changes any more.
pub fn is_final(defined: &Defined, at: Timestamp, now: Timestamp) -> bool {
    let zone = &defined.settings().time_zone;
    Month::of(zone, at).window(zone).end.plus(FINAL_AFTER) <= now
}

/// The lines of one row of counters: its cost goes to the measures that have a price, in proportion
/// to what they cost by it, else to the number of events. So the lines of a row add up.
fn lines_of(
    defined: &Defined,
    code: &str,
    window: Window,
    row: &Row,
) -> Vec<(StatementLine, Cost)> {
    let Some(category) = defined.category(code) else { return Vec::new() };
    let last = Timestamp::from_millisecond(window.end.as_millisecond() - 1);
    let cost = Cost::from_pico(row.sums.get(COST).copied().unwrap_or(0));
    let mut lines = Vec::new();
    let mut nominal = Vec::new();
    let measures = std::iter::once((COUNT.to_owned(), String::new()))
        .chain(category.metrics.0.iter().map(|it| (it.name.to_string(), it.unit.to_string())));
    for (metric, unit) in measures {
        let Some(quantity) = row.sums.get(&metric).filter(|it| **it != 0) else { continue };
        let quantity = Quantity::from_nano(*quantity);
        let price = effective(defined.prices(), code, &metric, &row.group, last);
        let price = price.filter(|price| !price.is_monthly());
        let costs = price.and_then(|price| price.cost(quantity)).unwrap_or(Cost::ZERO);
        nominal.push(Quantity::from_nano(costs.pico().max(0)));
        lines.push(StatementLine {
            category_code: code.to_owned(),
            metric,
            price_id: price.map(|price| price.id),
            dimensions: row.group.clone(),
            quantity,
            unit,
            unit_price_micros: price.and_then(|price| price.unit_price_micros),
            cost_micros: 0,
        });
    }
    if let (Some(first), true) = (nominal.first_mut(), row.sums.contains_key(COST)) {
        // Nothing is priced: what the events report belongs to their number.
        if lines.iter().all(|line| line.price_id.is_none()) {
            *first = Quantity::ONE;
        }
    }
    let parts = share(cost, &nominal);
    for (line, part) in lines.iter_mut().zip(&parts) {
        line.cost_micros = part.micros();
    }
    lines.into_iter().zip(parts).collect()
}

fn monthly_line(monthly: &MonthlyCost, unit: &str) -> StatementLine {
    StatementLine {
        category_code: monthly.price.category_code.to_string(),
        metric: monthly.price.metric.clone(),
        price_id: Some(monthly.price.id),
        dimensions: monthly.price.matching.clone(),
        quantity: monthly.quantity,
        unit: unit.to_owned(),
        unit_price_micros: None,
        cost_micros: monthly.cost.micros(),
    }
}

impl Usage {
    /// A month as it stands. The queries of its series, category by category.
    ///
    /// # Errors
    /// `query_too_large`; `unavailable`.
    pub async fn statement(
        &self,
        tenant: &Tenant,
        defined: &Defined,
        period: Month,
    ) -> Result<Statement> {
        let window = period.window(&defined.settings().time_zone);
        let codes = categories_of(self, tenant, &CategoryPattern::Any, window).await?;
        let (mut lines, mut total) = (Vec::new(), Cost::ZERO);
        for code in codes {
            let Some(category) = defined.category(&code) else { continue };
            let question = Question {
                group_by: category.dimensions.0.iter().map(|it| it.name.to_string()).collect(),
                scope: ScopeType::Organization,
                ..Question::of_organization(&code, window)
            };
            for row in ask(self, tenant, defined, &question).await? {
                total += Cost::from_pico(row.sums.get(COST).copied().unwrap_or(0));
                lines.extend(lines_of(defined, &code, window, &row).into_iter().map(|it| it.0));
            }
            for monthly in monthly_costs(self, tenant, defined, category, window).await? {
                total += monthly.cost;
                let unit = category.metric(&monthly.price.metric);
                let unit = unit.map(|it| it.unit.to_string()).unwrap_or_default();
                lines.push(monthly_line(&monthly, &unit));
            }
        }
        Ok(Statement {
            period,
            state: StatementState::Open,
            from: window.start,
            to: window.end,
            cost_micros: total.micros(),
            lines,
            as_of: self.store.clock().now(),
        })
    }

    /// Books in the budgets of the organization what monthly prices have come to since. Once: what
    /// is booked is moved by the transaction that moves the budgets. For each category that counted
    /// in this month or the one before and has monthly prices the queries of a month; one read and
    /// one transaction for each price.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn book_monthly(&self, tenant: &Tenant) -> Result<()> {
        let defined = self.defined(tenant).await?;
        if !defined.prices().iter().any(|price| price.is_monthly()) {
            return Ok(());
        }
        let (now, zone) = (self.store.clock().now(), &defined.settings().time_zone);
        let month = Month::of(zone, now);
        for month in [month.previous(), month] {
            let window = month.window(zone);
            if window.end.plus(FINAL_AFTER) <= now {
                continue;
            }
            for code in categories_of(self, tenant, &CategoryPattern::Any, window).await? {
                let Some(category) = defined.category(&code) else { continue };
                for cost in monthly_costs(self, tenant, &defined, category, window).await? {
                    self.book(tenant, &defined, month, window, &cost).await?;
                }
            }
        }
        Ok(())
    }

    async fn book(
        &self,
        tenant: &Tenant,
        defined: &Defined,
        month: Month,
        window: Window,
        monthly: &MonthlyCost,
    ) -> Result<()> {
        let place = monthly_booking(tenant, month, monthly.price.id);
        let item = self.store.get_raw(&place).await?;
        let booked = item.and_then(|item| item.large_number("booked"));
        let difference = monthly.cost.pico() - booked.unwrap_or(0);
        if difference == 0 {
            return Ok(());
        }
        let unchanged = match booked {
            // No other number is below and above its neighbours.
            Some(booked) => {
                Condition::default().above("booked", booked - 1).below("booked", booked + 1)
            }
            None => Condition::default().attribute_absent("booked"),
        };
        let expires = window.end.plus(FINAL_AFTER * 2).as_second();
        let update = Update::when(unchanged)
            .set_number("booked", monthly.cost.pico())
            .set_number(TTL, i128::from(expires));
        let mut transaction = self.store.transaction(tenant);
        transaction.update(&place, &update);
        let code = monthly.price.category_code.as_str();
        let budgets = defined.0.limits.iter().filter(|limit| {
            limit.is_budget()
                && limit.archived_at.is_none()
                && limit.scope_type == ScopeType::Organization
                && limit.category_pattern.matches(code)
        });
        for limit in budgets {
            let counter = LimitCounter::of(limit, String::new(), window.start)?;
            counter.add_used(&mut transaction, difference);
        }
        // Refused: another worker has booked it.
        transaction.attempt().await.map(drop)
    }

    /// Makes the statement of the last month that can be final so. The queries of that month and one
    /// transaction, once.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn finalize_statement(&self, tenant: &Tenant) -> Result<()> {
        let defined = self.defined(tenant).await?;
        let (now, zone) = (self.store.clock().now(), &defined.settings().time_zone);
        let month = Month::of(zone, now.minus(FINAL_AFTER)).previous();
        let window = month.window(zone);
        if self.store.get_raw(&StatementItem::place(tenant, month)).await?.is_some()
            || categories_of(self, tenant, &CategoryPattern::Any, window).await?.is_empty()
        {
            return Ok(());
        }
        let mut statement = self.statement(tenant, &defined, month).await?;
        statement.state = StatementState::Final;
        statement.lines.sort_by_key(|line| std::cmp::Reverse(line.cost_micros));
        statement.lines.truncate(MAX_LINES);
        let mut effects = self.own_effects(tenant);
        effects.create(&StatementItem { statement: statement.clone(), final_at: now });
        effects.emit(&StatementFinalized(StatementData {
            period: month.to_string(),
            cost_micros: statement.cost_micros,
            lines: statement.lines.len() as u64,
        }))?;
        match effects.attempt().await? {
            Outcome::Done | Outcome::Refused(_) => Ok(()),
        }
    }
}

/// List statements
///
/// Latest first; final ones for seven years, and months that are still open. One query.
#[utoipa::path(get, path = "/api/v1/usage/statements", tag = "Statements")]
pub async fn statement_list(
    caller: Allowed<StatementRead>,
    State(usage): State<Usage>,
    listing: Listing<NoFilters>,
) -> Answered<Listed<StatementEntry>> {
    let tenant = caller.tenant();
    let defined = usage.defined(&tenant).await?;
    let (now, zone) = (usage.store.clock().now(), &defined.settings().time_zone);
    let mut all: BTreeMap<Month, StatementEntry> = BTreeMap::new();
    let mut month = Month::of(zone, now);
    while month.window(zone).end.plus(FINAL_AFTER) > now {
        let state = StatementState::Open;
        all.insert(month, StatementEntry { period: month, state, cost_micros: None });
        month = month.previous();
    }
    let query = Query::partition(statements(&tenant)).descending(true);
    for item in usage.store.collect(&query, MAX_STATEMENTS).await? {
        let Statement { period, state, cost_micros, .. } =
            item.decode::<StatementItem>()?.statement;
        all.insert(period, StatementEntry { period, state, cost_micros: Some(cost_micros) });
    }
    let after = listing.from.as_ref().map(|position| position.sort_key().to_owned());
    let is_next =
        |it: &StatementEntry| after.as_ref().is_none_or(|after| it.period.to_string() < *after);
    let mut items: Vec<StatementEntry> = all.into_values().rev().filter(is_next).collect();
    let has_more = items.len() > listing.limit;
    items.truncate(listing.limit);
    let last = items
        .last()
        .map(|it| millwright_store::Position::behind(&StatementItem::place(&tenant, it.period)));
    Ok(listing.page(items, last.filter(|_| has_more)).await?)
}

/// Read a statement
///
/// Of an open month as it stands now: tiered and flat prices by what the month has come to so far.
/// A final one has its thousand dearest lines. One read; of an open month the queries of its series.
#[utoipa::path(get, path = "/api/v1/usage/statements/{period}", tag = "Statements")]
pub async fn statement_get(
    caller: Allowed<StatementRead>,
    State(usage): State<Usage>,
    PathParameter((period,)): PathParameter<(Month,)>,
) -> Answered<Plain<Statement>> {
    let tenant = caller.tenant();
    let place = StatementItem::place(&tenant, period);
    let stored: Option<StatementItem> = usage.store.get(&place).await?;
    if let Some(stored) = stored {
        return Ok(Plain(stored.statement));
    }
    let defined = usage.defined(&tenant).await?;
    let now = usage.store.clock().now();
    let window = period.window(&defined.settings().time_zone);
    if now < window.start || window.end.plus(FINAL_AFTER) <= now {
        return Err(Error::not_found("statement").into());
    }
    Ok(Plain(usage.statement(&tenant, &defined, period).await?))
}
