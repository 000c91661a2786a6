//! Stand-ins for other services, for tests.

use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use millwright_core::{Error, Result, Tenant};
use millwright_egress::{Client, Destinations};
use millwright_store::Store;

use crate::{
    app::Ports,
    codes::SECRET_UNAVAILABLE,
    completion::Completions,
    domain::{ProviderId, SecretId},
    gateway::Credential,
    keys::Keys,
    secrets::Secrets,
};
use millwright_http::Asking;

/// Every secret can be bound, but those that are not.
#[derive(Default)]
pub struct StandInSecrets {
    /// Bindings that stand, by secret and provider.
    bound: Mutex<Vec<(SecretId, ProviderId)>>,
    /// Secrets that nobody may use.
    refused: Mutex<Vec<SecretId>>,
}

fn id_of(secret: SecretId, provider: ProviderId) -> String {
    format!("{secret}-{provider}")
}

impl StandInSecrets {
    /// The bindings that stand.
    pub fn bound(&self) -> Vec<(SecretId, ProviderId)> {
        self.bound.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on nobody may bind it.
    pub fn refuse(&self, secret: SecretId) {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).push(secret);
    }
}

impl Secrets for StandInSecrets {
    fn bind<'a>(
        &'a self,
        asking: &'a Asking,
        secret: SecretId,
        provider: ProviderId,
        _name: &'a str,
    ) -> BoxFuture<'a, Result<String>> {
        Box::pin(async move {
            let is_refused =
                self.refused.lock().unwrap_or_else(PoisonError::into_inner).contains(&secret);
            if asking.authorization().is_none() || is_refused {
                return Err(Error::new(SECRET_UNAVAILABLE, "there is no such secret for you"));
            }
            let mut bound = self.bound.lock().unwrap_or_else(PoisonError::into_inner);
            if !bound.contains(&(secret, provider)) {
                bound.push((secret, provider));
            }
            Ok(id_of(secret, provider))
        })
    }

    fn unbind<'a>(
        &'a self,
        _tenant: &'a Tenant,
        secret: SecretId,
        binding: &'a str,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let mut bound = self.bound.lock().unwrap_or_else(PoisonError::into_inner);
            bound.retain(|(other, provider)| {
                *other != secret || id_of(*other, *provider) != binding
            });
            Ok(())
        })
    }
}

/// Every secret holds the key `key-of-<secret>`.
#[derive(Clone, Copy, Debug, Default)]
pub struct NamedKeys;

impl Keys for NamedKeys {
    fn key(&self, _: Tenant, secret: SecretId) -> BoxFuture<'_, Result<Credential>> {
        Box::pin(async move { Ok(Credential::new(format!("key-of-{secret}"))) })
    }
}

/// Ports without a service behind; models may be on the loopback.
pub fn ports(store: Store, secrets: Arc<StandInSecrets>) -> Ports {
    let client = Client::new(Destinations::with(["localhost:11434", "127.0.0.1"]));
    Ports {
        completions: Completions::new(store, client, Arc::new(NamedKeys), None),
        secrets,
        completions_origin: "https://models.example.com".to_owned(),
    }
}
