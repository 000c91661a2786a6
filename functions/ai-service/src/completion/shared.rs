//! What all completions of an instance share.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use millwright_core::{ProjectId, Result, Tenant, Timestamp, UserId};
use millwright_egress::Client;
use millwright_store::{Key, Store};
use millwright_usage::{Phase, Standing, UsageClient};

use crate::{
    domain::{BudgetPhase, Configuration, ProviderId},
    keys::Keys,
    prompt::Prompts,
    store::Configurations,
};

/// Store, client, keys, budgets, and what is remembered of organizations. Cheap to clone.
#[derive(Clone)]
pub struct Completions {
    pub store: Store,
    pub client: Client,
    pub keys: Arc<dyn Keys>,
    /// None where usage-tracking is not deployed: nothing has a hard limit then.
    pub usage: Option<UsageClient>,
    memory: Arc<Memory>,
}

#[derive(Default)]
struct Memory {
    configurations: Configurations,
    prompts: Prompts,
    standings: Mutex<HashMap<(Tenant, String), (Standing, Timestamp)>>,
    /// Windows of rate limits that were found full.
    full: Mutex<HashSet<String>>,
    /// When it was looked whether a provider has recovered.
    looked: Mutex<HashMap<(Tenant, ProviderId), Timestamp>>,
}

/// How long usage-tracking's word is good for.
pub const STANDING: Duration = Duration::from_secs(60);
/// How often it is looked whether a provider has recovered.
const LOOKS: Duration = Duration::from_secs(5);
/// Memory is emptied when it grows beyond this.
const MAX_REMEMBERED: usize = 1_000;

impl Completions {
    pub fn new(
        store: Store,
        client: Client,
        keys: Arc<dyn Keys>,
        usage: Option<UsageClient>,
    ) -> Completions {
        Completions { store, client, keys, usage, memory: Arc::default() }
    }

    pub fn now(&self) -> Timestamp {
        self.store.clock().now()
    }

    /// What an organization has configured, at most 30 seconds old. At most one Query.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn configuration(&self, tenant: &Tenant) -> Result<Arc<Configuration>> {
        self.memory.configurations.get(&self.store, tenant).await
    }

    /// The same, at most a second old.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn configuration_renewed(&self, tenant: &Tenant) -> Result<Arc<Configuration>> {
        self.memory.configurations.renewed(&self.store, tenant).await
    }

    /// Reads the configuration anew next time.
    pub fn forget_configuration(&self, tenant: &Tenant) {
        self.memory.configurations.forget(tenant);
    }

    /// What is remembered of prompts.
    pub fn prompts(&self) -> &Prompts {
        &self.memory.prompts
    }

    /// True if nobody here has found this window full before.
    pub fn is_first_refusal(&self, window: &Key) -> bool {
        let mut full = self.memory.full.lock().unwrap_or_else(PoisonError::into_inner);
        if full.len() >= MAX_REMEMBERED {
            full.clear();
        }
        full.insert(format!("{}|{}", window.partition(), window.sort_key()))
    }

    /// True if nobody here has looked at how the provider fares for five seconds.
    pub fn may_look_at(&self, tenant: &Tenant, provider: ProviderId) -> bool {
        let mut looked = self.memory.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if looked.len() >= MAX_REMEMBERED {
            looked.clear();
        }
        let now = self.now();
        match looked.get(&(*tenant, provider)) {
            Some(at) if at.is_within(LOOKS, now) => false,
            _ => {
                looked.insert((*tenant, provider), now);
                true
            }
        }
    }

    /// Whose standing it is.
    pub fn about(user: Option<UserId>, project: Option<ProjectId>) -> String {
        format!("{user:?}#{project:?}")
    }

    /// How near a budget is to its end, as far as that was asked for before.
    pub fn budget_phase(
        &self,
        tenant: &Tenant,
        user: Option<UserId>,
        project: Option<ProjectId>,
    ) -> Option<BudgetPhase> {
        let (standing, _) = self.standing(tenant, &Completions::about(user, project))?;
        Some(match standing.phase {
            Phase::Abundant => BudgetPhase::Abundant,
            Phase::Normal => BudgetPhase::Normal,
            Phase::Caution => BudgetPhase::Caution,
            Phase::Crisis => BudgetPhase::Crisis,
        })
    }

    /// What usage-tracking said last, and whether that is fresh.
    pub fn standing(&self, tenant: &Tenant, who: &str) -> Option<(Standing, bool)> {
        let map = self.memory.standings.lock().unwrap_or_else(PoisonError::into_inner);
        let (standing, at) = map.get(&(*tenant, who.to_owned()))?;
        Some((standing.clone(), at.is_within(STANDING, self.now())))
    }

    pub fn remember_standing(&self, tenant: &Tenant, who: &str, standing: Standing) {
        let mut map = self.memory.standings.lock().unwrap_or_else(PoisonError::into_inner);
        if map.len() >= MAX_REMEMBERED {
            map.clear();
        }
        map.insert((*tenant, who.to_owned()), (standing, self.now()));
    }
}
