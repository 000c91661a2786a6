//! What is asked of secret-management: that a secret be for a provider. Its value is never asked for
//! here.

use futures::future::BoxFuture;
use millwright_aws::{Called, Functions};
use millwright_core::{Error, Result, Tenant, codes};
use millwright_http::{Asking, CALLER_HEADER, CallingService};
use serde_json::{Value, json};

use crate::{
    codes::SECRET_UNAVAILABLE,
    domain::{ProviderId, SecretId},
};

/// Bindings of secrets to providers.
pub trait Secrets: Send + Sync {
    /// Binds a secret to a provider in the caller's name, who needs the right `use`; bound again, the
    /// same binding comes back. Answers the binding's id. One Invoke.
    ///
    /// # Errors
    /// `forbidden`, `secret_unavailable`, `unavailable`.
    fn bind<'a>(
        &'a self,
        asking: &'a Asking,
        secret: SecretId,
        provider: ProviderId,
        name: &'a str,
    ) -> BoxFuture<'a, Result<String>>;

    /// Ends a binding of ours, whoever caused it. One Invoke.
    ///
    /// # Errors
    /// `unavailable`.
    fn unbind<'a>(
        &'a self,
        tenant: &'a Tenant,
        secret: SecretId,
        binding: &'a str,
    ) -> BoxFuture<'a, Result<()>>;
}

/// The function of secret-management, invoked directly.
pub struct InvokedSecrets {
    functions: Functions,
}

const FUNCTION: &str = "secret-management-api";

impl InvokedSecrets {
    pub fn new(functions: Functions) -> InvokedSecrets {
        InvokedSecrets { functions }
    }
}

/// The id of the binding.
fn bound(called: &Called) -> Result<String> {
    match called.status {
        200 | 201 => called.body["id"]
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| Error::unavailable("a binding without id")),
        401 | 403 => {
            let detail = "you may not use this secret";
            Err(Error::new(codes::FORBIDDEN, detail))
        }
        400..500 if called.status != 429 => {
            let detail = "there is no such secret for you, or it is disabled";
            Err(Error::new(SECRET_UNAVAILABLE, detail))
        }
        status => Err(Error::unavailable(format!("secret-management answered {status}"))),
    }
}

impl Secrets for InvokedSecrets {
    fn bind<'a>(
        &'a self,
        asking: &'a Asking,
        secret: SecretId,
        provider: ProviderId,
        name: &'a str,
    ) -> BoxFuture<'a, Result<String>> {
        Box::pin(async move {
            let authorization =
                asking.authorization().ok_or_else(|| Error::unavailable("no credential"))?;
            let headers = [("authorization", authorization.to_owned())];
            let path = format!("/api/v1/secrets/{secret}/bindings");
            let body = json!({
                "service": "ai-service", "resourceType": "provider",
                "resourceId": provider.to_string(), "resourceName": name,
            });
            bound(&self.functions.call(FUNCTION, "POST", &path, &headers, &body).await?)
        })
    }

    fn unbind<'a>(
        &'a self,
        tenant: &'a Tenant,
        secret: SecretId,
        binding: &'a str,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let service = "ai-service".to_owned();
            let caller = CallingService { service, organization_id: tenant.organization() };
            let caller = serde_json::to_string(&caller).map_err(Error::internal)?;
            let headers = [(CALLER_HEADER, caller)];
            let path = format!("/api/v1/secrets/{secret}/bindings/{binding}");
            let called =
                self.functions.call(FUNCTION, "DELETE", &path, &headers, &Value::Null).await?;
            match called.status {
                204 | 404 => Ok(()),
                status => Err(Error::unavailable(format!("secret-management answered {status}"))),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_apart() {
        let code = |status| bound(&Called { status, body: json!({}) }).expect_err("no id").code();
        assert_eq!(code(403), codes::FORBIDDEN);
        assert_eq!(code(404), SECRET_UNAVAILABLE);
        assert_eq!(code(409), SECRET_UNAVAILABLE);
        assert_eq!(code(429), codes::UNAVAILABLE);
        assert_eq!(code(503), codes::UNAVAILABLE);
        let body = json!({ "id": "bnd_1" });
        assert_eq!(bound(&Called { status: 200, body }).expect("an id"), "bnd_1");
    }
}
