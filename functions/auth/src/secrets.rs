//! The secrets of auth: one port, and what is made of it.
//!
//! | secret | what | read by |
//! |---|---|---|
//! | `<prefix>/auth/signing` | private keys, PEM; version id = `kid`; stages `next`, `current`, `previous` | auth-token |
//! | `<prefix>/auth/jwks` | public keys and their states, JSON | all |
//! | `<prefix>/auth/refresh` | MAC keys of refresh tokens; stages likewise | auth-login, auth-token |
//! | `<prefix>/<clientSecretName>` | secret of a provider's client | auth-login |

use std::{sync::Arc, time::Duration};

use aws_sdk_secretsmanager::{Client, error::DisplayErrorContext};
use futures::future::BoxFuture;
use millwright_core::{Clock, Error, Result, Timestamp};
use millwright_identity::issuer::Issuer;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::{
    secret::{Fingerprint, MacKey, Secret},
    settings::Settings,
};

/// Names of secrets, without the installation's prefix.
pub const SIGNING: &str = "auth/signing";
pub const JWKS: &str = "auth/jwks";
pub const REFRESH: &str = "auth/refresh";

/// Where a version of a secret stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    Next,
    Current,
    Previous,
}

impl Stage {
    pub fn name(self) -> &'static str {
        match self {
            Stage::Next => "next",
            Stage::Current => "current",
            Stage::Previous => "previous",
        }
    }
}

/// Reads secrets: Secrets Manager when deployed.
pub trait Secrets: Send + Sync {
    /// The version at a stage, or the one that is in force; none if nothing stands there.
    fn read<'a>(
        &'a self,
        name: &'a str,
        stage: Option<Stage>,
    ) -> BoxFuture<'a, Result<Option<Secret>>>;
}

/// Secrets Manager. One GetSecretValue a read.
#[derive(Clone, Debug)]
pub struct SecretsManager {
    client: Client,
    /// `<prefix>/`.
    prefix: String,
}

impl SecretsManager {
    pub fn new(client: Client, prefix: &str) -> SecretsManager {
        SecretsManager { client, prefix: format!("{prefix}/") }
    }
}

impl Secrets for SecretsManager {
    fn read<'a>(
        &'a self,
        name: &'a str,
        stage: Option<Stage>,
    ) -> BoxFuture<'a, Result<Option<Secret>>> {
        Box::pin(async move {
            let request = self
                .client
                .get_secret_value()
                .secret_id(format!("{}{name}", self.prefix))
                .set_version_stage(stage.map(|stage| stage.name().to_owned()));
            match request.send().await {
                Ok(answer) => Ok(answer.secret_string.map(Secret::new)),
                Err(error)
                    if error
                        .as_service_error()
                        .is_some_and(|error| error.is_resource_not_found_exception()) =>
                {
                    Ok(None)
                }
                Err(error) => {
                    let shown = DisplayErrorContext(error);
                    Err(Error::unavailable(format!("secret {name}: {shown}")))
                }
            }
        })
    }
}

/// Something made of secrets, kept for a while; an old one serves while they cannot be read.
struct Kept<T> {
    clock: Clock,
    held: Mutex<Option<(Timestamp, Arc<T>)>>,
}

impl<T> Kept<T> {
    /// Verifiers and signers follow a rotation within so long.
    const MAX_AGE: Duration = Duration::from_secs(300);

    fn new(clock: Clock) -> Kept<T> {
        Kept { clock, held: Mutex::new(None) }
    }

    async fn get(&self, make: impl Future<Output = Result<T>>) -> Result<Arc<T>> {
        let mut held = self.held.lock().await;
        let now = self.clock.now();
        if let Some((at, thing)) = &*held
            && at.is_within(Kept::<T>::MAX_AGE, now)
        {
            return Ok(thing.clone());
        }
        match (make.await, &*held) {
            (Ok(made), _) => {
                let made = Arc::new(made);
                *held = Some((now, made.clone()));
                Ok(made)
            }
            (Err(error), Some((_, old))) => {
                tracing::warn!(%error, "secrets could not be read again");
                Ok(old.clone())
            }
            (Err(error), None) => Err(error),
        }
    }
}

