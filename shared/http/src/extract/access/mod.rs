//! Who may call: the first argument of every handler.

mod caller;
mod either;
mod entitled;
mod operated;
mod person;
mod presence;
mod service;

use std::{marker::PhantomData, ops::Deref};

use axum::extract::{FromRef, FromRequestParts};
use http::request::Parts;
use millwright_core::{Error, Result, codes};
use millwright_identity::{Requires, Resource, decide};
use millwright_manifest::{Access, Presence};

use self::caller::{authenticate, take_token};
pub use self::{
    caller::Caller,
    either::AllowedOrService,
    entitled::Entitled,
    operated::OrOperator,
    person::{Known, Operator, SignedIn},
    presence::{RECENT, Recent, Session},
    service::{ACT_FOR_HEADER, CALLER_HEADER, CallingService, FromService},
};
use crate::{
    Describe, OperationDocument, Platform, Problem, RequestContext, api::OperationName, denial,
    exchange::Exchange,
};

/// The first argument of a handler says who may call it.
pub trait Gate {
    const ACCESS: Access;
    const PRESENCE: Presence = Presence::Any;
}

/// What every gate ends with: the caller is left to the arguments that follow.
fn admit(parts: &mut Parts, caller: &Caller) -> Result<()> {
    OperationName::check_query(parts)?;
    parts.extensions.insert(caller.clone());
    Ok(())
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
        let caller = authenticate(parts, state).await?;
        let Some(organization) = caller.tenant.organization() else {
            let detail = "this credential is for no organization: switch to one";
            return Err(Error::new(codes::FORBIDDEN, detail).into());
        };
        let decision = decide(&caller.principal, P::PERMISSION, &Resource { organization });
        if !decision.allow {
            let (platform, operation) = (&caller.platform, caller.operation);
            let code = codes::FORBIDDEN;
            denial::record(platform, &caller, operation, P::PERMISSION, &decision, code).await;
            let detail = format!("your role lacks the permission {}", P::PERMISSION.code);
            return Err(Error::new(codes::FORBIDDEN, detail)
                .with("permission", P::PERMISSION.code)
                .into());
        }
        admit(parts, &caller)?;
        Ok(Allowed { caller, permission: PhantomData })
    }
}

/// Any verified caller, whatever the role: with the organization of the credential, or without.
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
        let caller = authenticate(parts, state).await?;
        admit(parts, &caller)?;
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
