//! Budgets of providers: the worst case is held before one is asked, what it came to is spent.
//!
//! A budget is never exceeded: what is held and what is spent together stay within it. What a crash
//! leaves held stays so until the sweep, or where that dies too until the month ends.

use std::collections::BTreeSet;

use futures::future::join_all;
use millwright_core::{Result, Tenant, Timestamp};
use millwright_event::{Cause, Effects};
use millwright_model::{Code, SurfaceError};
use millwright_store::{Key, Outcome, Update};

use super::{CompletionId, Completions, Refused};
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holds {
    pub completion: CompletionId,
    pub providers: Vec<ProviderId>,
    /// Of each of them.
    pub micros: u64,
}

/// Holds the worst case at every provider of the plan that has a budget; those without room leave
/// the plan. One UpdateItem for each of them, at the same time, and
/// one GetItem where there is no room.
///
/// # Errors
/// `budget_exceeded`: none is left.
pub(super) async fn hold(
    app: &Completions,
    tenant: &Tenant,
    cause: &Cause,
    configuration: &Configuration,
    plan: &mut Plan,
    (completion, micros): (CompletionId, u64),
) -> Result<Holds, Refused> {
    let asked: BTreeSet<ProviderId> = plan.targets.iter().map(|it| it.provider_id).collect();
    let budgets = asked.iter().filter_map(|id| budget_of(configuration.provider(*id)?));
    let month = month_of(app.now());
    let held = join_all(budgets.map(|(provider, budget)| {
        let place = SpendItem::place(tenant, provider, &month);
        let hold = SpendItem::hold(completion, micros, budget);
        async move { (provider, budget, held(app, completion, &place, &hold).await) }
    }));
    let (mut holds, mut full) = (Holds { completion, providers: Vec::new(), micros }, Vec::new());
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
        return Err(Refused::waiting(error, next_month(app.now())));
    }
    Ok(holds)
}

/// True if the completion holds it, by this write or by one before whose answer was lost.
async fn held(
    app: &Completions,
    completion: CompletionId,
    place: &Key,
    hold: &Update,
) -> Result<bool> {
    if app.store.update(place, hold).await? {
        return Ok(true);
    }
    let item = app.store.get_raw(place).await?;
    Ok(item.is_some_and(|item| SpendItem::holds(&item, completion)))
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
    let mut changes: Vec<(ProviderId, Update)> = Vec::new();
    for provider in &holds.providers {
        let spent = spent.filter(|(it, _)| it == provider).map_or(0, |(_, micros)| micros);
        changes.push((*provider, SpendItem::settle(holds.completion, holds.micros, spent)));
    }
    let is_free =
        |(provider, micros): &(ProviderId, u64)| *micros > 0 && !holds.providers.contains(provider);
    let free = spent.filter(is_free);
    changes.extend(free.map(|(provider, micros)| (provider, SpendItem::spend(micros))));
    change(app, tenant, month, changes).await;
}

async fn change(
    app: &Completions,
    tenant: &Tenant,
    month: &str,
    changes: Vec<(ProviderId, Update)>,
) {
    let changed = join_all(changes.into_iter().map(|(provider, change)| {
        let place = SpendItem::place(tenant, provider, month);
        async move { app.store.update(&place, &change).await }
    }));
    for done in changed.await {
        if let Err(error) = done {
            tracing::warn!(%error, "a provider's spending was not settled");
        }
    }
}

/// Counts what was spent without being held. One UpdateItem, none for nothing.
pub async fn spend(app: &Completions, tenant: &Tenant, provider: ProviderId, micros: u64) {
    if micros > 0 {
        let month = month_of(app.now());
        change(app, tenant, &month, vec![(provider, SpendItem::spend(micros))]).await;
    }
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
