//! All that an organization has configured, at one moment.

use std::collections::HashMap;

use super::{
    Chain, ChainId, Model, ModelId, Provider, ProviderId, ProviderState, Purge, RateLimit, Rule,
    Settings,
};

/// Providers, models, chains, rules, limits and settings of an organization. Everything is sorted
/// as its lists are: providers by priority and slug, models by name as shown, chains by slug, rules
/// by position and id, limits by scope and subject.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Configuration {
    pub providers: Vec<Provider>,
    pub models: Vec<Model>,
    pub chains: Vec<Chain>,
    pub rules: Vec<Rule>,
    pub limits: Vec<RateLimit>,
    pub settings: Settings,
    /// How providers fare; nothing of those that were never asked.
    pub states: HashMap<ProviderId, ProviderState>,
    /// Answers of the cache that are given no more.
    pub purges: Vec<Purge>,
    /// Rises whenever a chain or rule begins to target something.
    pub targets_revision: u64,
}

impl Configuration {
    pub fn provider(&self, id: ProviderId) -> Option<&Provider> {
        self.providers.iter().find(|provider| provider.id == id)
    }

    pub fn model(&self, id: ModelId) -> Option<&Model> {
        self.models.iter().find(|model| model.id == id)
    }

    pub fn chain(&self, id: ChainId) -> Option<&Chain> {
        self.chains.iter().find(|chain| chain.id == id)
    }

    /// A chain or rule that targets the model, by its name.
    pub fn user_of_model(&self, id: ModelId) -> Option<String> {
        let has = |chain: &&Chain| chain.members.as_slice().iter().any(|it| it.model_id == id);
        let chain = self.chains.iter().find(has).map(|chain| format!("the chain {}", chain.slug));
        let rule = self.rules.iter().find(|rule| rule.target.model_id == Some(id));
        chain.or_else(|| rule.map(|rule| format!("the rule {}", rule.name)))
    }

    /// A rule that targets the chain, by its name.
    pub fn user_of_chain(&self, id: ChainId) -> Option<String> {
        let rule = self.rules.iter().find(|rule| rule.target.chain_id == Some(id));
        rule.map(|rule| format!("the rule {}", rule.name))
    }

    /// In the order of lists.
    pub fn sort(&mut self) {
        self.providers.sort_by(|a, b| (a.priority, &a.slug).cmp(&(b.priority, &b.slug)));
        self.models.sort_by_cached_key(|it| (it.display_name().to_lowercase(), it.id));
        self.chains.sort_by(|a, b| a.slug.cmp(&b.slug));
        self.rules.sort_by_key(|it| (it.position, it.id));
        self.limits.sort_by_cached_key(|it| (it.scope, it.subject_id.clone(), it.id));
    }
}
