//! Which models a request goes to, in which order, and why not to others: rules 1 and 2.

use std::collections::{HashMap, HashSet};

use millwright_core::{ProjectId, RoleId, UserId};
use millwright_model::{Capabilities, Capability, Prices};

use super::{
    BudgetPhase, Chain, Configuration, Model, ModelId, PriceSource, Provider, Rule, RuleTarget,
    RuleWhen, Settings, Strategy, TaskType, Timeouts, Trigger,
};

/// What of a request decides where it goes.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The model string; empty as `auto`.
    pub model: String,
    pub task_type: Option<TaskType>,
    /// Estimated.
    pub input_tokens: u64,
    /// As requested.
    pub max_output_tokens: Option<u64>,
    /// What the target must be able to do; [`Capability::Chat`] or [`Capability::Embedding`] too.
    pub needs: Capabilities,
    /// In lower case.
    pub tags: Vec<String>,
    pub project_id: Option<ProjectId>,
    /// None for keys of the organization.
    pub user_id: Option<UserId>,
    /// The caller's roles.
    pub role_ids: Vec<RoleId>,
    pub budget_phase: Option<BudgetPhase>,
    /// One target and no other.
    pub without_fallback: bool,
}

/// What run time knows of models, and what chance says.
#[derive(Clone, Debug, Default)]
pub struct Measures {
    /// Median times to the first token of the last 15 minutes, in milliseconds.
    pub first_token_p50: HashMap<ModelId, u64>,
    /// Left alone for a while.
    pub cooling: HashSet<ModelId>,
    /// Picks the first of a weighted chain.
    pub seed: u64,
}

/// A model that is asked, if those before it fail.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate<'a> {
    pub provider: &'a Provider,
    pub model: &'a Model,
    pub timeouts: Timeouts,
}

millwright_core::wire_enum! {
    /// Why a model is not asked.
    pub enum SkipReason {
        /// Its provider is gone, or it is.
        Missing = "missing",
        ModelDisabled = "model_disabled",
        ProviderDisabled = "provider_disabled",
        /// `allowedRoles` has none of the caller's.
        NotAllowed = "not_allowed",
        CapabilityMissing = "capability_missing",
        ContextTooSmall = "context_too_small",
        /// The settings require prices.
        PriceUnknown = "price_unknown",
        CoolingDown = "cooling_down",
        /// The request wants no fallback.
        WithoutFallback = "without_fallback",
    }
}

impl SkipReason {
    /// True if the model is to callers as if it were not there.
    fn hides(self) -> bool {
        matches!(
            self,
            SkipReason::Missing
                | SkipReason::ModelDisabled
                | SkipReason::ProviderDisabled
                | SkipReason::NotAllowed
        )
    }
}

/// A model that is not asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    pub model_id: ModelId,
    pub reason: SkipReason,
    /// What it lacks.
    pub lacks: Vec<Capability>,
}

millwright_core::wire_enum! {
    /// Why a rule does not decide.
    pub enum RuleMiss {
        Disabled = "disabled",
        TaskType = "task_type",
        MinInputTokens = "min_input_tokens",
        MaxInputTokens = "max_input_tokens",
        Needs = "needs",
        Tags = "tags",
        ProjectIds = "project_ids",
        UserIds = "user_ids",
        RoleIds = "role_ids",
        BudgetPhase = "budget_phase",
        /// What it targets is disabled or not for the caller.
        TargetUnavailable = "target_unavailable",
    }
}

millwright_core::wire_enum! {
    /// Why nothing can be asked; the code of the answer.
    pub enum RouteFailure {
        ModelNotFound = "model_not_found",
        CapabilityMissing = "capability_missing",
        ContextLengthExceeded = "context_length_exceeded",
        ModelPriceUnknown = "model_price_unknown",
    }
}

/// Where a request goes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Route<'a> {
    pub rule: Option<&'a Rule>,
    pub chain: Option<&'a Chain>,
    /// In the order in which they are asked.
    pub candidates: Vec<Candidate<'a>>,
    pub skipped: Vec<Skipped>,
    /// Rules before the one that decided.
    pub rules_missed: Vec<(&'a Rule, RuleMiss)>,
    /// Given exactly where there is no candidate.
    pub failure: Option<RouteFailure>,
}

