//! Doubles of what stands around the service: a provider, the directory of people, secrets. For its
//! tests and for the guards; no function is built with them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "doubles panic")]

mod directory;
mod furnished;
mod provider;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use futures::future::BoxFuture;
use millwright_core::{Clock, Error, Result};
use millwright_http::Platform;
use millwright_identity::issuer::Issuer;
use millwright_store::Store;
use serde_json::{Value, json};

use crate::{
    Auth, Ports,
    secret::Secret,
    secrets::{JWKS, REFRESH, SIGNING, Secrets, Stage},
    settings::Settings,
};

pub use directory::TestDirectory;
pub use furnished::{Furnished, furnish, furnished_session};
pub use provider::TestProvider;

/// The origin of the pages.
pub const APP: &str = "http://localhost:5173";
/// The issuer of the provider.
pub const PROVIDER: &str = "http://127.0.0.1:9100";

const MAC: &str = "a MAC key of the tests";

/// The settings of tests: one provider, one page, both on loopback.
pub fn settings() -> Value {
    json!({
        "publicUrl": "http://127.0.0.1:9000",
        "providers": [{
            "id": "test",
            "displayName": "Test",
            "issuer": PROVIDER,
            "issuerAliases": ["alias.test"],
            "clientId": "millwright-test",
            "clientSecretName": "auth/providers/test",
        }],
        "appOrigins": [APP],
    })
}

/// Everything around the service, to be bent before it starts.
#[derive(Clone)]
pub struct Surroundings {
    pub settings: Value,
    pub provider: Arc<TestProvider>,
    /// So many calls to the directory fail from now on.
    pub directory_failures: Arc<AtomicUsize>,
    /// Secrets cannot be read while it is set.
    pub secrets_away: Arc<AtomicBool>,
    pub signing_pem: &'static str,
}

impl Surroundings {
    pub fn new(signing_pem: &'static str, clock: &Clock) -> Surroundings {
        Surroundings {
            settings: settings(),
            provider: Arc::new(TestProvider::new(clock.clone())),
            directory_failures: Arc::default(),
            secrets_away: Arc::default(),
            signing_pem,
        }
    }

    /// The service among them. Facts of people are in its own table.
    pub fn service(&self, platform: Platform, store: Store) -> Auth {
        let ports = Ports {
            settings: Settings::parse(&self.settings.to_string(), "").expect("proper settings"),
            facts: store.clone(),
            secrets: Arc::new(TestSecrets::new(self.signing_pem, self.secrets_away.clone())),
            provider_http: self.provider.clone(),
            directory: Arc::new(TestDirectory {
                store: store.clone(),
                failures: self.directory_failures.clone(),
            }),
            catalogue: crate::permissions::CATALOGUE.to_vec(),
        };
        Auth::new(platform, store, ports)
    }
}

/// Secrets that never change.
pub struct TestSecrets {
    held: HashMap<(&'static str, Option<Stage>), String>,
    away: Arc<AtomicBool>,
}

impl TestSecrets {
    pub fn new(signing_pem: &str, away: Arc<AtomicBool>) -> TestSecrets {
        let issuer = Issuer::from_pem(signing_pem, "", "").expect("a key");
        let keys = serde_json::to_value(issuer.public_keys()).expect("JSON");
        let held = HashMap::from([
            ((SIGNING, Some(Stage::Current)), signing_pem.to_owned()),
            ((REFRESH, Some(Stage::Current)), MAC.to_owned()),
            ((JWKS, None), keys.to_string()),
            (("auth/providers/test", None), "a client secret".to_owned()),
        ]);
        TestSecrets { held, away }
    }
}

impl Secrets for TestSecrets {
    fn read<'a>(
        &'a self,
        name: &'a str,
        stage: Option<Stage>,
    ) -> BoxFuture<'a, Result<Option<Secret>>> {
        if self.away.load(Ordering::SeqCst) {
            return Box::pin(async { Err(Error::unavailable("secrets are away")) });
        }
        let found = self.held.iter().find(|((key, at), _)| *key == name && *at == stage);
        let found = found.map(|(_, text)| Secret::new(text.clone()));
        Box::pin(async move { Ok(found) })
    }
}