/// What signs tokens, what vouches for refresh tokens, what verifies. Nothing is read before the
/// first use; then every five minutes.
pub struct KeyRing {
    secrets: Arc<dyn Secrets>,
    settings: Arc<Settings>,
    signer: Kept<Issuer>,
    macs: Kept<Vec<MacKey>>,
    published: Kept<PublishedKeys>,
}

/// The key set as it is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedKeys {
    pub body: String,
    pub tag: String,
}

/// What the secret `auth/jwks` holds: each key with its state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StoredKeys {
    pub keys: Vec<StoredKey>,
}

/// A public key (RFC 7517) and where it stands. Verifiers skip the members they do not know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredKey {
    pub kid: String,
    pub n: String,
    pub e: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    #[serde(flatten)]
    pub others: serde_json::Map<String, Value>,
}

impl KeyRing {
    pub fn new(secrets: Arc<dyn Secrets>, settings: Arc<Settings>, clock: &Clock) -> KeyRing {
        KeyRing {
            secrets,
            settings,
            signer: Kept::new(clock.clone()),
            macs: Kept::new(clock.clone()),
            published: Kept::new(clock.clone()),
        }
    }

    /// Signs with the current key.
    ///
    /// # Errors
    /// `unavailable` if it was never read.
    pub async fn signer(&self) -> Result<Arc<Issuer>> {
        self.signer
            .get(async {
                let pem = self.secrets.read(SIGNING, Some(Stage::Current)).await?;
                let pem = pem.ok_or_else(|| Error::unavailable("there is no signing key"))?;
                let Settings { audience, .. } = &*self.settings;
                Issuer::from_pem(pem.expose(), self.settings.issuer(), audience.clone())
            })
            .await
    }

    /// The MAC keys, the current one first.
    ///
    /// # Errors
    /// `unavailable` if they were never read.
    pub async fn macs(&self) -> Result<Arc<Vec<MacKey>>> {
        self.macs
            .get(async {
                let mut keys = Vec::new();
                for stage in [Stage::Current, Stage::Previous] {
                    let found = self.secrets.read(REFRESH, Some(stage)).await?;
                    keys.extend(found.map(|secret| MacKey::new(secret.expose())));
                    if keys.is_empty() {
                        return Err(Error::unavailable("there is no key for refresh tokens"));
                    }
                }
                Ok(keys)
            })
            .await
    }

    /// The key set: what everybody may know of the keys.
    ///
    /// # Errors
    /// `unavailable` if it was never read.
    pub async fn published(&self) -> Result<Arc<PublishedKeys>> {
        self.published
            .get(async {
                let text = self.secrets.read(JWKS, None).await?;
                let text = text.ok_or_else(|| Error::unavailable("there is no key set"))?;
                let stored: StoredKeys = serde_json::from_str(text.expose())
                    .map_err(|error| Error::internal(format!("{JWKS} is no key set: {error}")))?;
                let keys: Vec<Value> = stored.keys.iter().map(public).collect();
                let body = json!({ "keys": keys }).to_string();
                let tag = Fingerprint::of(&body).as_str().to_owned();
                Ok(PublishedKeys { body, tag })
            })
            .await
    }

    /// The secret of a provider's client.
    ///
    /// # Errors
    /// `unavailable` if there is none.
    pub async fn client_secret(&self, name: &str) -> Result<Secret> {
        let found = self.secrets.read(name, None).await?;
        found.ok_or_else(|| Error::unavailable(format!("there is no secret {name}")))
    }
}

/// A key without what is only ours to know.
fn public(key: &StoredKey) -> Value {
    let StoredKey { kid, n, e, .. } = key;
    json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": n, "e": e })
}
