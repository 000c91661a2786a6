//! What a function starts with.

use std::sync::Arc;

use millwright_access::{CREDENTIALS, DIRECTORY, RevocationFeed, StoredApiKeys};
use millwright_config::Config;
use millwright_core::Clock;
use millwright_files::Files;
use millwright_http::{Platform, PlatformParts};
use millwright_identity::{KeyCache, Verifier, VerifierParts};
use millwright_store::Store;

use crate::{
    StartError,
    aws::Clients,
    secrets::{InternalSecretReader, JwksReader},
    telemetry,
    uses::UsesQueue,
};

/// Configuration, clock and clients of a function. Nothing is called at the start.
#[derive(Clone)]
pub struct Environment {
    pub config: Config,
    pub clock: Clock,
    pub clients: Clients,
}

impl Environment {
    /// Reads the environment and begins the log.
    ///
    /// # Errors
    /// Names the variable that is missing or wrong.
    pub fn start() -> Result<Environment, StartError> {
        let config = Config::from_environment()?;
        telemetry::init(&config);
        let clients = Clients::new(&config)?;
        Ok(Environment { config, clock: Clock::system(), clients })
    }

    /// The table of a service.
    ///
    /// # Errors
    /// On the local stage without an endpoint.
    pub fn store(&self, service: &str) -> Result<Store, StartError> {
        let table = self.config.resource(service);
        Ok(Store::new(self.clients.dynamodb()?, table, self.clock.clone()))
    }

    /// The bucket of a service.
    ///
    /// # Errors
    /// On the local stage without an endpoint.
    pub fn files(&self, service: &str) -> Result<Files, StartError> {
        Ok(self.clients.files(service, self.clock.clone())?)
    }

    /// The platform of a service with a table. Its secrets are fetched at the first use.
    ///
    /// # Errors
    /// On the local stage without an endpoint.
    pub fn platform(
        &self,
        service: &'static str,
        store: Option<Store>,
    ) -> Result<Platform, StartError> {
        let secrets = self.clients.secretsmanager()?;
        let jwks = JwksReader::new(secrets.clone(), self.config.secret("auth/jwks"));
        let (directory, credentials) = (self.store(DIRECTORY)?, self.store(CREDENTIALS)?);
        let feeds = vec![directory.clone(), credentials.clone()];
        let feed = Arc::new(RevocationFeed::new(feeds, self.clock.clone()));
        let api_keys = StoredApiKeys::new(credentials, directory, feed.clone(), self.clock.clone());
        let sqs = self.clients.sqs()?;
        let uses = UsesQueue::new(sqs, &self.config.prefix, self.clock.clone());
        let api_keys = api_keys.telling(Arc::new(uses));
        let verifier = Verifier::new(VerifierParts {
            issuer: self.config.issuer(),
            audience: self.config.audience.clone(),
            keys: KeyCache::new(Arc::new(jwks), self.clock.clone()),
            revocations: feed,
            api_keys: Arc::new(api_keys),
            clock: self.clock.clone(),
        });
        Ok(Platform::new(PlatformParts {
            service,
            verifier,
            store,
            internal_secret: Arc::new(InternalSecretReader::new(
                secrets,
                self.config.secret("internal"),
            )),
            requests_per_second: self.config.requests_per_second,
            allowed_origins: self.config.allowed_origins.clone(),
            origin_secret_sha256: self.config.origin_secret_sha256,
            clock: self.clock.clone(),
        }))
    }
}
