//! How the asked providers fared: minutes are counted, failures remembered, changes told.

use std::{collections::BTreeMap, time::Duration};

use futures::future::{join_all, try_join};
use millwright_core::{Error, Result, Tenant, Timestamp};
use millwright_event::{Cause, Effects};
use millwright_model::Code;
use millwright_store::{Contention, Outcome};

use super::{Completions, finish::Closing, open::Open};
use crate::{
    domain::{HealthMinute, HealthStatus, ModelId, ProviderId, ProviderState},
    events::{HealthData, ProviderHealthChanged},
    gateway::{AttemptOutcome, Class},
    store::{HealthMinuteItem, ProviderStateItem, health_of, last_minutes},
};

/// Who loses so many races leaves it to those who won: they have failed as well.
const LOSSES: u32 = 3;

/// What one completion says of a model.
#[derive(Clone, Debug, Default)]
struct Said {
    counts: HealthMinute,
    failures: Vec<Failure>,
}

#[derive(Clone, Copy, Debug)]
struct Failure {
    code: &'static str,
    is_auth: bool,
    retry_after: Option<Duration>,
}

/// Of each model that was asked: client's faults and requests that were never sent say nothing.
fn said(open: &Open, closing: &Closing) -> BTreeMap<(ProviderId, ModelId), Said> {
    let mut all: BTreeMap<(ProviderId, ModelId), Said> = BTreeMap::new();
    let last = open.attempts.len().saturating_sub(1);
    for (place, attempt) in open.attempts.iter().enumerate() {
        let Some(target) = open.plan.targets.get(attempt.target) else { continue };
        // An answer that broke off in the middle is none.
        let broken = closing.error.as_ref().filter(|_| place == last);
        let failure = match (attempt.outcome, attempt.class, broken) {
            (AttemptOutcome::Answered, _, Some(error)) => match error.code {
                Code::ProviderError | Code::ProviderTimeout | Code::ProviderUnavailable => {
                    Some(Failure { code: error.code.as_str(), is_auth: false, retry_after: None })
                }
                _ => None,
            },
            (AttemptOutcome::Answered, ..) => None,
            (_, Some(class), _) if class.is_providers() => Some(Failure {
                code: attempt.error_code.unwrap_or("provider_error"),
                is_auth: class == Class::Auth,
                retry_after: attempt.retry_after,
            }),
            _ => continue,
        };
        let first_token = closing.first_token.filter(|_| place == last && failure.is_none());
        let said = all.entry((target.provider_id, target.model_id)).or_default();
        let first_token = first_token.map(super::milliseconds);
        said.counts.add(&HealthMinute::of(failure.is_some(), first_token));
        said.failures.extend(failure);
    }
    all
}

/// Counts the tries of a completion. One UpdateItem for each model; for a provider that failed, or
/// that was not well, one Query and one GetItem at once, and if something is to be remembered one
/// transaction. What goes wrong here is nobody's concern but the log's.
pub(super) async fn note(app: &Completions, open: &Open, closing: &Closing) {
    let tenant = open.asked.tenant;
    let all = said(open, closing);
    let now = app.now();
    let counted = join_all(all.iter().map(|((provider, model), said)| {
        let place = HealthMinuteItem::place(&tenant, *provider, *model, now);
        let more = HealthMinuteItem::more(now, &said.counts);
        async move { app.store.update(&place, &more).await }
    }));
    for done in counted.await {
        if let Err(error) = done {
            tracing::warn!(%error, "a try was not counted");
        }
    }
    let mut by_provider: BTreeMap<ProviderId, Vec<(ModelId, Failure)>> = BTreeMap::new();
    for ((provider, model), said) in all {
        let failures = said.failures.into_iter().map(|failure| (model, failure));
        by_provider.entry(provider).or_default().extend(failures);
    }
    let Ok(configuration) = app.configuration(&tenant).await else { return };
    for (provider, failures) in by_provider {
        let known = configuration.states.get(&provider).and_then(|state| state.status);
        let is_well = known == Some(HealthStatus::Healthy);
        if failures.is_empty() && (is_well || !app.may_look_at(&tenant, provider)) {
            continue;
        }
        let change = |state: &mut ProviderState| {
            for (model, failure) in &failures {
                state.failed(*model, now, failure.retry_after);
                state.last_error = Some(failure.code.to_owned());
            }
            failures.iter().any(|(_, failure)| failure.is_auth)
        };
        let cause = open.asked.cause.clone();
        match judge(app, &tenant, cause, provider, change).await {
            Ok(()) => app.forget_configuration(&tenant),
            Err(error) => tracing::warn!(%error, %provider, "its state was not written"),
        }
    }
}

/// Reads how a provider fares, changes what is remembered, and tells of a new status. Where `change`
/// says true it is unhealthy whatever else is known.
///
/// # Errors
/// `contention`, `unavailable`.
pub async fn judge(
    app: &Completions,
    tenant: &Tenant,
    cause: Cause,
    provider: ProviderId,
    change: impl Fn(&mut ProviderState) -> bool,
) -> Result<()> {
    let attempt = || async {
        let now = app.now();
        let since = now.minus(Duration::from_secs(5 * 60));
        let place = ProviderStateItem::place(tenant, provider);
        let (minutes, found) = try_join(
            health_of(&app.store, tenant, provider, since),
            app.store.get::<ProviderStateItem>(&place),
        )
        .await?;
        let (expected, before) = match found {
            Some(item) => (item.version, item.state),
            None => (0, ProviderState::default()),
        };
        let mut state = before.clone();
        let is_out = change(&mut state);
        let mut health = state.health_by(&last_minutes(&minutes, now));
        if is_out {
            health.status = HealthStatus::Unhealthy;
        }
        let from = before.status.unwrap_or(HealthStatus::Unknown);
        let to = health.status;
        let changes = state.announce(health, now);
        if state == before {
            return Ok(());
        }
        let after = ProviderStateItem {
            version: expected + 1,
            provider_id: provider.to_string(),
            state,
            written_at: now,
        };
        write(app, cause.clone(), &after, expected, changes.then_some((from, to))).await
    };
    Contention::new(&app.store).at_most(LOSSES).settle(&app.store, attempt).await
}

async fn write(
    app: &Completions,
    cause: Cause,
    after: &ProviderStateItem,
    expected: u64,
    change: Option<(HealthStatus, HealthStatus)>,
) -> Result<()> {
    let mut effects = Effects::new(&app.store, cause);
    match expected {
        0 => effects.create(after),
        expected => effects.replace(after, expected),
    };
    if let (Some((from, to)), Ok(provider_id)) = (change, after.provider_id.parse()) {
        let last_error = after.state.last_error.clone().filter(|_| to != HealthStatus::Healthy);
        let data = HealthData { provider_id, from, to, last_error, since: since_of(after) };
        effects.emit(&ProviderHealthChanged(data))?;
    }
    match effects.attempt().await? {
        Outcome::Refused(_) => Err(Error::lost_race()),
        _ => Ok(()),
    }
}

fn since_of(item: &ProviderStateItem) -> Timestamp {
    item.state.since.unwrap_or(item.written_at)
}
