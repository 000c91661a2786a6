//! What people and keys may do who hold a permission, and services of the installation as well.

use std::{marker::PhantomData, ops::Deref};

use axum::extract::{FromRef, FromRequestParts};
use http::request::Parts;
use millwright_core::{Error, Result, codes};
use millwright_identity::{Grantable, Requires};
use millwright_manifest::Access;

use super::{Allowed, Caller, Gate, admit, service};
use crate::{Describe, OperationDocument, Platform, Problem};

/// A caller who holds permission `P` in the organization of the credential ([`Allowed`]), or a
/// service of the installation that permission `S` names and that calls for an organization.
/// Refuses with 401, 403, 429; nothing is read from the table before.
#[derive(Clone, Debug)]
pub struct AllowedOrService<P, S> {
    caller: Caller,
    is_service: bool,
    permissions: PhantomData<(P, S)>,
}

impl<P, S> AllowedOrService<P, S> {
    /// True if a service of the installation calls.
    pub fn is_service(&self) -> bool {
        self.is_service
    }
}

impl<P, S> Deref for AllowedOrService<P, S> {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl<P: Requires, S> Gate for AllowedOrService<P, S> {
    const ACCESS: Access = Access::Permission(P::PERMISSION);
}

impl<P: Requires, S> Describe for AllowedOrService<P, S> {
    fn describe(document: &mut OperationDocument) {
        Allowed::<P>::describe(document);
    }
}

impl<T: Send + Sync, P: Requires, S: Requires> FromRequestParts<T> for AllowedOrService<P, S>
where
    Platform: FromRef<T>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &T) -> Result<Self, Problem> {
        let Some(caller) = service::caller(parts, &Platform::from_ref(state))? else {
            let allowed = Allowed::<P>::from_request_parts(parts, state).await?;
            let (caller, permissions) = (allowed.caller, PhantomData);
            return Ok(AllowedOrService { caller, is_service: false, permissions });
        };
        let is_named = match S::PERMISSION.grantable {
            Grantable::Service(services) => services.contains(&caller.actor()),
            Grantable::Role | Grantable::Operator => false,
        };
        if !is_named {
            return Err(service::refused::<S>(&caller).await.into());
        }
        if caller.tenant.organization().is_none() {
            let detail = "this service calls for no organization";
            return Err(Error::new(codes::FORBIDDEN, detail).into());
        }
        admit(parts, &caller)?;
        Ok(AllowedOrService { caller, is_service: true, permissions: PhantomData })
    }
}
