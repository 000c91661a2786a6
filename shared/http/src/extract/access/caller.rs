//! Who is calling.

use axum::extract::FromRef;
use http::{HeaderMap, header, request::Parts};
use millwright_core::{Code, Error, Result, Tenant, UserId, codes};
use millwright_event::Cause;
use millwright_identity::{Decision, Principal, Reason, Requires, Resource, decide};

use super::service::check_acting;
use crate::{Platform, RequestContext, api::OperationName, denial, exchange::Exchange};

/// A verified caller, and the tenant the request is about.
#[derive(Clone, Debug)]
pub struct Caller {
    pub principal: Principal,
    pub request: RequestContext,
    pub(super) tenant: Tenant,
    pub(super) platform: Platform,
    pub(super) operation: &'static str,
}

impl Caller {
    /// The organization of the credential, or the person alone: the gate says which.
    pub fn tenant(&self) -> Tenant {
        self.tenant
    }

    /// The user, if it is one: a service key and a calling service are none.
    pub fn user(&self) -> Option<UserId> {
        self.principal.user()
    }

    /// The id of user, service key or calling service, for audit entries.
    pub fn actor(&self) -> &str {
        &self.principal.subject
    }

    /// What the events of this request are caused by.
    pub fn cause(&self) -> Cause {
        Cause {
            tenant: self.tenant,
            actor_id: self.principal.subject.clone(),
            traceparent: Some(self.request.traceparent.clone()),
            correlation_id: self.request.request_id.clone(),
            causation_id: None,
        }
    }

    /// A 403 for a reason the permission alone does not tell ("only its author"): recorded and
    /// announced as every denial is. The only way to make one in a handler.
    pub async fn deny<P: Requires>(&self, detail: &'static str) -> Error {
        self.deny_as::<P>(codes::FORBIDDEN, detail).await
    }

    /// As [`Caller::deny`], with a code of the service that says which rule it was.
    pub async fn deny_as<P: Requires>(&self, code: Code, detail: &'static str) -> Error {
        let reason = Reason::NotGranted;
        let decision = Decision { allow: false, reason };
        denial::record(&self.platform, self, self.operation, P::PERMISSION, &decision, code).await;
        Error::new(code, detail).with("permission", P::PERMISSION.code)
    }

    /// True if the caller also holds another permission than the handler's.
    pub fn may<P: Requires>(&self) -> bool {
        let resource = self.tenant.organization().map(|organization| Resource { organization });
        resource.is_some_and(|it| decide(&self.principal, P::PERMISSION, &it).allow)
    }
}

/// Verifies the credential and takes a token of the caller's bucket.
pub(super) async fn authenticate<S>(parts: &Parts, state: &S) -> Result<Caller>
where
    Platform: FromRef<S>,
{
    let platform = Platform::from_ref(state);
    check_acting(&parts.headers)?;
    let credential = bearer(&parts.headers)?;
    let request = match parts.extensions.get::<RequestContext>() {
        Some(context) => context.clone(),
        None => RequestContext::of(parts, &platform),
    };
    let principal = platform.0.verifier.verify(credential, request.source_ip).await?;
    let exchange = Exchange::of(parts);
    exchange.with(|left| left.actor = Some(principal.subject.clone()));
    take_token(&platform, &exchange, &principal.subject)?;
    let Some(tenant) = principal.tenant.or_else(|| principal.person()) else {
        return Err(Error::new(codes::INVALID_TOKEN, "the credential is for nobody"));
    };
    exchange.with(|left| left.organization = tenant.organization().map(|id| id.to_string()));
    let operation = OperationName::of(parts);
    Ok(Caller { principal, request, tenant, platform, operation })
}

/// Takes a token of the bucket, and leaves what is left of it to the headers.
pub(super) fn take_token(platform: &Platform, exchange: &Exchange, who: &str) -> Result<()> {
    let (allowance, taken) = platform.0.limiter.take(who);
    exchange.with(|left| left.allowance = Some(allowance));
    taken
}

fn bearer(headers: &HeaderMap) -> Result<&str> {
    let missing = || {
        let detail = "send an access token as `Authorization: Bearer …`";
        Error::new(codes::UNAUTHENTICATED, detail)
    };
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().ok_or_else(missing)?;
    if values.next().is_some() {
        return Err(Error::new(codes::INVALID_TOKEN, "more than one Authorization header"));
    }
    let (scheme, token) =
        value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(missing)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(missing());
    }
    Ok(token.trim())
}
