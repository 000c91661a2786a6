//! Calls from service to service: by direct invoke, never from outside (specs auth 5.10).

use std::{marker::PhantomData, ops::Deref};

use axum::extract::{FromRef, FromRequestParts};
use http::{HeaderMap, request::Parts};
use millwright_core::{Error, OrgId, Result, Tenant, Voucher, codes};
use millwright_identity::{Decision, Grantable, Principal, Reason, Requires};
use millwright_manifest::Access;
use serde::{Deserialize, Serialize};

use super::{Caller, Gate, admit};
use crate::{
    Describe, OperationDocument, Platform, Problem, RequestContext, api::OperationName, denial,
    exchange::Exchange,
};

/// Who calls. The runtime lets it through in a direct invoke only.
pub const CALLER_HEADER: &str = "x-millwright-caller";
/// For whom a service calls that is not there. Likewise.
pub const ACT_FOR_HEADER: &str = "x-millwright-act-for";

/// What [`CALLER_HEADER`] says, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallingService {
    pub service: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<OrgId>,
}

/// A service of the installation that holds permission `P`: IAM has let it invoke this function,
/// the permission names it. The tenant is the organization it calls for, else the installation.
#[derive(Clone, Debug)]
pub struct FromService<P> {
    caller: Caller,
    permission: PhantomData<P>,
}

impl<P> Deref for FromService<P> {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl<P: Requires> Gate for FromService<P> {
    const ACCESS: Access = Access::Permission(P::PERMISSION);
}

impl<P: Requires> Describe for FromService<P> {
    fn describe(document: &mut OperationDocument) {
        document.requires(Some(P::PERMISSION));
        document.problem(400, "invalid_request", "The request is not valid");
    }
}

impl<S: Send + Sync, P: Requires> FromRequestParts<S> for FromService<P>
where
    Platform: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let platform = Platform::from_ref(state);
        let Some(service) = calling_service(&parts.headers)? else {
            // Whoever else comes is told what a stranger or a role without it is told.
            let caller = super::authenticate(parts, state).await?;
            return Err(refused::<P>(&caller).await.into());
        };
        check_acting(&parts.headers)?;
        let caller = standing_for(service, parts, &platform);
        let is_granted = match P::PERMISSION.grantable {
            Grantable::Service(services) => services.contains(&caller.actor()),
            Grantable::Role | Grantable::Operator => false,
        };
        if !is_granted {
            return Err(refused::<P>(&caller).await.into());
        }
        admit(parts, &caller)?;
        Ok(FromService { caller, permission: PhantomData })
    }
}

/// A refusal, recorded as every denial is.
pub(super) async fn refused<P: Requires>(caller: &Caller) -> Error {
    let decision = Decision { allow: false, reason: Reason::NotGrantable };
    let (platform, operation) = (&caller.platform, caller.operation);
    let code = codes::FORBIDDEN;
    denial::record(platform, caller, operation, P::PERMISSION, &decision, code).await;
    forbidden::<P>()
}

/// Whoever calls for somebody else must be let by its manifest, and none is.
pub(super) fn check_acting(headers: &HeaderMap) -> Result<()> {
    if headers.contains_key(CALLER_HEADER) && headers.contains_key(ACT_FOR_HEADER) {
        let detail = "this service acts for nobody but itself";
        return Err(Error::new(codes::ACT_FOR_DENIED, detail));
    }
    Ok(())
}

/// The service that calls, if one does: it acts for nobody but itself.
pub(super) fn caller(parts: &Parts, platform: &Platform) -> Result<Option<Caller>> {
    let Some(service) = calling_service(&parts.headers)? else { return Ok(None) };
    check_acting(&parts.headers)?;
    Ok(Some(standing_for(service, parts, platform)))
}

fn standing_for(service: CallingService, parts: &Parts, platform: &Platform) -> Caller {
    let request = match parts.extensions.get::<RequestContext>() {
        Some(context) => context.clone(),
        None => RequestContext::of(parts, platform),
    };
    let tenant = tenant(&service);
    Exchange::of(parts).with(|left| {
        left.actor = Some(service.service.clone());
        left.organization = service.organization_id.map(|id| id.to_string());
    });
    let principal = Principal::service(service.service, tenant);
    let operation = OperationName::of(parts);
    Caller { principal, request, tenant, platform: platform.clone(), operation }
}

fn forbidden<P: Requires>() -> Error {
    let detail = format!("only a service holds the permission {}", P::PERMISSION.code);
    Error::new(codes::FORBIDDEN, detail).with("permission", P::PERMISSION.code)
}

fn calling_service(headers: &HeaderMap) -> Result<Option<CallingService>> {
    let Some(value) = headers.get(CALLER_HEADER) else { return Ok(None) };
    let service = serde_json::from_slice(value.as_bytes()).map_err(|error| {
        Error::new(codes::FORBIDDEN, "the calling service is not understood").because(error)
    })?;
    Ok(Some(service))
}

#[allow(clippy::disallowed_methods, reason = "IAM vouches for a service of the installation")]
fn tenant(service: &CallingService) -> Tenant {
    match service.organization_id {
        Some(organization) => Tenant::vouched(organization, Voucher::Credential),
        None => Tenant::installation(Voucher::Credential),
    }
}
