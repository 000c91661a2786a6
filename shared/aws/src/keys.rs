//! Data keys: made and unwrapped by the Key Management Service (KMS).

use std::{collections::BTreeMap, fmt, time::Duration};

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use base64::{Engine, engine::general_purpose::STANDARD};
use millwright_config::{AwsService, Config, ConfigError};
use millwright_core::{Clock, Error, Result};
use serde_json::{Value, json};
use zeroize::{Zeroize, Zeroizing};

use crate::{
    endpoint::{Endpoint, EndpointParts, Timeouts, credentials},
    signer::Signer,
};

/// What a wrapped key is bound to: it is unwrapped with the same context only. Not secret.
pub type EncryptionContext = BTreeMap<&'static str, String>;

/// A data key, open and wrapped.
pub struct NewDataKey {
    pub plaintext: Zeroizing<Vec<u8>>,
    pub wrapped: Vec<u8>,
    /// The master key that wrapped it.
    pub key_id: String,
}

impl fmt::Debug for NewDataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewDataKey({})", self.key_id)
    }
}

/// The master key of a service, `alias/<prefix>-<service>`. Cheap to clone.
#[derive(Clone)]
pub struct MasterKey {
    endpoint: Endpoint,
    key_id: String,
}

impl MasterKey {
    /// # Errors
    /// On the local stage without an endpoint.
    pub fn new(
        config: &Config,
        service: &str,
        http: SharedHttpClient,
        clock: Clock,
    ) -> Result<MasterKey, ConfigError> {
        let region = config.aws.region.clone();
        let origin = match config.endpoint(AwsService::Kms)? {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None => format!("https://kms.{region}.amazonaws.com"),
        };
        let signer = Signer { credentials: credentials(config)?, region, service: "kms" };
        let second = Duration::from_secs(1);
        let timeouts = Timeouts { attempt: 2 * second, call: 5 * second, attempts: 3 };
        let endpoint = Endpoint::new(EndpointParts { origin, signer, http, clock, timeouts });
        Ok(MasterKey { endpoint, key_id: format!("alias/{}", config.resource(service)) })
    }

    /// A new key of 256 bits. One GenerateDataKey.
    ///
    /// # Errors
    /// `unavailable` if KMS does not give one.
    pub async fn generate(&self, context: &EncryptionContext) -> Result<NewDataKey> {
        let body =
            json!({ "KeyId": self.key_id, "KeySpec": "AES_256", "EncryptionContext": context });
        let mut answer = self.call("GenerateDataKey", &body).await?;
        let plaintext = opened(&mut answer)?;
        let wrapped = answer["CiphertextBlob"].as_str().and_then(|text| STANDARD.decode(text).ok());
        let key_id = answer["KeyId"].as_str().unwrap_or_default().to_owned();
        let wrapped = wrapped.ok_or_else(|| Error::unavailable("KMS gave no wrapped key"))?;
        Ok(NewDataKey { plaintext, wrapped, key_id })
    }

    /// The key that was wrapped with this context. One Decrypt.
    ///
    /// # Errors
    /// `unavailable` if KMS does not unwrap it.
    pub async fn unwrap(
        &self,
        wrapped: &[u8],
        context: &EncryptionContext,
    ) -> Result<Zeroizing<Vec<u8>>> {
        let body = json!({
            "KeyId": self.key_id,
            "CiphertextBlob": STANDARD.encode(wrapped),
            "EncryptionContext": context,
        });
        opened(&mut self.call("Decrypt", &body).await?)
    }

    async fn call(&self, operation: &str, body: &Value) -> Result<Value> {
        let headers = vec![
            ("content-type", "application/x-amz-json-1.1".to_owned()),
            ("x-amz-target", format!("TrentService.{operation}")),
        ];
        let mut answer =
            self.endpoint.call("POST", "/", headers, body.to_string().into_bytes()).await?;
        let parsed: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        answer.body.zeroize();
        if answer.is_success() {
            return Ok(parsed);
        }
        let kind = parsed["__type"].as_str().unwrap_or("no type");
        Err(Error::unavailable(format!("KMS {operation}: {} {kind}", answer.status)))
    }
}

/// The key of an answer, which forgets it.
fn opened(answer: &mut Value) -> Result<Zeroizing<Vec<u8>>> {
    let Value::String(text) = answer["Plaintext"].take() else {
        return Err(Error::unavailable("KMS gave no key"));
    };
    let text = Zeroizing::new(text);
    let bytes = STANDARD.decode(text.as_bytes());
    bytes.map(Zeroizing::new).map_err(|_| Error::unavailable("KMS gave a key that is no base64"))
}
