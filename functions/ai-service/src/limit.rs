//! Rate limits: input, handlers.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Error, FaultCode, Faults, Line, Patch, Result, codes};
use millwright_event::Effects;
use millwright_http::{
    Allowed, Answered, Body, Created, IfMatch, Listed, Listing, NoContent, Parameters,
    PathParameter, Representation, Submission, Versioned,
};
use millwright_store::Contention;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::{
    app::AiService,
    completion::{CurrentUse, current},
    domain::{
        Common, Configuration, LimitId, LimitScope, Quantity, RateLimit, RateLimits, seeded_limits,
    },
    events::{RateLimitCreated, RateLimitDeleted, RateLimitUpdated, ThingData},
    permissions::{LimitManage, LimitRead},
    store::{Configured, Entry, SeedGone, read_configuration},
    thing::{self, Thing},
};

impl Representation for RateLimit {
    fn version(&self) -> u64 {
        self.common.version
    }

    fn location(&self) -> String {
        format!("/api/v1/ai/rate-limits/{}", self.id)
    }
}

impl Thing for RateLimit {
    fn all(configuration: &Configuration) -> &[RateLimit] {
        &configuration.limits
    }

    fn order(&self) -> String {
        self.unique_name()
    }

    fn taken() -> Error {
        Error::new(codes::CONFLICT, "there is a limit of this scope and subject: change that")
    }

    fn announce(
        effects: &mut Effects,
        before: Option<&RateLimit>,
        after: Option<&RateLimit>,
    ) -> Result<()> {
        let Some(either) = after.or(before) else { return Ok(()) };
        let (id, version) = (either.id.to_string(), either.common.version);
        let (from, to) = (thing::json(&before)?, thing::json(&after)?);
        let data = ThingData { id, version, before: from, after: to };
        match (before, after) {
            (None, _) => effects.emit(&RateLimitCreated(data)),
            (_, None) => effects.emit(&RateLimitDeleted(data)),
            _ => effects.emit(&RateLimitUpdated(data)),
        }
    }
}

/// A new rate limit: at least one of the five. Windows are minutes and days in UTC.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "scope": "api_key", "requestsPerMinute": 30, "tokensPerDay": 1_000_000,
}))]
pub struct LimitIn {
    scope: LimitScope,
    /// The id of a user, key, model or provider; without it each one has the limit for itself.
    #[deserr(default)]
    #[schema(required = false, inline)]
    subject_id: Option<Line<1, 100>>,
    #[deserr(default)]
    #[schema(required = false, inline)]
    requests_per_minute: Option<Quantity>,
    #[deserr(default)]
    #[schema(required = false, inline)]
    tokens_per_minute: Option<Quantity>,
    #[deserr(default)]
    #[schema(required = false, inline)]
    requests_per_day: Option<Quantity>,
    #[deserr(default)]
    #[schema(required = false, inline)]
    tokens_per_day: Option<Quantity>,
    /// At the same time.
    #[deserr(default)]
    #[schema(required = false, inline)]
    max_concurrent: Option<Quantity>,
}

/// A change of a rate limit: null takes one of the five away.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "requestsPerMinute": 120 }))]
pub struct LimitPatchIn {
    #[deserr(default)]
    #[schema(required = false, inline)]
    requests_per_minute: Patch<Quantity>,
    #[deserr(default)]
    #[schema(required = false, inline)]
    tokens_per_minute: Patch<Quantity>,
    #[deserr(default)]
    #[schema(required = false, inline)]
    requests_per_day: Patch<Quantity>,
    #[deserr(default)]
    #[schema(required = false, inline)]
    tokens_per_day: Patch<Quantity>,
    #[deserr(default)]
    #[schema(required = false, inline)]
    max_concurrent: Patch<Quantity>,
}

/// Which limits to list.
#[derive(Clone, Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct LimitFilters {
    #[deserr(default)]
    scope: Option<LimitScope>,
}

fn check(limit: &RateLimit) -> Result<()> {
    if limit.limits.is_empty() {
        let detail = "at least one of the five limits must be given";
        return Err(Error::fault("", FaultCode::Required, detail));
    }
    let names_itself = limit.scope == LimitScope::Organization;
    if names_itself && limit.subject_id.is_some() {
        let detail = "the organization is its own subject";
        return Err(Error::fault("/subjectId", FaultCode::NotAllowed, detail));
    }
    Ok(())
}

/// Create a rate limit
///
/// One for each scope and subject. Every limit that is met counts. One query and one transaction of
/// at most five items.
#[utoipa::path(post, path = "/api/v1/ai/rate-limits", tag = "Rate limits")]
pub async fn rate_limit_create(
    caller: Allowed<LimitManage>,
    State(app): State<AiService>,
    submission: Submission<LimitIn>,
) -> Answered<Created<RateLimit>> {
    let tenant = caller.tenant();
    let (submission, input) = submission.take();
    let limit = RateLimit {
        id: app.store.ids().next(),
        common: Common::first(app.organization(&tenant)?, app.stamp(&caller)),
        scope: input.scope,
        subject_id: input.subject_id,
        limits: RateLimits {
            requests_per_minute: input.requests_per_minute,
            tokens_per_minute: input.tokens_per_minute,
            requests_per_day: input.requests_per_day,
            tokens_per_day: input.tokens_per_day,
            max_concurrent: input.max_concurrent,
        },
    };
    check(&limit)?;
    // Those that are there from the beginning have taken no name.
    let present = read_configuration(&app.store, &tenant).await?.limits;
    if present.iter().any(|other| other.unique_name() == limit.unique_name()) {
        return Err(RateLimit::taken().into());
    }
    let mut write = submission.write(&app.store, &caller);
    thing::create(&mut write, &limit)?;
    Ok(write.commit(Created(limit)).await?)
}

