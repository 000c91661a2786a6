//! Routing rules: input, handlers, and the explanation of routes.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{
    Bounded, Change, Error, FaultCode, Faults, Line, Patch, ProjectId, Result, RoleId, UserId,
    codes::NAME_TAKEN,
};
use millwright_event::Effects;
use millwright_http::{
    Allowed, Answered, Body, Created, IfMatch, Listed, Listing, NoContent, PathParameter, Plain,
    Representation, Submission, Versioned,
};
use millwright_model::Capability;
use millwright_store::Condition;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::{
    app::AiService,
    domain::{
        BudgetPhase, Chain, ChainId, Common, Configuration, Facts, Few, Measures, Model, ModelId,
        ProviderId, RouteFailure, Rule, RuleId, RuleMiss, RuleTarget, RuleWhen, SkipReason,
        TaskType, UpTo, resolve,
    },
    events::{RoutingRuleCreated, RoutingRuleDeleted, RoutingRuleUpdated, ThingData},
    permissions::{RouteManage, RouteRead},
    store::{Entry, read_configuration, target},
    thing::{self, Thing},
};

impl Representation for Rule {
    fn version(&self) -> u64 {
        self.common.version
    }

    fn location(&self) -> String {
        format!("/api/v1/ai/routing-rules/{}", self.id)
    }
}

impl Thing for Rule {
    fn all(configuration: &Configuration) -> &[Rule] {
        &configuration.rules
    }

    fn order(&self) -> String {
        format!("{:04}#{}", self.position, self.id)
    }

    fn taken() -> Error {
        Error::new(NAME_TAKEN, "another rule has this name")
    }

    fn announce(effects: &mut Effects, before: Option<&Rule>, after: Option<&Rule>) -> Result<()> {
        let Some(either) = after.or(before) else { return Ok(()) };
        let (id, version) = (either.id.to_string(), either.common.version);
        let (from, to) = (thing::json(&before)?, thing::json(&after)?);
        let data = ThingData { id, version, before: from, after: to };
        match (before, after) {
            (None, _) => effects.emit(&RoutingRuleCreated(data)),
            (_, None) => effects.emit(&RoutingRuleDeleted(data)),
            _ => effects.emit(&RoutingRuleUpdated(data)),
        }
    }

    fn hold_references(&self, effects: &mut Effects) {
        let tenant = effects.tenant();
        let model = self.target.model_id.map(|id| Entry::<Model>::place(tenant, id));
        let chain = self.target.chain_id.map(|id| Entry::<Chain>::place(tenant, id));
        for place in [model, chain].into_iter().flatten() {
            let step = effects.check(&place, Condition::exists());
            effects.refused_as(step, Error::lost_race());
        }
        target(effects);
    }
}

/// A new routing rule.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "name": "Code to the large one", "when": { "taskType": "coding" },
    "target": { "modelId": "mdl_01jdz7xk2nf5h9vq3w8c6m4t0b" },
}))]
pub struct RuleIn {
    // Unique in the organization, case-insensitive.
    #[schema(inline)]
    name: Line<1, 80>,
    /// 100 if not given. The least is tried first; of equals the older.
    #[deserr(default)]
    #[schema(required = false, inline)]
    position: Option<Bounded<0, 1_000>>,
    #[deserr(default)]
    #[schema(required = false)]
    when: RuleWhen,
    target: RuleTarget,
    #[deserr(default = true)]
    #[schema(required = false)]
    enabled: bool,
}

/// A change of a routing rule.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "position": 10 }))]
pub struct RulePatchIn {
    #[deserr(default)]
    #[schema(required = false, inline)]
    name: Change<Line<1, 80>>,
    #[deserr(default)]
    #[schema(required = false, inline)]
    position: Patch<Bounded<0, 1_000>>,
    /// Replaced as a whole; null: always.
    #[deserr(default)]
    #[schema(required = false)]
    when: Patch<RuleWhen>,
    #[deserr(default)]
    #[schema(required = false)]
    target: Change<RuleTarget>,
    #[deserr(default)]
    #[schema(required = false)]
    enabled: Change<bool>,
}

/// A list of rules takes no filters.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct RuleFilters {}

const POSITION: u32 = 100;

fn check(rule: &Rule, configuration: &Configuration) -> Result<()> {
    rule.target.check()?;
    if let (Some(least), Some(most)) = (rule.when.min_input_tokens, rule.when.max_input_tokens)
        && least > most
    {
        let detail = "must not be less than minInputTokens";
        return Err(Error::fault("/when/maxInputTokens", FaultCode::TooSmall, detail));
    }
    if rule.target.model_id.is_some_and(|id| configuration.model(id).is_none()) {
        return Err(Error::not_found("model"));
    }
    if rule.target.chain_id.is_some_and(|id| configuration.chain(id).is_none()) {
        return Err(Error::not_found("fallback chain"));
    }
    Ok(())
}

