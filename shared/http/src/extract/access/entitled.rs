//! Callers whom a grant on the thing itself may entitle, though their role does not.

use std::{marker::PhantomData, ops::Deref};

use axum::extract::{FromRef, FromRequestParts};
use http::request::Parts;
use millwright_core::{Error, Result, codes};
use millwright_identity::Requires;
use millwright_manifest::Access;

use super::{Caller, Gate, admit, caller::authenticate, service};
use crate::{Describe, OperationDocument, Platform, Problem};

/// Somebody of the organization of the credential, or a service that calls for one. Permission `P`
/// is needed unless a grant on the thing stands for it: the handler decides when it has read the
/// thing, and refuses by [`Caller::deny`]. Refuses with 401, 403, 429; nothing is read before.
#[derive(Clone, Debug)]
pub struct Entitled<P> {
    caller: Caller,
    is_service: bool,
    permission: PhantomData<P>,
}

impl<P> Entitled<P> {
    /// True if a service of the installation calls, and nobody else.
    pub fn is_service(&self) -> bool {
        self.is_service
    }
}

impl<P> Deref for Entitled<P> {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl<P: Requires> Gate for Entitled<P> {
    const ACCESS: Access = Access::Permission(P::PERMISSION);
}

impl<P: Requires> Describe for Entitled<P> {
    fn describe(document: &mut OperationDocument) {
        document.requires(Some(P::PERMISSION));
        document.problem(400, "invalid_request", "The request is not valid");
    }
}

impl<S: Send + Sync, P: Requires> FromRequestParts<S> for Entitled<P>
where
    Platform: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let called = service::caller(parts, &Platform::from_ref(state))?;
        let (caller, is_service) = match called {
            Some(caller) => (caller, true),
            None => (authenticate(parts, state).await?, false),
        };
        if caller.tenant.organization().is_none() {
            let detail = "this credential is for no organization: switch to one";
            return Err(Error::new(codes::FORBIDDEN, detail).into());
        }
        admit(parts, &caller)?;
        Ok(Entitled { caller, is_service, permission: PhantomData })
    }
}
