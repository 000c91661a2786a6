//! The public keys that verify access tokens: a port and its cache.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use millwright_core::{Clock, Result, Timestamp};
use tokio::sync::Mutex;

/// Where the JWK set comes from: a Secrets Manager secret when deployed.
pub trait KeySource: Send + Sync {
    fn fetch(&self) -> BoxFuture<'_, Result<JwkSet>>;
}

/// A fixed set, for tests.
#[derive(Clone, Debug)]
pub struct StaticKeys(pub JwkSet);

impl KeySource for StaticKeys {
    fn fetch(&self) -> BoxFuture<'_, Result<JwkSet>> {
        Box::pin(async { Ok(self.0.clone()) })
    }
}

/// Keeps the set in memory: fetched at the first token, again after 5 minutes, and once a minute
/// at most for a `kid` it does not know.
pub struct KeyCache {
    source: Arc<dyn KeySource>,
    clock: Clock,
    cached: Mutex<Option<Cached>>,
}

struct Cached {
    keys: JwkSet,
    fetched_at: Timestamp,
}

impl KeyCache {
    const MAX_AGE: Duration = Duration::from_secs(300);
    const MIN_AGE_TO_REFETCH: Duration = Duration::from_secs(60);

    pub fn new(source: Arc<dyn KeySource>, clock: Clock) -> KeyCache {
        KeyCache { source, clock, cached: Mutex::new(None) }
    }

    /// The key, or none if the set, fetched anew where that may help, does not have it.
    /// Fails only if there is no set at all; an old one serves while the source is away.
    pub(crate) async fn get(&self, kid: &str) -> Result<Option<Jwk>> {
        let mut cached = self.cached.lock().await;
        let now = self.clock.now();
        let stale = match &*cached {
            None => true,
            Some(held) => {
                let age = now.since(held.fetched_at);
                let unknown = held.keys.find(kid).is_none();
                age >= KeyCache::MAX_AGE || (unknown && age >= KeyCache::MIN_AGE_TO_REFETCH)
            }
        };
        if stale {
            match self.source.fetch().await {
                Ok(keys) => *cached = Some(Cached { keys, fetched_at: now }),
                Err(error) if cached.is_none() => return Err(error),
                Err(error) => tracing::warn!(%error, "verification keys could not be refreshed"),
            }
        }
        Ok(cached.as_ref().and_then(|held| held.keys.find(kid).cloned()))
    }
}