/// Create a routing rule
///
/// One query and one transaction of at most seven items.
#[utoipa::path(post, path = "/api/v1/ai/routing-rules", tag = "Routing")]
pub async fn routing_rule_create(
    caller: Allowed<RouteManage>,
    State(app): State<AiService>,
    submission: Submission<RuleIn>,
) -> Answered<Created<Rule>> {
    let tenant = caller.tenant();
    let (submission, input) = submission.take();
    let configuration = read_configuration(&app.store, &tenant).await?;
    let rule = Rule {
        id: app.store.ids().next(),
        common: Common::first(app.organization(&tenant)?, app.stamp(&caller)),
        name: input.name,
        position: input.position.map_or(POSITION, Bounded::get),
        when: input.when,
        target: input.target,
        enabled: input.enabled,
    };
    check(&rule, &configuration)?;
    let mut write = submission.write(&app.store, &caller);
    thing::create(&mut write, &rule)?;
    Ok(write.commit(Created(rule)).await?)
}

/// List routing rules
///
/// In the order in which they are tried. One query, strongly consistent.
#[utoipa::path(get, path = "/api/v1/ai/routing-rules", tag = "Routing")]
pub async fn routing_rule_list(
    caller: Allowed<RouteRead>,
    State(app): State<AiService>,
    listing: Listing<RuleFilters>,
) -> Answered<Listed<Rule>> {
    let tenant = caller.tenant();
    let configuration = read_configuration(&app.store, &tenant).await?;
    Ok(thing::page(&listing, &tenant, &configuration.rules, |_| true, Rule::clone).await?)
}

/// Read a routing rule
///
/// Strongly consistent. One query.
#[utoipa::path(get, path = "/api/v1/ai/routing-rules/{id}", tag = "Routing")]
pub async fn routing_rule_get(
    caller: Allowed<RouteRead>,
    State(app): State<AiService>,
    PathParameter((id,)): PathParameter<(RuleId,)>,
) -> Answered<Versioned<Rule>> {
    Ok(Versioned(thing::get(&app, &caller.tenant(), id).await?))
}

/// Change a routing rule
///
/// A change of nothing is no change. One query and one transaction of at most six items.
#[utoipa::path(patch, path = "/api/v1/ai/routing-rules/{id}", tag = "Routing")]
pub async fn routing_rule_update(
    caller: Allowed<RouteManage>,
    State(app): State<AiService>,
    PathParameter((id,)): PathParameter<(RuleId,)>,
    if_match: IfMatch,
    Body(patch): Body<RulePatchIn>,
) -> Answered<Versioned<Rule>> {
    let change = |configuration: &Configuration, rule: &mut Rule| {
        let patch = patch.clone();
        patch.name.apply_to(&mut rule.name);
        match patch.position {
            Patch::Keep => {}
            Patch::Clear => rule.position = POSITION,
            Patch::Set(position) => rule.position = position.get(),
        }
        patch.when.apply_or_default(&mut rule.when);
        patch.target.apply_to(&mut rule.target);
        patch.enabled.apply_to(&mut rule.enabled);
        check(rule, configuration)
    };
    let (_, after) = thing::update::<Rule>(&app, &caller, id, Some(&if_match), change).await?;
    Ok(Versioned(after))
}

/// Delete a routing rule
///
/// For ever. One query and one transaction of six items.
#[utoipa::path(delete, path = "/api/v1/ai/routing-rules/{id}", tag = "Routing")]
pub async fn routing_rule_delete(
    caller: Allowed<RouteManage>,
    State(app): State<AiService>,
    PathParameter((id,)): PathParameter<(RuleId,)>,
    if_match: IfMatch,
) -> Answered<NoContent> {
    Ok(thing::delete::<Rule>(&app, &caller, id, &if_match).await?)
}

