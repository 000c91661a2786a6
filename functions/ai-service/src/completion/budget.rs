//! Budgets of providers: the worst case is held before one is asked, what it came to is spent.
//!
//! A budget is never exceeded: what is held and what is spent together stay within it. What a crash
//! leaves held stays so until the sweep, or where that dies too until the month ends.

use std::collections::BTreeSet;

use futures::future::join_all;
use millwright_core::{Result, Tenant, Timestamp};
use millwright_event::{Cause, Effects};
use millwright_model::{Code, SurfaceError};
use millwright_store::Outcome;

use super::{Completions, Refused};
use crate::{
    domain::{Configuration, Provider, ProviderId, month_of},
    events::{BudgetData, ProviderBudgetExceeded, ProviderBudgetWarning},
    gateway::Plan,
    store::SpendItem,
};

/// Steps of a budget that are told, in percent.
const WARNING: u64 = 80;
const EXCEEDED: u64 = 100;

/// What a completion holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holds {
    pub providers: Vec<ProviderId>,
    /// Of each of them.
    pub micros: u64,
}

/// Holds the worst case at every provider of the plan that has a budget; those without room leave
/// the plan. One UpdateItem for each of them, at the same time.
///
/// # Errors
/// `budget_exceeded`: none is left.
pub(super) async fn hold(
    app: &Completions,
    tenant: &Tenant,
    cause: &Cause,
    configuration: &Configuration,
    plan: &mut Plan,
    micros: u64,
) -> Result<Holds, Refused> {
    let asked: BTreeSet<ProviderId> = plan.targets.iter().map(|it| it.provider_id).collect();
    let budgets = asked.iter().filter_map(|id| budget_of(configuration.provider(*id)?));
    let month = month_of(app.now());
    let held = join_all(budgets.map(|(provider, budget)| {
        let place = SpendItem::place(tenant, provider, &month);
        let hold = SpendItem::hold(micros, budget);
        async move { (provider, budget, app.store.update(&place, &hold).await) }
    }));
    let (mut holds, mut full) = (Holds { providers: Vec::new(), micros }, Vec::new());
    let mut failure = None;
    for (provider, budget, done) in held.await {
        match done {
            Ok(true) => holds.providers.push(provider),
            Ok(false) => full.push((provider, budget)),
            Err(error) => failure = Some(error),
        }
    }
    if let Some(error) = failure {
        settle(app, tenant, &month, &holds, None).await;
        return Err(error.into());
    }
    for (provider, budget) in &full {
        tell(app, tenant, cause, *provider, *budget, EXCEEDED).await;
    }
    plan.targets.retain(|it| full.iter().all(|(provider, _)| *provider != it.provider_id));
    if plan.targets.is_empty() && !full.is_empty() {
        let message = "the provider's budget of this month has no room for the request";
        let error = SurfaceError::new(Code::BudgetExceeded, message);
        return Err(Refused { error, retry_after: Some(next_month(app.now())), id: None });
    }
    Ok(holds)
}

fn budget_of(provider: &Provider) -> Option<(ProviderId, u64)> {
    Some((provider.id, provider.monthly_budget_micros?.get()))
}

/// Until the next month begins, in UTC.
fn next_month(now: Timestamp) -> std::time::Duration {
    let first = |year: i64, month: i64| -> Option<Timestamp> {
        format!("{year:04}-{month:02}-01T00:00:00.000Z").parse().ok()
    };
    let month = month_of(now);
    let mut parts = month.split('-').map(|part| part.parse::<i64>().unwrap_or_default());
    let (year, month) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let next = if month == 12 { first(year + 1, 1) } else { first(year, month + 1) };
    next.map(|at| at.since(now)).unwrap_or_default()
}

/// What was held becomes what it came to: at `spent`'s provider so much, at the others nothing. One
/// UpdateItem for each provider that held something or spent something.
pub(super) async fn settle(
    app: &Completions,
    tenant: &Tenant,
    month: &str,
    holds: &Holds,
    spent: Option<(ProviderId, u64)>,
) {
    let mut changes: Vec<(ProviderId, u64, u64)> =
        holds.providers.iter().map(|provider| (*provider, holds.micros, 0)).collect();
    if let Some((provider, micros)) = spent.filter(|(_, micros)| *micros > 0) {
        match changes.iter_mut().find(|(it, ..)| *it == provider) {
            Some((_, _, spent)) => *spent = micros,
            None => changes.push((provider, 0, micros)),
        }
    }
    let settled = join_all(changes.into_iter().map(|(provider, held, spent)| {
        let place = SpendItem::place(tenant, provider, month);
        let change = SpendItem::settle(held, spent);
        async move { app.store.update(&place, &change).await }
    }));
    for done in settled.await {
        if let Err(error) = done {
            tracing::warn!(%error, "a provider's spending was not settled");
        }
    }
}

/// Counts what was spent without being held. One UpdateItem, none for nothing.
pub async fn spend(app: &Completions, tenant: &Tenant, provider: ProviderId, micros: u64) {
    let month = month_of(app.now());
    settle(app, tenant, &month, &Holds::default(), Some((provider, micros))).await;
}

/// Tells that a step of a budget is reached, if it is. One GetItem, and the first time of a month
/// one transaction.
pub(super) async fn look(
    app: &Completions,
    tenant: &Tenant,
    cause: &Cause,
    configuration: &Configuration,
    holds: &Holds,
) {
    let month = month_of(app.now());
    for provider in &holds.providers {
        let Some((_, budget)) = configuration.provider(*provider).and_then(budget_of) else {
            continue;
        };
        let place = SpendItem::place(tenant, *provider, &month);
        let Ok(Some(item)) = app.store.get::<SpendItem>(&place).await else { continue };
        let percent = u128::from(item.spent_micros) * 100;
        let step = [EXCEEDED, WARNING]
            .into_iter()
            .find(|step| budget > 0 && percent >= u128::from(*step) * u128::from(budget));
        if let Some(step) = step.filter(|step| *step > item.told_percent) {
            tell(app, tenant, cause, *provider, budget, step).await;
        }
    }
}

/// Tells of a step, once a month.
async fn tell(
    app: &Completions,
    tenant: &Tenant,
    cause: &Cause,
    provider_id: ProviderId,
    budget_micros: u64,
    step: u64,
) {
    let place = SpendItem::place(tenant, provider_id, &month_of(app.now()));
    let told = async {
        let item = app.store.get::<SpendItem>(&place).await?.unwrap_or_default();
        if item.told_percent >= step {
            return Ok(());
        }
        let data = BudgetData { provider_id, spent_micros: item.spent_micros, budget_micros };
        let mut effects = Effects::new(&app.store, cause.clone());
        effects.update(&place, &SpendItem::tell(step));
        match step {
            EXCEEDED => effects.emit(&ProviderBudgetExceeded(data))?,
            _ => effects.emit(&ProviderBudgetWarning(data))?,
        }
        // Another has told it.
        if let Outcome::Refused(_) = effects.attempt().await? {
            tracing::debug!(%provider_id, "told already");
        }
        Ok::<_, millwright_core::Error>(())
    };
    if let Err(error) = told.await {
        tracing::warn!(%error, %provider_id, "a budget's step was not told");
    }
}
