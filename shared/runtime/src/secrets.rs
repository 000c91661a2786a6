//! Secrets Manager behind the ports that want a secret.

use aws_sdk_secretsmanager::{Client, error::DisplayErrorContext};
use futures::future::BoxFuture;
use jsonwebtoken::jwk::JwkSet;
use millwright_core::{Error, Result};
use millwright_http::InternalSecret;
use millwright_identity::KeySource;

async fn read(client: &Client, name: &str) -> Result<String> {
    let answer = client.get_secret_value().secret_id(name).send().await.map_err(|error| {
        Error::unavailable(format!("secret {name}: {}", DisplayErrorContext(error)))
    })?;
    answer.secret_string.ok_or_else(|| Error::internal(format!("secret {name} has no text")))
}

/// The public keys of access tokens, from `<prefix>/auth/jwks`. One GetSecretValue a fetch.
#[derive(Clone, Debug)]
pub struct JwksReader {
    client: Client,
    name: String,
}

impl JwksReader {
    pub fn new(client: Client, name: String) -> JwksReader {
        JwksReader { client, name }
    }
}

impl KeySource for JwksReader {
    fn fetch(&self) -> BoxFuture<'_, Result<JwkSet>> {
        Box::pin(async {
            let text = read(&self.client, &self.name).await?;
            serde_json::from_str(&text)
                .map_err(|error| Error::internal(format!("{} is no JWK set: {error}", self.name)))
        })
    }
}

/// The installation's internal secret, from `<prefix>/internal`. One GetSecretValue a fetch.
#[derive(Clone, Debug)]
pub struct InternalSecretReader {
    client: Client,
    name: String,
}

impl InternalSecretReader {
    pub fn new(client: Client, name: String) -> InternalSecretReader {
        InternalSecretReader { client, name }
    }
}

impl InternalSecret for InternalSecretReader {
    fn fetch(&self) -> BoxFuture<'_, Result<Vec<u8>>> {
        Box::pin(async { read(&self.client, &self.name).await.map(String::into_bytes) })
    }
}
