//! Keys of providers, from secret-management.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures::future::BoxFuture;
use millwright_aws::Functions;
use millwright_core::{Clock, Error, Result, Tenant, Timestamp};
use millwright_http::{CALLER_HEADER, CallingService};
use serde_json::{Value, json};

use crate::{domain::SecretId, gateway::Credential};

/// Where the keys of providers come from.
pub trait Keys: Send + Sync + 'static {
    /// The key in a secret that is bound to a provider of the organization.
    ///
    /// # Errors
    /// `secret_unavailable`: there is none to be had; `unavailable`.
    fn key(&self, tenant: Tenant, secret: SecretId) -> BoxFuture<'_, Result<Credential>>;
}

/// Asks `secret-management-reveal`, as ai-service, for what is bound to it. Kept in memory for five
/// minutes: one invoke for each secret and instance in that time.
pub struct InvokedKeys {
    functions: Functions,
    clock: Clock,
    known: Mutex<HashMap<(Tenant, SecretId), (Credential, Timestamp)>>,
}

const FUNCTION: &str = "secret-management-reveal";
/// How long a key is good without asking again.
const KEPT: Duration = Duration::from_secs(300);
/// Memory is emptied when it has more than this.
const MAX_KNOWN: usize = 1_000;

impl InvokedKeys {
    pub fn new(functions: Functions, clock: Clock) -> InvokedKeys {
        InvokedKeys { functions, clock, known: Mutex::default() }
    }

    async fn fetch(&self, tenant: Tenant, secret: SecretId) -> Result<Credential> {
        let service = CallingService {
            service: "ai-service".to_owned(),
            organization_id: tenant.organization(),
        };
        let caller = serde_json::to_string(&service).map_err(Error::internal)?;
        let path = format!("/api/v1/secrets/{secret}/reveal");
        let headers = [(CALLER_HEADER, caller)];
        let called = self.functions.call(FUNCTION, "POST", &path, &headers, &json!({})).await?;
        match called.status {
            200 => key_of(&called.body["value"]),
            500.. | 429 => Err(Error::unavailable(format!("{FUNCTION}: {}", called.status))),
            _ => {
                let code = called.body["code"].as_str().unwrap_or("unknown");
                tracing::warn!(%secret, status = called.status, code, "no key for a provider");
                Err(unavailable(code))
            }
        }
    }
}

/// Of an API key the key, of a value of one member that.
fn key_of(value: &Value) -> Result<Credential> {
    let text = match value {
        Value::String(text) => Some(text.as_str()),
        Value::Object(members) => members
            .get("key")
            .or_else(|| members.get("value"))
            .or_else(|| members.values().next().filter(|_| members.len() == 1))
            .and_then(Value::as_str),
        _ => None,
    };
    text.filter(|text| !text.is_empty())
        .map(Credential::new)
        .ok_or_else(|| unavailable("it holds no key"))
}

fn unavailable(why: &str) -> Error {
    Error::new(crate::codes::SECRET_UNAVAILABLE, format!("the provider's secret: {why}"))
}

impl Keys for InvokedKeys {
    fn key(&self, tenant: Tenant, secret: SecretId) -> BoxFuture<'_, Result<Credential>> {
        Box::pin(async move {
            let now = self.clock.now();
            let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((key, at)) = known().get(&(tenant, secret))
                && at.is_within(KEPT, now)
            {
                return Ok(key.clone());
            }
            let key = self.fetch(tenant, secret).await?;
            let mut all = known();
            if all.len() >= MAX_KNOWN {
                all.clear();
            }
            all.insert((tenant, secret), (key.clone(), now));
            Ok(key)
        })
    }
}