/// List rate limits
///
/// By scope and subject; those that are there from the beginning among them. One query, strongly
/// consistent.
#[utoipa::path(get, path = "/api/v1/ai/rate-limits", tag = "Rate limits")]
pub async fn rate_limit_list(
    caller: Allowed<LimitRead>,
    State(app): State<AiService>,
    listing: Listing<LimitFilters>,
) -> Answered<Listed<RateLimit>> {
    let tenant = caller.tenant();
    let configuration = read_configuration(&app.store, &tenant).await?;
    let passes = |limit: &RateLimit| listing.filters.scope.is_none_or(|it| limit.scope == it);
    Ok(thing::page(&listing, &tenant, &configuration.limits, passes, RateLimit::clone).await?)
}

/// Whose use of a limit to look at.
#[derive(Clone, Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct LimitUseOf {
    /// One of those who each have the limit for themselves: a user, key, model or provider.
    #[deserr(default)]
    #[param(inline)]
    subject_id: Option<Line<1, 100>>,
}

/// A rate limit, and what is used of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LimitView {
    #[serde(flatten)]
    limit: RateLimit,
    /// Null of a limit that each one has for themselves, unless one is named.
    current: Option<CurrentUse>,
}

impl Representation for LimitView {
    fn version(&self) -> u64 {
        self.limit.version()
    }

    fn location(&self) -> String {
        self.limit.location()
    }
}

/// Read a rate limit
///
/// With what its subject has used of it: of a limit that each one has for themselves, what
/// `subjectId` has. Strongly consistent. One query and one read of up to three items.
#[utoipa::path(get, path = "/api/v1/ai/rate-limits/{id}", tag = "Rate limits")]
pub async fn rate_limit_get(
    caller: Allowed<LimitRead>,
    State(app): State<AiService>,
    PathParameter((id,)): PathParameter<(LimitId,)>,
    Parameters(LimitUseOf { subject_id }): Parameters<LimitUseOf>,
) -> Answered<Versioned<LimitView>> {
    let tenant = caller.tenant();
    let limit: RateLimit = thing::get(&app, &tenant, id).await?;
    let own = limit.subject_id.clone().or(subject_id).map(|it| it.to_string());
    let subject = match limit.scope {
        LimitScope::Organization => Some(app.organization(&tenant)?.to_string()),
        _ => own,
    };
    let current = match subject {
        Some(subject) => Some(current(&app.store, &tenant, limit.scope, &subject).await?),
        None => None,
    };
    Ok(Versioned(LimitView { limit, current }))
}

/// Change a rate limit
///
/// In force everywhere within half a minute. A change of nothing is no change. One query and one
/// transaction of two items.
#[utoipa::path(patch, path = "/api/v1/ai/rate-limits/{id}", tag = "Rate limits")]
pub async fn rate_limit_update(
    caller: Allowed<LimitManage>,
    State(app): State<AiService>,
    PathParameter((id,)): PathParameter<(LimitId,)>,
    if_match: IfMatch,
    Body(patch): Body<LimitPatchIn>,
) -> Answered<Versioned<RateLimit>> {
    let change = |_: &Configuration, limit: &mut RateLimit| {
        let limits = &mut limit.limits;
        patch.requests_per_minute.apply_to_option(&mut limits.requests_per_minute);
        patch.tokens_per_minute.apply_to_option(&mut limits.tokens_per_minute);
        patch.requests_per_day.apply_to_option(&mut limits.requests_per_day);
        patch.tokens_per_day.apply_to_option(&mut limits.tokens_per_day);
        patch.max_concurrent.apply_to_option(&mut limits.max_concurrent);
        check(limit)
    };
    let (_, after) = thing::update::<RateLimit>(&app, &caller, id, Some(&if_match), change).await?;
    Ok(Versioned(after))
}

/// Delete a rate limit
///
/// For ever. One query and one transaction of at most six items.
#[utoipa::path(delete, path = "/api/v1/ai/rate-limits/{id}", tag = "Rate limits")]
pub async fn rate_limit_delete(
    caller: Allowed<LimitManage>,
    State(app): State<AiService>,
    PathParameter((id,)): PathParameter<(LimitId,)>,
    if_match: IfMatch,
) -> Answered<NoContent> {
    let tenant = caller.tenant();
    let seeds = seeded_limits(app.organization(&tenant)?);
    if !seeds.iter().any(|seed| seed.id == id) {
        return Ok(thing::delete::<RateLimit>(&app, &caller, id, &if_match).await?);
    }
    let attempt = || async {
        let configuration = read_configuration(&app.store, &tenant).await?;
        let Some(limit) = thing::find::<RateLimit>(&configuration, id) else {
            return Ok(NoContent);
        };
        if_match.check(limit.common.version)?;
        let mut write = caller.write(&app.store);
        let place = Entry::<RateLimit>::place(&tenant, id);
        let unchanged = match limit.common.version {
            1 => millwright_store::Condition::absent(),
            version => millwright_store::Condition::version(version),
        };
        let step = write.delete_when(&place, unchanged);
        write.refused_as(step, Error::lost_race());
        write.put(&SeedGone { id: id.to_string() });
        RateLimit::announce(&mut write, Some(limit), None)?;
        write.commit(NoContent).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}