/// Finds where a request goes. Pure: the same arguments, the same route.
pub fn resolve<'a>(
    configuration: &'a Configuration,
    facts: &Facts,
    measures: &Measures,
) -> Route<'a> {
    let router = Router { configuration, facts, measures };
    let mut route = router.start();
    if facts.without_fallback && route.candidates.len() > 1 {
        for candidate in route.candidates.split_off(1) {
            route.skipped.push(skipped(candidate.model.id, SkipReason::WithoutFallback));
        }
    }
    if route.candidates.is_empty() && route.failure.is_none() {
        let has = |reason| route.skipped.iter().any(|it| it.reason == reason);
        route.failure = Some(if has(SkipReason::ContextTooSmall) {
            RouteFailure::ContextLengthExceeded
        } else if has(SkipReason::CapabilityMissing) {
            RouteFailure::CapabilityMissing
        } else if has(SkipReason::PriceUnknown) {
            RouteFailure::ModelPriceUnknown
        } else {
            RouteFailure::ModelNotFound
        });
    }
    route
}

fn skipped(model_id: ModelId, reason: SkipReason) -> Skipped {
    Skipped { model_id, reason, lacks: Vec::new() }
}

struct Router<'a, 'f> {
    configuration: &'a Configuration,
    facts: &'f Facts,
    measures: &'f Measures,
}

