//! Who may call: the first argument of every handler.

use std::{marker::PhantomData, ops::Deref};

use axum::extract::{FromRef, FromRequestParts};
use http::{HeaderMap, header, request::Parts};
use millwright_auth::{Decision, Principal, Reason, Requires, Resource, decide};
use millwright_core::{Error, Result, Tenant, codes};
use millwright_event::Cause;
use millwright_manifest::Access;

use crate::{
    Describe, OperationDocument, Platform, Problem, RequestContext, api::OperationName, denial,
    exchange::Exchange,
};

/// The first argument of a handler says who may call it.
pub trait Gate {
    const ACCESS: Access;
}

/// A verified caller within an organization.
#[derive(Clone, Debug)]
pub struct Caller {
    pub principal: Principal,
    pub request: RequestContext,
    tenant: Tenant,
    platform: Platform,
    operation: &'static str,
}

impl Caller {
    pub fn tenant(&self) -> Tenant {
        self.tenant
    }

    /// The id of user or service key, for audit entries.
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
        let reason = Reason::NotGranted;
        let decision = Decision { allow: false, reason };
        denial::record(&self.platform, self, self.operation, P::PERMISSION, &decision).await;
        Error::new(codes::FORBIDDEN, detail).with("permission", P::PERMISSION.code)
    }

    /// True if the caller also holds another permission than the handler's.
    pub fn may<P: Requires>(&self) -> bool {
        let resource = Resource { organization: self.tenant.organization() };
        decide(&self.principal, P::PERMISSION, &resource).allow
    }
}

/// A caller who holds permission `P` in the organization of the credential. Refuses with 401, 403,
/// 429; nothing is read from the table before.
#[derive(Clone, Debug)]
pub struct Allowed<P> {
    caller: Caller,
    permission: PhantomData<P>,
}

impl<P> Deref for Allowed<P> {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl<P: Requires> Gate for Allowed<P> {
    const ACCESS: Access = Access::Permission(P::PERMISSION);
}

impl<P: Requires> Describe for Allowed<P> {
    fn describe(document: &mut OperationDocument) {
        document.requires(Some(P::PERMISSION));
        document.problem(400, "invalid_request", "The request is not valid");
    }
}

impl<S: Send + Sync, P: Requires> FromRequestParts<S> for Allowed<P>
where
    Platform: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let platform = Platform::from_ref(state);
        let caller = caller(parts, &platform).await?;
        let operation = caller.operation;
        let resource = Resource { organization: caller.tenant.organization() };
        let decision = decide(&caller.principal, P::PERMISSION, &resource);
        if !decision.allow {
            denial::record(&platform, &caller, operation, P::PERMISSION, &decision).await;
            let detail = format!("your role lacks the permission {}", P::PERMISSION.code);
            return Err(Error::new(codes::FORBIDDEN, detail)
                .with("permission", P::PERMISSION.code)
                .into());
        }
        OperationName::check_query(parts)?;
        parts.extensions.insert(caller.clone());
        Ok(Allowed { caller, permission: PhantomData })
    }
}

/// Any verified caller of an organization, whatever the role.
#[derive(Clone, Debug)]
pub struct Authenticated(Caller);

impl Deref for Authenticated {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.0
    }
}

impl Gate for Authenticated {
    const ACCESS: Access = Access::Authenticated;
}

impl Describe for Authenticated {
    fn describe(document: &mut OperationDocument) {
        document.requires(None);
        document.problem(400, "invalid_request", "The request is not valid");
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Authenticated
where
    Platform: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = caller(parts, &Platform::from_ref(state)).await?;
        OperationName::check_query(parts)?;
        parts.extensions.insert(caller.clone());
        Ok(Authenticated(caller))
    }
}

/// Everybody, without a credential; limited by address.
#[derive(Clone, Copy, Debug)]
pub struct Public;

impl Gate for Public {
    const ACCESS: Access = Access::Public;
}

impl Describe for Public {
    fn describe(document: &mut OperationDocument) {
        document.problem(400, "invalid_request", "The request is not valid");
        document.problem(429, "rate_limited", "Too many requests");
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Public
where
    Platform: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let platform = Platform::from_ref(state);
        let address = parts
            .extensions
            .get::<RequestContext>()
            .and_then(|context| context.source_ip)
            .map_or_else(|| "unknown".to_owned(), |ip| ip.to_string());
        take_token(&platform, &Exchange::of(parts), &address)?;
        OperationName::check_query(parts)?;
        Ok(Public)
    }
}

/// Verifies the credential and takes a token of the caller's bucket.
async fn caller(parts: &Parts, platform: &Platform) -> Result<Caller> {
    let token = bearer(&parts.headers)?;
    let principal = platform.0.verifier.verify(token).await?;
    let exchange = Exchange::of(parts);
    exchange.with(|left| left.actor = Some(principal.subject.clone()));
    take_token(platform, &exchange, &principal.subject)?;
    let Some(tenant) = principal.tenant else {
        let detail = "this credential is for no organization: switch to one";
        return Err(Error::new(codes::FORBIDDEN, detail));
    };
    exchange.with(|left| left.organization = Some(tenant.organization().to_string()));
    let request = match parts.extensions.get::<RequestContext>() {
        Some(context) => context.clone(),
        None => RequestContext::of(parts, platform.ids()),
    };
    let operation = OperationName::of(parts);
    Ok(Caller { principal, request, tenant, platform: platform.clone(), operation })
}

/// Takes a token of the bucket, and leaves what is left of it to the headers.
fn take_token(platform: &Platform, exchange: &Exchange, who: &str) -> Result<()> {
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
