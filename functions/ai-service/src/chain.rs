//! Fallback chains: input, handlers.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{
    Bounded, Change, Error, FaultCode, Faults, Line, Patch, Result, codes::NOT_FOUND,
};
use millwright_event::Effects;
use millwright_http::{
    Allowed, Answered, Body, Created, IfMatch, Listed, Listing, NoContent, PathParameter,
    Representation, Submission, Versioned,
};
use millwright_store::Condition;
use utoipa::{IntoParams, ToSchema};

use crate::{
    app::AiService,
    codes::SLUG_TAKEN,
    domain::{
        Chain, ChainId, ChainMember, Common, Configuration, Few, Model, Settings, Slug, Strategy,
        Trigger,
    },
    events::{FallbackChainCreated, FallbackChainDeleted, FallbackChainUpdated, ThingData},
    permissions::{RouteManage, RouteRead},
    store::{Entry, read_configuration, target},
    thing::{self, Thing},
};

impl Representation for Chain {
    fn version(&self) -> u64 {
        self.common.version
    }

    fn location(&self) -> String {
        format!("/api/v1/ai/fallback-chains/{}", self.id)
    }
}

impl Thing for Chain {
    fn all(configuration: &Configuration) -> &[Chain] {
        &configuration.chains
    }

    fn order(&self) -> String {
        self.slug.to_string()
    }

    fn taken() -> Error {
        Error::new(SLUG_TAKEN, "another fallback chain has this slug")
    }

    fn announce(
        effects: &mut Effects,
        before: Option<&Chain>,
        after: Option<&Chain>,
    ) -> Result<()> {
        let Some(either) = after.or(before) else { return Ok(()) };
        let (id, version) = (either.id.to_string(), either.common.version);
        let (from, to) = (thing::json(&before)?, thing::json(&after)?);
        let data = ThingData { id, version, before: from, after: to };
        match (before, after) {
            (None, _) => effects.emit(&FallbackChainCreated(data)),
            (_, None) => effects.emit(&FallbackChainDeleted(data)),
            _ => effects.emit(&FallbackChainUpdated(data)),
        }
    }

    fn hold_references(&self, effects: &mut Effects) {
        for member in self.members.as_slice() {
            let place = Entry::<Model>::place(effects.tenant(), member.model_id);
            let step = effects.check(&place, Condition::exists());
            effects.refused_as(step, Error::lost_race());
        }
        target(effects);
    }

    fn user(&self, configuration: &Configuration) -> Option<String> {
        configuration.user_of_chain(self.id)
    }
}

type Members = Few<ChainMember, 1, 8>;
type Triggers = Few<Trigger, 0, 7>;

/// A new fallback chain.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "slug": "fast", "name": "Fast, whoever answers",
    "members": [{ "modelId": "mdl_01jdz7xk2nf5h9vq3w8c6m4t0b" }],
}))]
pub struct ChainIn {
    // Can be used as `model`; not `auto`.
    #[schema(inline)]
    slug: Slug<2, 41>,
    #[schema(inline)]
    name: Line<1, 80>,
    #[deserr(default = Strategy::Ordered)]
    #[schema(required = false)]
    strategy: Strategy,
    // Each model once.
    #[schema(inline)]
    members: Members,
    /// All but `context_length` and `content_filter`, if not given.
    #[deserr(default)]
    #[schema(required = false, inline)]
    trigger_on: Option<Triggers>,
    /// 600 if not given.
    #[deserr(default)]
    #[schema(required = false, inline)]
    max_total_seconds: Option<Bounded<1, 870>>,
    #[deserr(default = true)]
    #[schema(required = false)]
    enabled: bool,
}

/// A change of a fallback chain.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "strategy": "cheapest" }))]
pub struct ChainPatchIn {
    #[deserr(default)]
    #[schema(required = false, inline)]
    slug: Change<Slug<2, 41>>,
    #[deserr(default)]
    #[schema(required = false, inline)]
    name: Change<Line<1, 80>>,
    #[deserr(default)]
    #[schema(required = false)]
    strategy: Change<Strategy>,
    #[deserr(default)]
    #[schema(required = false, inline)]
    members: Change<Members>,
    #[deserr(default)]
    #[schema(required = false, inline)]
    trigger_on: Patch<Triggers>,
    #[deserr(default)]
    #[schema(required = false, inline)]
    max_total_seconds: Patch<Bounded<1, 870>>,
    #[deserr(default)]
    #[schema(required = false)]
    enabled: Change<bool>,
}

/// A list of chains takes no filters.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct ChainFilters {}

const MAX_TOTAL_SECONDS: u32 = 600;

fn triggers(given: Option<Triggers>) -> Triggers {
    given.unwrap_or_else(|| Few::of(Trigger::DEFAULT.to_vec()))
}

