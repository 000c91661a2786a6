//! What every service has: verifier, table, limits, the internal secret.

use std::{
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use aws_lc_rs::hmac;
use futures::future::BoxFuture;
use millwright_core::{Clock, Error, IdGenerator, Result, Tenant, Timestamp};
use millwright_identity::Verifier;
use millwright_store::{CursorSealer, Store};
use tokio::sync::OnceCell;

use crate::{
    denial::{DenialRecords, RecentDenials},
    limit::Limiter,
};

/// Where the installation's internal secret comes from; cursor keys are derived from it.
pub trait InternalSecret: Send + Sync {
    fn fetch(&self) -> BoxFuture<'_, Result<Vec<u8>>>;
}

/// What a service needs beside its table to be of use.
pub trait Readiness: Send + Sync {
    /// # Errors
    /// `unavailable` with what is missing.
    fn check(&self) -> BoxFuture<'_, Result<()>>;
}

/// Where the keys come from by which requests with an idempotency key are recognized, for services
/// whose requests carry secrets: a hash without a key would let somebody try values out.
pub trait FingerprintKeys: Send + Sync {
    fn key(&self, tenant: Tenant) -> BoxFuture<'_, Result<hmac::Key>>;
}

/// A fixed secret, for tests.
pub struct StaticSecret(pub Vec<u8>);

impl InternalSecret for StaticSecret {
    fn fetch(&self) -> BoxFuture<'_, Result<Vec<u8>>> {
        Box::pin(async { Ok(self.0.clone()) })
    }
}

/// The parts of a [`Platform`].
pub struct PlatformParts {
    /// The service's name, e.g. `planning`.
    pub service: &'static str,
    pub verifier: Verifier,
    pub store: Option<Store>,
    pub internal_secret: Arc<dyn InternalSecret>,
    pub requests_per_second: u32,
    pub allowed_origins: Vec<String>,
    /// SHA-256 of what a CloudFront distribution sends as `X-Millwright-Origin`: only with it is
    /// the caller's address the one that CloudFront names.
    pub origin_secret_sha256: Option<[u8; 32]>,
    pub clock: Clock,
}

/// What every service has. Cheap to clone.
#[derive(Clone)]
pub struct Platform(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) service: &'static str,
    pub(crate) verifier: Verifier,
    pub(crate) store: Option<Store>,
    pub(crate) limiter: Limiter,
    pub(crate) allowed_origins: Vec<String>,
    pub(crate) origin_secret_sha256: Option<[u8; 32]>,
    pub(crate) clock: Clock,
    pub(crate) ids: IdGenerator,
    pub(crate) denials: Mutex<RecentDenials>,
    internal_secret: Arc<dyn InternalSecret>,
    cursors: OnceCell<CursorSealer>,
    pub(crate) fingerprint_keys: OnceLock<Arc<dyn FingerprintKeys>>,
    /// When the dependencies were asked last, and what they answered.
    ready: tokio::sync::Mutex<Option<(Timestamp, bool)>>,
    readiness: OnceLock<Arc<dyn Readiness>>,
    pub(crate) denial_records: OnceLock<Arc<dyn DenialRecords>>,
}

impl Platform {
    pub fn new(parts: PlatformParts) -> Platform {
        Platform(Arc::new(Inner {
            service: parts.service,
            verifier: parts.verifier,
            store: parts.store,
            limiter: Limiter::new(parts.requests_per_second),
            allowed_origins: parts.allowed_origins,
            origin_secret_sha256: parts.origin_secret_sha256,
            ids: IdGenerator::new(parts.clock.clone()),
            clock: parts.clock,
            denials: Mutex::default(),
            internal_secret: parts.internal_secret,
            cursors: OnceCell::new(),
            fingerprint_keys: OnceLock::new(),
            ready: tokio::sync::Mutex::default(),
            readiness: OnceLock::new(),
            denial_records: OnceLock::new(),
        }))
    }

    /// Has `/ready` look at more than the table. Said once.
    pub fn is_ready_with(&self, readiness: Arc<dyn Readiness>) {
        // A second one would be of another router over the same platform: the first serves.
        let _ = self.0.readiness.set(readiness);
    }

    /// From now on the service keeps something of its own of each denial that is announced.
    pub fn record_denials_by(&self, records: Arc<dyn DenialRecords>) {
        // As with the readiness: the first serves.
        let _ = self.0.denial_records.set(records);
    }

    /// From now on requests with an idempotency key are recognized by keyed hashes.
    pub fn recognize_by(&self, keys: Arc<dyn FingerprintKeys>) {
        // Who was first stays: all instances of a process have the same.
        let _ = self.0.fingerprint_keys.set(keys);
    }

    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub fn ids(&self) -> &IdGenerator {
        &self.0.ids
    }

    /// Asks the table, and what else the service needs, at most every 10 seconds.
    ///
    /// # Errors
    /// `unavailable` if one of them does not answer.
    pub(crate) async fn check_ready(&self) -> Result<()> {
        const FRESH: Duration = Duration::from_secs(10);
        let Some(store) = &self.0.store else { return Ok(()) };
        let mut checked = self.0.ready.lock().await;
        let now = self.clock().now();
        if let Some((at, is_ready)) = *checked
            && at.is_within(FRESH, now)
        {
            let error = || Error::unavailable("something did not answer a moment ago");
            return if is_ready { Ok(()) } else { Err(error()) };
        }
        let answered = match (store.answers().await, self.0.readiness.get()) {
            (Ok(()), Some(readiness)) => readiness.check().await,
            (answered, _) => answered,
        };
        *checked = Some((now, answered.is_ok()));
        answered.map_err(Error::unavailable)
    }

    /// The sealer of page cursors; its secret is fetched at the first cursor of the process.
    pub(crate) async fn cursors(&self) -> Result<&CursorSealer> {
        self.0
            .cursors
            .get_or_try_init(|| async {
                let secret = self.0.internal_secret.fetch().await?;
                Ok(CursorSealer::new(&secret, self.0.service))
            })
            .await
    }
}
