//! Asking without booking.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Faults, ProjectId, Result, TeamId, Tenant, UserId};
use millwright_http::{
    Allowed, AllowedOrService, Answered, Parameters, Plain, Submission, extract::Several,
};
use utoipa::IntoParams;

use super::{EffectiveLimits, LimitStatus, Use, UseIn, apply::applied};
use crate::{
    app::{Defined, Usage},
    domain::{CategoryCode, Enforcement, Phase},
    permissions::{LimitConsumeFor, LimitRead},
    query::{Filter, gathered},
};

/// Whose limits.
#[derive(Clone, Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct EffectiveParameters {
    #[param(inline)]
    category_code: CategoryCode,
    /// `model:large`; may be repeated.
    #[deserr(default)]
    #[param(inline)]
    dimensions: Several<Filter>,
    #[deserr(default)]
    #[param(inline)]
    user_id: Option<UserId>,
    #[deserr(default)]
    #[param(inline)]
    team_id: Option<TeamId>,
    #[deserr(default)]
    #[param(inline)]
    project_id: Option<ProjectId>,
}

async fn effective(
    usage: &Usage,
    tenant: &Tenant,
    defined: &Defined,
    wanted: &Use,
    asks: bool,
) -> Result<EffectiveLimits> {
    let applied = applied(defined, wanted, usage.store.clock().now())?;
    let statuses = usage.statuses(tenant, &applied).await?;
    let phases = applied.iter().zip(&statuses).filter(|(it, _)| it.limit.is_budget());
    let phase = phases.map(|(_, status)| status.phase).max().unwrap_or(Phase::Abundant);
    let fits = applied.iter().zip(&statuses).all(|(it, status)| {
        let counted = status.counted;
        let load = counted.used + counted.reserved - counted.extra;
        it.amount == 0 || it.limit.ceiling().is_none_or(|ceiling| load + it.amount <= ceiling)
    });
    let is_hard = |it: &&super::apply::Applied<'_>| it.limit.enforcement == Enforcement::Hard;
    Ok(EffectiveLimits {
        hard_limited: applied.iter().any(|it| is_hard(&it)),
        phase,
        allowed: asks.then_some(fits),
        limits: applied
            .iter()
            .zip(&statuses)
            .map(|(it, status)| LimitStatus::of(it.limit, status))
            .collect(),
    })
}

/// Read effective limits
///
/// The limits that a use of this category would count in, and the worst phase of its budgets. One
/// batch read.
#[utoipa::path(get, path = "/api/v1/usage/limits/effective", tag = "Limits")]
pub async fn limit_effective(
    caller: Allowed<LimitRead>,
    State(usage): State<Usage>,
    Parameters(parameters): Parameters<EffectiveParameters>,
) -> Answered<Plain<EffectiveLimits>> {
    let tenant = caller.tenant();
    let defined = usage.defined(&tenant).await?;
    let dimensions = gathered(&parameters.dimensions.0);
    let input = UseIn {
        category_code: parameters.category_code,
        dimensions: dimensions
            .into_iter()
            .filter_map(|(name, mut values)| Some((name, values.pop()?)))
            .collect(),
        user_id: parameters.user_id,
        team_id: parameters.team_id,
        project_id: parameters.project_id,
        amounts: millwright_core::Entries::default(),
    };
    let wanted = input.check(&caller, &defined).await?;
    Ok(Plain(effective(&usage, &tenant, &defined, &wanted, false).await?))
}

/// Check a use
///
/// As consume would decide now, with nothing changed. One batch read.
#[utoipa::path(post, path = "/api/v1/usage/limits/check", tag = "Limits")]
pub async fn limit_check(
    caller: AllowedOrService<LimitRead, LimitConsumeFor>,
    State(usage): State<Usage>,
    submission: Submission<UseIn>,
) -> Answered<Plain<EffectiveLimits>> {
    let tenant = caller.tenant();
    let (submission, input) = submission.take();
    let defined = usage.defined(&tenant).await?;
    let wanted = input.check(&caller, &defined).await?;
    let answer = Plain(effective(&usage, &tenant, &defined, &wanted, true).await?);
    Ok(submission.write(&usage.store, &caller).commit(answer).await?)
}
