//! All that is configured, in one Query.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use millwright_core::{Result, Tenant, Timestamp};
use millwright_store::{Condition, Item, Key, Query, Step, Store, Transaction, Update};
use serde::{Deserialize, Serialize};

use super::{
    cache::PurgeItem,
    entry::{Entry, configuration_of},
    run_time::ProviderStateItem,
};
use crate::domain::{
    Chain, Configuration, MAX_CHAINS, MAX_LIMITS, MAX_MODELS, MAX_PROVIDERS, MAX_RULES, Model,
    Provider, RateLimit, Rule, Settings, seeded_limits,
};

/// The settings of an organization.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SettingsItem {
    pub version: u64,
    pub settings: Settings,
}

impl SettingsItem {
    pub fn place(tenant: &Tenant) -> Key {
        configuration_of(tenant).at("SETTINGS")
    }
}

impl Item for SettingsItem {
    const KIND: &'static str = "settings";

    fn key(&self, tenant: &Tenant) -> Key {
        SettingsItem::place(tenant)
    }
}

/// Counts the writes by which a chain or rule begins to target something. Who deletes a target holds
/// on to the count it has read, so that nothing is targeted in between.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Targets {
    pub version: u64,
}

impl Targets {
    pub fn place(tenant: &Tenant) -> Key {
        configuration_of(tenant).at("TARGETS")
    }

    /// Nothing was targeted since a configuration was read. One item.
    pub fn unchanged(transaction: &mut Transaction, configuration: &Configuration) -> Step {
        let place = Targets::place(transaction.tenant());
        let condition = match configuration.targets_revision {
            0 => Condition::absent(),
            revision => Condition::version(revision),
        };
        transaction.check(&place, condition)
    }
}

impl Item for Targets {
    const KIND: &'static str = "targets";

    fn key(&self, tenant: &Tenant) -> Key {
        Targets::place(tenant)
    }
}

/// Something is targeted with this write. One item.
pub fn target(transaction: &mut Transaction) -> Step {
    let place = Targets::place(transaction.tenant());
    let update = Update::new().set("kind", Targets::KIND).add("version", 1);
    transaction.update(&place, &update)
}

/// More items than an organization can have.
const MAX_ITEMS: usize =
    (2 * MAX_PROVIDERS + MAX_MODELS + MAX_CHAINS + MAX_RULES + MAX_LIMITS) as usize + 100;

/// All that the organization has configured, strongly consistent, sorted. The seeded limits are in it
/// unless they were changed or deleted; models of a provider that is being deleted are not. One Query
/// for each megabyte.
///
/// # Errors
/// `unavailable`.
pub async fn read_configuration(store: &Store, tenant: &Tenant) -> Result<Configuration> {
    let mut all = Configuration::default();
    let mut without_seed = HashSet::new();
    for item in store.collect(&Query::partition(configuration_of(tenant)), MAX_ITEMS).await? {
        match item.kind() {
            <Entry<Provider>>::KIND => all.providers.push(item.decode::<Entry<_>>()?.thing),
            <Entry<Model>>::KIND => all.models.push(item.decode::<Entry<_>>()?.thing),
            <Entry<Chain>>::KIND => all.chains.push(item.decode::<Entry<_>>()?.thing),
            <Entry<Rule>>::KIND => all.rules.push(item.decode::<Entry<_>>()?.thing),
            <Entry<RateLimit>>::KIND => all.limits.push(item.decode::<Entry<_>>()?.thing),
            SettingsItem::KIND => all.settings = item.decode::<SettingsItem>()?.settings,
            ProviderStateItem::KIND => {
                let item = item.decode::<ProviderStateItem>()?;
                if let Ok(provider) = item.provider_id.parse() {
                    all.states.insert(provider, item.state);
                }
            }
            PurgeItem::KIND => all.purges.push(item.decode::<PurgeItem>()?.summary),
            Targets::KIND => all.targets_revision = item.version().unwrap_or_default(),
            SeedGone::KIND => {
                without_seed.insert(item.sort_key().to_owned());
            }
            _ => {}
        }
    }
    if let Some(organization) = tenant.organization() {
        for seed in seeded_limits(organization) {
            let is_changed = all.limits.iter().any(|limit| limit.id == seed.id);
            let place = SeedGone { id: seed.id.to_string() }.key(tenant);
            if !is_changed && !without_seed.contains(place.sort_key()) {
                all.limits.push(seed);
            }
        }
    }
    let providers: HashSet<_> = all.providers.iter().map(|provider| provider.id).collect();
    all.models.retain(|model| providers.contains(&model.provider_id));
    all.sort();
    Ok(all)
}

/// A seeded limit that is no more.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SeedGone {
    pub id: String,
}

impl Item for SeedGone {
    const KIND: &'static str = "seed_gone";

    fn key(&self, tenant: &Tenant) -> Key {
        configuration_of(tenant).at(format!("UNSEEDED#{}", self.id))
    }
}

/// By organization, with the time it was read.
type Held = HashMap<Tenant, (Timestamp, Arc<Configuration>)>;

/// The configurations an instance remembers, each for 30 seconds. Cheap to clone.
#[derive(Clone, Default)]
pub struct Configurations {
    held: Arc<Mutex<Held>>,
}

impl Configurations {
    const MAX_AGE: Duration = Duration::from_secs(30);
    /// Who asks for what is not there has it looked up no more often than this.
    const RENEWED: Duration = Duration::from_secs(1);
    const MAX_HELD: usize = 100;

    /// The configuration, at most 30 seconds old. At most one Query.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn get(&self, store: &Store, tenant: &Tenant) -> Result<Arc<Configuration>> {
        let now = store.clock().now();
        let held = self.lock().get(tenant).cloned();
        if let Some((at, configuration)) = held
            && at.is_within(Configurations::MAX_AGE, now)
        {
            return Ok(configuration);
        }
        let configuration = Arc::new(read_configuration(store, tenant).await?);
        let mut held = self.lock();
        if held.len() >= Configurations::MAX_HELD {
            held.clear();
        }
        held.insert(*tenant, (now, configuration.clone()));
        Ok(configuration)
    }

    /// The configuration, at most a second old: what somebody asks for may just have been made. At
    /// most one Query.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn renewed(&self, store: &Store, tenant: &Tenant) -> Result<Arc<Configuration>> {
        let now = store.clock().now();
        let at = self.lock().get(tenant).map(|(at, _)| *at);
        if at.is_some_and(|at| now.since(at) >= Configurations::RENEWED) {
            self.forget(tenant);
        }
        self.get(store, tenant).await
    }

    /// Reads it anew next time: something said that it has changed.
    pub fn forget(&self, tenant: &Tenant) {
        self.lock().remove(tenant);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