/// A request without content.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "model": "auto", "taskType": "coding", "inputTokens": 12_000, "needs": ["tools"],
}))]
pub struct ExplainIn {
    /// `auto` if not given.
    #[deserr(default)]
    #[schema(required = false, inline)]
    model: Option<Line<0, 200>>,
    #[deserr(default)]
    #[schema(required = false)]
    task_type: Option<TaskType>,
    #[deserr(default)]
    #[schema(required = false, inline)]
    input_tokens: UpTo<10_000_000>,
    #[deserr(default)]
    #[schema(required = false, inline)]
    max_output_tokens: Option<UpTo<10_000_000>>,
    /// `chat` if not given.
    #[deserr(default)]
    #[schema(required = false, inline)]
    needs: Option<Few<Capability, 0, 10>>,
    #[deserr(default)]
    #[schema(required = false, inline)]
    tags: Few<Line<1, 50>, 0, 10>,
    #[deserr(default)]
    #[schema(required = false)]
    project_id: Option<ProjectId>,
    /// Whose request; the caller's own if not given.
    #[deserr(default)]
    #[schema(required = false)]
    user_id: Option<UserId>,
    #[deserr(default)]
    #[schema(required = false, inline)]
    role_ids: Few<RoleId, 0, 20>,
    #[deserr(default)]
    #[schema(required = false)]
    budget_phase: Option<BudgetPhase>,
    /// False: one target and no other.
    #[deserr(default = true)]
    #[schema(required = false)]
    fallback: bool,
    // Picks the first of weighted chains.
    #[deserr(default)]
    #[schema(required = false, inline)]
    seed: UpTo<1_000_000_000>,
}

/// A model that would be asked.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedCandidate {
    model_id: ModelId,
    provider_id: ProviderId,
    /// `<provider>/<name>`
    model: String,
    /// The most that the request would cost; null while the price is unknown.
    max_cost_micros: Option<u64>,
}

/// A model that would not be asked.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedSkip {
    model_id: ModelId,
    reason: SkipReason,
    /// The capabilities it lacks.
    lacks: Vec<String>,
}

/// A rule that does not decide.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedRule {
    rule_id: RuleId,
    reason: RuleMiss,
}

/// Where a request would go.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    matched_rule_id: Option<RuleId>,
    chain_id: Option<ChainId>,
    /// In the order in which they would be asked.
    candidates: Vec<ExplainedCandidate>,
    skipped: Vec<ExplainedSkip>,
    /// Rules before the one that matched.
    rules_skipped: Vec<ExplainedRule>,
    /// The code of the answer if there is no candidate.
    error_code: Option<RouteFailure>,
}

/// Explain a route
///
/// Where a request would go, and why not elsewhere. Cooling and measured times are not looked at.
/// One query; with an idempotency key two transactions.
#[utoipa::path(post, path = "/api/v1/ai/routing-rules/explain", tag = "Routing")]
pub async fn routing_explain(
    caller: Allowed<RouteRead>,
    State(app): State<AiService>,
    submission: Submission<ExplainIn>,
) -> Answered<Plain<Explanation>> {
    let (submission, input) = submission.take();
    let configuration = read_configuration(&app.store, &caller.tenant()).await?;
    let needs = input.needs.as_ref().map(Few::as_slice).unwrap_or(&[Capability::Chat]);
    let facts = Facts {
        model: input.model.map(Line::into_string).unwrap_or_default(),
        task_type: input.task_type,
        input_tokens: input.input_tokens.get(),
        max_output_tokens: input.max_output_tokens.map(UpTo::get),
        needs: needs.iter().copied().collect(),
        tags: input.tags.as_slice().iter().map(|tag| tag.as_str().to_lowercase()).collect(),
        project_id: input.project_id,
        user_id: input.user_id.or_else(|| caller.user()),
        role_ids: input.role_ids.into_vec(),
        budget_phase: input.budget_phase,
        without_fallback: !input.fallback,
    };
    let measures = Measures { seed: input.seed.get(), ..Measures::default() };
    let route = resolve(&configuration, &facts, &measures);
    let cost = |model: &Model| {
        let most = model.max_output_tokens();
        let cost = |prices: millwright_model::Prices| {
            prices.worst_case_micros(facts.input_tokens, facts.max_output_tokens, most, 1)
        };
        model.prices().map(cost)
    };
    let candidates = route.candidates.iter().map(|candidate| ExplainedCandidate {
        model_id: candidate.model.id,
        provider_id: candidate.provider.id,
        model: format!("{}/{}", candidate.provider.slug, candidate.model.name),
        max_cost_micros: cost(candidate.model),
    });
    let skips = route.skipped.iter().map(|skip| ExplainedSkip {
        model_id: skip.model_id,
        reason: skip.reason,
        lacks: skip.lacks.iter().map(|it| it.as_str().to_owned()).collect(),
    });
    let missed = route.rules_missed.iter();
    let explanation = Explanation {
        matched_rule_id: route.rule.map(|rule| rule.id),
        chain_id: route.chain.map(|chain| chain.id),
        candidates: candidates.collect(),
        skipped: skips.collect(),
        rules_skipped: missed
            .map(|(rule, reason)| ExplainedRule { rule_id: rule.id, reason: *reason })
            .collect(),
        error_code: route.failure,
    };
    let write = submission.write(&app.store, &caller);
    Ok(write.commit(Plain(explanation)).await?)
}
