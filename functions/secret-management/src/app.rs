//! The state behind the handlers.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::extract::FromRef;
use millwright_core::{Result, Tenant, Timestamp};
use millwright_http::{Caller, Platform};
use millwright_store::Store;

use crate::{
    backend::SecretStore,
    crypto::{KeyRing, KeyService},
    denial::Denials,
    directory::{Directory, RememberedTeams},
    domain::{Settings, Stamp},
    store::SettingsItem,
    vault::Vault,
};

/// What stands around the service.
#[derive(Clone)]
pub struct Ports {
    pub keys: Arc<dyn KeyService>,
    pub outside: Arc<dyn SecretStore>,
    pub directory: Arc<dyn Directory>,
}

/// What the handlers share. Cheap to clone.
#[derive(Clone)]
pub struct SecretManagement {
    platform: Platform,
    pub(crate) vault: Vault,
    pub directory: Arc<dyn Directory>,
    pub teams: Arc<RememberedTeams>,
    memory: Arc<Memory>,
}

/// What an instance remembers between requests.
#[derive(Default)]
struct Memory {
    settings: Mutex<HashMap<Tenant, (Timestamp, Settings)>>,
}

/// A remembered map is emptied when it grows beyond this.
const MAX_REMEMBERED: usize = 1_000;
/// How long settings are served from memory.
const SETTINGS_AGE: Duration = Duration::from_secs(60);

impl SecretManagement {
    pub fn new(platform: Platform, store: Store, ports: Ports) -> SecretManagement {
        let keys = Arc::new(KeyRing::new(ports.keys, store.clone()));
        platform.recognize_by(keys.clone());
        platform.record_denials_by(Arc::new(Denials));
        let teams = Arc::new(RememberedTeams::new(store.clock().clone()));
        let (directory, memory) = (ports.directory, Arc::default());
        let vault = Vault { store, keys, outside: ports.outside };
        SecretManagement { platform, vault, directory, teams, memory }
    }

    /// Now, and by whom.
    pub fn stamp(&self, caller: &Caller) -> Stamp {
        Stamp { at: self.now(), by: caller.actor().to_owned() }
    }

    /// The settings, at most a minute old. At most one GetItem.
    pub async fn settings(&self, tenant: &Tenant) -> Result<Settings> {
        let now = self.now();
        let known = lock(&self.memory.settings).get(tenant).cloned();
        if let Some((at, settings)) = known
            && at.is_within(SETTINGS_AGE, now)
        {
            return Ok(settings);
        }
        let found: Option<SettingsItem> = self.store.get(&SettingsItem::place(tenant)).await?;
        let settings = found.map(|item| item.settings).unwrap_or_default();
        self.remember_settings(tenant, &settings);
        Ok(settings)
    }

    pub fn remember_settings(&self, tenant: &Tenant, settings: &Settings) {
        let mut known = lock(&self.memory.settings);
        if known.len() >= MAX_REMEMBERED {
            known.clear();
        }
        known.insert(*tenant, (self.now(), settings.clone()));
    }
}

impl FromRef<SecretManagement> for Platform {
    fn from_ref(app: &SecretManagement) -> Platform {
        app.platform.clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