impl<'a> Router<'a, '_> {
    fn start(&self) -> Route<'a> {
        match self.facts.model.as_str() {
            "" | Settings::AUTO => self.by_rules(),
            name => self.by_name(name),
        }
    }

    fn by_rules(&self) -> Route<'a> {
        let mut rules_missed = Vec::new();
        for rule in &self.configuration.rules {
            let missed =
                if rule.enabled { self.miss(&rule.when) } else { Some(RuleMiss::Disabled) };
            let miss = match missed {
                Some(miss) => miss,
                None => match self.target(&rule.target) {
                    Some(route) => return Route { rule: Some(rule), rules_missed, ..route },
                    None => RuleMiss::TargetUnavailable,
                },
            };
            rules_missed.push((rule, miss));
        }
        let route = match self.configuration.settings.default_model.as_str() {
            "" | Settings::AUTO => self.any(),
            name => self.by_name(name),
        };
        Route { rules_missed, ..route }
    }

    /// The first condition that does not hold.
    fn miss(&self, when: &RuleWhen) -> Option<RuleMiss> {
        let facts = self.facts;
        let among = |given: Option<bool>| given == Some(false);
        let tokens = facts.input_tokens;
        let has_tags = |tags: &[_]| {
            tags.iter().all(|tag: &millwright_core::Line<1, 50>| {
                facts.tags.iter().any(|own| own.eq_ignore_ascii_case(tag.as_str()))
            })
        };
        let misses =
            [
                (among(when.task_type.map(|it| facts.task_type == Some(it))), RuleMiss::TaskType),
                (
                    among(when.min_input_tokens.map(|least| tokens >= least.get())),
                    RuleMiss::MinInputTokens,
                ),
                (
                    among(when.max_input_tokens.map(|most| tokens <= most.get())),
                    RuleMiss::MaxInputTokens,
                ),
                (
                    among(when.needs.as_ref().map(|needs| {
                        needs.as_slice().iter().all(|need| facts.needs.contains(need))
                    })),
                    RuleMiss::Needs,
                ),
                (among(when.tags.as_ref().map(|tags| has_tags(tags.as_slice()))), RuleMiss::Tags),
                (
                    among(when.project_ids.as_ref().map(|ids| {
                        facts.project_id.is_some_and(|id| ids.as_slice().contains(&id))
                    })),
                    RuleMiss::ProjectIds,
                ),
                (
                    among(
                        when.user_ids.as_ref().map(|ids| {
                            facts.user_id.is_some_and(|id| ids.as_slice().contains(&id))
                        }),
                    ),
                    RuleMiss::UserIds,
                ),
                (
                    among(
                        when.role_ids
                            .as_ref()
                            .map(|ids| facts.role_ids.iter().any(|id| ids.as_slice().contains(id))),
                    ),
                    RuleMiss::RoleIds,
                ),
                (
                    among(when.budget_phase.map(|it| facts.budget_phase == Some(it))),
                    RuleMiss::BudgetPhase,
                ),
            ];
        misses.into_iter().find_map(|(misses, miss)| misses.then_some(miss))
    }

    /// None if the caller has nothing of it.
    fn target(&self, target: &RuleTarget) -> Option<Route<'a>> {
        if let Some(id) = target.chain_id {
            let chain = self.configuration.chain(id).filter(|chain| chain.enabled)?;
            let route = self.chain(chain);
            let hidden = route.skipped.iter().all(|it| it.reason.hides());
            return (!route.candidates.is_empty() || !hidden).then_some(route);
        }
        let model = self.configuration.model(target.model_id?)?;
        let route = self.single(model);
        (!route.skipped.iter().any(|it| it.reason.hides())).then_some(route)
    }

    /// Rule 1: chain, `<provider>/<name>`, then the bare name.
    fn by_name(&self, name: &str) -> Route<'a> {
        let chains = &self.configuration.chains;
        if let Some(chain) = chains.iter().find(|it| it.enabled && it.slug.as_str() == name) {
            return self.chain(chain);
        }
        let models = || self.configuration.models.iter();
        if let Some((slug, name)) = name.split_once('/') {
            let providers = &self.configuration.providers;
            let provider = providers.iter().find(|provider| provider.slug.as_str() == slug);
            let named = provider.and_then(|provider| {
                models().find(|it| it.provider_id == provider.id && it.name.as_str() == name)
            });
            if let Some(model) = named {
                return self.single(model);
            }
        }
        // Providers are sorted by priority and slug.
        let mut named: Vec<(usize, &Model)> = models()
            .filter(|model| model.name.as_str() == name)
            .filter_map(|model| Some((self.rank(model)?, model)))
            .collect();
        named.sort_by_key(|(rank, _)| *rank);
        let mut route = Route::default();
        for (_, model) in named {
            match self.check(model) {
                Err(hidden) if hidden.reason.hides() => route.skipped.push(hidden),
                _ => {
                    let found = self.single(model);
                    route.skipped.extend(found.skipped);
                    return Route { skipped: route.skipped, ..found };
                }
            }
        }
        route
    }

    fn rank(&self, model: &Model) -> Option<usize> {
        self.configuration.providers.iter().position(|it| it.id == model.provider_id)
    }

    /// Nobody has said what `auto` is: what fits at the first provider that has something, the
    /// cheapest of it.
    fn any(&self) -> Route<'a> {
        let mut fitting = Vec::new();
        let mut route = Route::default();
        for model in &self.configuration.models {
            match (self.check(model), self.rank(model)) {
                (Ok(candidate), Some(rank)) => fitting.push((rank, self.cost(model), candidate)),
                (Err(unfit), _) => route.skipped.push(unfit),
                (Ok(_), None) => {}
            }
        }
        let best = fitting.into_iter().min_by_key(|(rank, cost, it)| (*rank, *cost, it.model.id));
        route.candidates.extend(best.map(|(_, _, candidate)| candidate));
        route
    }

    fn single(&self, model: &'a Model) -> Route<'a> {
        match self.check(model) {
            Ok(candidate) => Route { candidates: vec![candidate], ..Route::default() },
            Err(unfit) => Route { skipped: vec![unfit], ..Route::default() },
        }
    }

    fn chain(&self, chain: &'a Chain) -> Route<'a> {
        let mut route = Route { chain: Some(chain), ..Route::default() };
        let mut members = Vec::new();
        for member in chain.members.as_slice() {
            let Some(model) = self.configuration.model(member.model_id) else {
                route.skipped.push(skipped(member.model_id, SkipReason::Missing));
                continue;
            };
            members.push((member.weight(), model, self.check(model), member.timeouts));
        }
        // What is not there takes no part in the order.
        members.retain(|(_, _, checked, _)| match checked {
            Err(unfit) if unfit.reason.hides() => {
                route.skipped.push(unfit.clone());
                false
            }
            _ => true,
        });
        match chain.strategy {
            Strategy::Ordered => {}
            Strategy::Cheapest => members.sort_by_key(|(_, model, ..)| self.cost(model)),
            Strategy::Fastest => members.sort_by_key(|(_, model, ..)| {
                self.measures.first_token_p50.get(&model.id).copied().unwrap_or(u64::MAX)
            }),
            Strategy::Weighted => {
                let weights = members.iter().map(|(weight, _, checked, _)| match checked {
                    Ok(_) => u64::from(*weight),
                    Err(_) => 0,
                });
                if let Some(first) = pick(weights, self.measures.seed) {
                    let first = members.remove(first);
                    members.insert(0, first);
                }
            }
        }
        let passes_on = chain.trigger_on.as_slice().contains(&Trigger::ContextLength);
        for (_, _, checked, timeouts) in members {
            match checked {
                Ok(candidate) => {
                    let own = candidate.timeouts;
                    let timeouts = timeouts.map_or(own, |overrides| own.with(&overrides));
                    route.candidates.push(Candidate { timeouts, ..candidate });
                }
                Err(unfit) => {
                    let is_end = unfit.reason == SkipReason::ContextTooSmall && !passes_on;
                    route.skipped.push(unfit);
                    if is_end && route.candidates.is_empty() {
                        route.failure = Some(RouteFailure::ContextLengthExceeded);
                        return route;
                    }
                }
            }
        }
        // Rule 11: who is cooling is left alone, unless all are.
        let is_cooling = |it: &Candidate<'_>| self.measures.cooling.contains(&it.model.id);
        if !route.candidates.iter().all(is_cooling) {
            let cooling = route.candidates.extract_if(.., |candidate| is_cooling(candidate));
            let cooling: Vec<_> =
                cooling.map(|it| skipped(it.model.id, SkipReason::CoolingDown)).collect();
            route.skipped.extend(cooling);
        }
        route
    }

    fn check(&self, model: &'a Model) -> Result<Candidate<'a>, Skipped> {
        let unfit = |reason| Err(skipped(model.id, reason));
        let Some(provider) = self.configuration.provider(model.provider_id) else {
            return unfit(SkipReason::Missing);
        };
        if !model.enabled {
            return unfit(SkipReason::ModelDisabled);
        }
        if !provider.enabled {
            return unfit(SkipReason::ProviderDisabled);
        }
        if !model.allows(&self.facts.role_ids) {
            return unfit(SkipReason::NotAllowed);
        }
        let lacks: Vec<Capability> =
            self.facts.needs.difference(&model.capabilities()).copied().collect();
        if !lacks.is_empty() {
            let reason = SkipReason::CapabilityMissing;
            return Err(Skipped { model_id: model.id, reason, lacks });
        }
        if self.facts.input_tokens > model.context_window() {
            return unfit(SkipReason::ContextTooSmall);
        }
        let requires_prices = self.configuration.settings.require_prices;
        if requires_prices && model.price_source() == PriceSource::Unset {
            return unfit(SkipReason::PriceUnknown);
        }
        Ok(Candidate { provider, model, timeouts: provider.timeouts })
    }

    /// What the request costs at most; what is unknown comes last.
    fn cost(&self, model: &Model) -> u64 {
        let cost = |prices: Prices| {
            let asked = self.facts.max_output_tokens;
            prices.worst_case_micros(self.facts.input_tokens, asked, model.max_output_tokens(), 1)
        };
        model.prices().map_or(u64::MAX, cost)
    }
}

/// The place of one, each as likely as its weight says; None if all weigh nothing.
fn pick(weights: impl Iterator<Item = u64> + Clone, seed: u64) -> Option<usize> {
    let all: u64 = weights.clone().sum();
    let mut drawn = seed.checked_rem(all)?;
    for (place, weight) in weights.enumerate() {
        if drawn < weight {
            return Some(place);
        }
        drawn -= weight;
    }
    None
}
