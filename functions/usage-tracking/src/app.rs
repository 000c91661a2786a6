//! The state behind handlers and workers.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::extract::FromRef;
use futures::future::BoxFuture;
use millwright_core::{Error, Result, Tenant, Timestamp};
use millwright_files::Files;
use millwright_http::{Caller, Platform};
use millwright_store::Store;

use crate::{
    domain::{
        Attribution, Category, CategoryPattern, Labels, Limit, Price, Settings, Stamp,
        UNCATEGORIZED, system_categories,
    },
    store::{Definitions, read_definitions},
};

/// How long definitions are remembered: so long a change may go unnoticed.
const REMEMBERED: Duration = Duration::from_secs(10);
/// A map of memory is emptied when it grows beyond this.
const MAX_REMEMBERED: usize = 1_000;

/// Where accepted events go: the queue of usage-tracking-ingest.
pub trait IngestQueue: Send + Sync + 'static {
    /// Durable once it succeeds.
    ///
    /// # Errors
    /// `unavailable`.
    fn send<'a>(&'a self, body: &'a str) -> BoxFuture<'a, Result<()>>;
}

/// What handlers and workers share. Cheap to clone.
#[derive(Clone)]
pub struct Usage {
    pub store: Store,
    memory: Arc<Memory>,
}

#[derive(Default)]
struct Memory {
    definitions: Mutex<HashMap<Tenant, (Arc<Defined>, Timestamp)>>,
    told: Mutex<HashSet<(Tenant, String)>>,
}

/// Usage behind its API.
#[derive(Clone)]
pub struct UsageTracking {
    platform: Platform,
    pub usage: Usage,
    pub queue: Arc<dyn IngestQueue>,
    pub files: Files,
}

impl UsageTracking {
    pub fn new(
        platform: Platform,
        store: Store,
        queue: Arc<dyn IngestQueue>,
        files: Files,
    ) -> UsageTracking {
        UsageTracking { platform, usage: Usage::new(store), queue, files }
    }
}

impl FromRef<UsageTracking> for Platform {
    fn from_ref(app: &UsageTracking) -> Platform {
        app.platform.clone()
    }
}

impl FromRef<UsageTracking> for Usage {
    fn from_ref(app: &UsageTracking) -> Usage {
        app.usage.clone()
    }
}

impl Usage {
    pub fn new(store: Store) -> Usage {
        Usage { store, memory: Arc::default() }
    }

    /// Now, and by whom.
    pub fn stamp(&self, caller: &Caller) -> Stamp {
        Stamp { at: self.store.clock().now(), by: caller.actor().to_owned() }
    }

    /// What an organization has defined, at most ten seconds old. At most two Queries.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn defined(&self, tenant: &Tenant) -> Result<Arc<Defined>> {
        let now = self.store.clock().now();
        let remembered = || {
            let all = self.memory.definitions.lock().unwrap_or_else(PoisonError::into_inner);
            let (defined, read_at) = all.get(tenant)?;
            read_at.is_within(REMEMBERED, now).then(|| defined.clone())
        };
        if let Some(defined) = remembered() {
            return Ok(defined);
        }
        self.defined_now(tenant).await
    }

    /// What an organization has defined. Two Queries.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn defined_now(&self, tenant: &Tenant) -> Result<Arc<Defined>> {
        let now = self.store.clock().now();
        let defined = Arc::new(Defined(read_definitions(&self.store, tenant).await?));
        let mut all = self.memory.definitions.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_REMEMBERED {
            all.clear();
        }
        all.insert(*tenant, (defined.clone(), now));
        Ok(defined)
    }

    /// True if this instance has not told it yet. It saves calls alone: a mark in the table decides.
    pub fn tells_first(&self, tenant: &Tenant, what: &str) -> bool {
        let mut told = self.memory.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= MAX_REMEMBERED {
            told.clear();
        }
        told.insert((*tenant, what.to_owned()))
    }

    /// True if this instance has told it.
    pub fn has_told(&self, tenant: &Tenant, what: &str) -> bool {
        let told = self.memory.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.contains(&(*tenant, what.to_owned()))
    }

    /// Forgets what this instance remembers of an organization: it has just changed it.
    pub fn forget(&self, tenant: &Tenant) {
        let mut all = self.memory.definitions.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(tenant);
    }
}

/// What an organization has defined, with the system's categories.
#[derive(Debug, Default)]
pub struct Defined(pub Definitions);

impl Defined {
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The organization's, then the system's.
    pub fn categories(&self) -> impl Iterator<Item = &Category> {
        self.0.categories.iter().chain(system_categories())
    }

    pub fn category(&self, code: &str) -> Option<&Category> {
        self.categories().find(|category| category.code.as_str() == code)
    }

    /// # Errors
    /// `not_found`.
    pub fn require_category(&self, code: &str) -> Result<&Category> {
        self.category(code).ok_or_else(|| Error::not_found("category"))
    }

    /// Where events of a type count: the organization's category, else the system's, else
    /// `uncategorized`.
    pub fn classify(&self, kind: &str) -> Option<&Category> {
        let takes = |category: &&Category| {
            category.archived_at.is_none()
                && category.event_types.0.iter().any(|own| own.as_str() == kind)
        };
        self.categories().find(takes).or_else(|| self.category(UNCATEGORIZED))
    }

    pub fn matching(&self, pattern: &CategoryPattern) -> Vec<&Category> {
        self.categories().filter(|category| pattern.matches(category.code.as_str())).collect()
    }

    /// The limits a use counts in, each with the scope of its counter.
    pub fn limits_of<'d>(
        &'d self,
        category: &str,
        dimensions: &Labels,
        who: &Attribution,
    ) -> Vec<(&'d Limit, String)> {
        let limits = self.0.limits.iter();
        limits.filter_map(|it| Some((it, it.applies(category, dimensions, who)?))).collect()
    }

    pub fn prices(&self) -> &[Price] {
        &self.0.prices
    }
}