fn check(chain: &Chain, configuration: &Configuration) -> Result<()> {
    if chain.slug.as_str() == Settings::AUTO {
        let detail = "means that rules decide";
        return Err(Error::fault("/slug", FaultCode::NotAllowed, detail));
    }
    let mut members = chain.members.as_slice().iter();
    match members.position(|member| configuration.model(member.model_id).is_none()) {
        None => Ok(()),
        Some(place) => {
            let detail = format!("no such model, at /members/{place}/modelId");
            Err(Error::new(NOT_FOUND, detail))
        }
    }
}

/// Create a fallback chain
///
/// One query and one transaction of at most fifteen items.
#[utoipa::path(post, path = "/api/v1/ai/fallback-chains", tag = "Routing")]
pub async fn fallback_chain_create(
    caller: Allowed<RouteManage>,
    State(app): State<AiService>,
    submission: Submission<ChainIn>,
) -> Answered<Created<Chain>> {
    let tenant = caller.tenant();
    let (submission, input) = submission.take();
    let configuration = read_configuration(&app.store, &tenant).await?;
    let chain = Chain {
        id: app.store.ids().next(),
        common: Common::first(app.organization(&tenant)?, app.stamp(&caller)),
        slug: input.slug,
        name: input.name,
        strategy: input.strategy,
        members: input.members,
        trigger_on: triggers(input.trigger_on),
        max_total_seconds: input.max_total_seconds.map_or(MAX_TOTAL_SECONDS, Bounded::get),
        enabled: input.enabled,
    };
    check(&chain, &configuration)?;
    let mut write = submission.write(&app.store, &caller);
    thing::create(&mut write, &chain)?;
    Ok(write.commit(Created(chain)).await?)
}

/// List fallback chains
///
/// By slug. One query, strongly consistent.
#[utoipa::path(get, path = "/api/v1/ai/fallback-chains", tag = "Routing")]
pub async fn fallback_chain_list(
    caller: Allowed<RouteRead>,
    State(app): State<AiService>,
    listing: Listing<ChainFilters>,
) -> Answered<Listed<Chain>> {
    let tenant = caller.tenant();
    let configuration = read_configuration(&app.store, &tenant).await?;
    Ok(thing::page(&listing, &tenant, &configuration.chains, |_| true, Chain::clone).await?)
}

/// Read a fallback chain
///
/// Strongly consistent. One query.
#[utoipa::path(get, path = "/api/v1/ai/fallback-chains/{id}", tag = "Routing")]
pub async fn fallback_chain_get(
    caller: Allowed<RouteRead>,
    State(app): State<AiService>,
    PathParameter((id,)): PathParameter<(ChainId,)>,
) -> Answered<Versioned<Chain>> {
    Ok(Versioned(thing::get(&app, &caller.tenant(), id).await?))
}

/// Change a fallback chain
///
/// A change of nothing is no change. One query and one transaction of at most thirteen items.
#[utoipa::path(patch, path = "/api/v1/ai/fallback-chains/{id}", tag = "Routing")]
pub async fn fallback_chain_update(
    caller: Allowed<RouteManage>,
    State(app): State<AiService>,
    PathParameter((id,)): PathParameter<(ChainId,)>,
    if_match: IfMatch,
    Body(patch): Body<ChainPatchIn>,
) -> Answered<Versioned<Chain>> {
    let change = |configuration: &Configuration, chain: &mut Chain| {
        let patch = patch.clone();
        patch.slug.apply_to(&mut chain.slug);
        patch.name.apply_to(&mut chain.name);
        patch.strategy.apply_to(&mut chain.strategy);
        patch.members.apply_to(&mut chain.members);
        match patch.trigger_on {
            Patch::Keep => {}
            Patch::Clear => chain.trigger_on = triggers(None),
            Patch::Set(given) => chain.trigger_on = given,
        }
        match patch.max_total_seconds {
            Patch::Keep => {}
            Patch::Clear => chain.max_total_seconds = MAX_TOTAL_SECONDS,
            Patch::Set(seconds) => chain.max_total_seconds = seconds.get(),
        }
        patch.enabled.apply_to(&mut chain.enabled);
        check(chain, configuration)
    };
    let (_, after) = thing::update::<Chain>(&app, &caller, id, Some(&if_match), change).await?;
    Ok(Versioned(after))
}

/// Delete a fallback chain
///
/// For ever, unless a rule targets it. One query and one transaction of six items.
#[utoipa::path(delete, path = "/api/v1/ai/fallback-chains/{id}", tag = "Routing")]
pub async fn fallback_chain_delete(
    caller: Allowed<RouteManage>,
    State(app): State<AiService>,
    PathParameter((id,)): PathParameter<(ChainId,)>,
    if_match: IfMatch,
) -> Answered<NoContent> {
    Ok(thing::delete::<Chain>(&app, &caller, id, &if_match).await?)
}
