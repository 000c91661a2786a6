//! People: what is theirs whatever their organization, and what only operators may do.

use std::ops::Deref;

use axum::extract::{FromRef, FromRequestParts};
use http::request::Parts;
use millwright_core::{Error, Kind, OrgId, Result, Tenant, UserId, Voucher, codes};
use millwright_manifest::Access;

use super::{Caller, Gate, Public, admit, caller::authenticate};
use crate::{Describe, OperationDocument, Platform, Problem};

/// A person about what is their own: any token or personal key of theirs, also without an
/// organization. The tenant is the person.
#[derive(Clone, Debug)]
pub struct SignedIn {
    caller: Caller,
    user: UserId,
}

impl SignedIn {
    pub fn user(&self) -> UserId {
        self.user
    }
}

impl Deref for SignedIn {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl Gate for SignedIn {
    const ACCESS: Access = Access::SignedIn;
}

impl Describe for SignedIn {
    fn describe(document: &mut OperationDocument) {
        document.requires(None);
        document.problem(400, "invalid_request", "The request is not valid");
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SignedIn
where
    Platform: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let mut caller = authenticate(parts, state).await?;
        let (Some(user), Some(person)) = (caller.user(), caller.principal.person()) else {
            let detail = "a service key is nobody in person: use a token of a user";
            return Err(Error::new(codes::FORBIDDEN, detail).into());
        };
        caller.tenant = person;
        admit(parts, &caller)?;
        Ok(SignedIn { caller, user })
    }
}

/// The platform operator, by a token that was asked for as such. The tenant is the person.
#[derive(Clone, Debug)]
pub struct Operator(SignedIn);

impl Operator {
    /// An operator acts in any organization.
    #[allow(clippy::disallowed_methods, reason = "the operator's claim vouches for it")]
    pub fn within(&self, organization: OrgId) -> Tenant {
        Tenant::vouched(organization, Voucher::Operator)
    }

    /// An operator acts on any person.
    #[allow(clippy::disallowed_methods, reason = "the operator's claim vouches for it")]
    pub fn about(&self, user: UserId) -> Tenant {
        Tenant::person(user, Voucher::Operator)
    }
}

impl Deref for Operator {
    type Target = SignedIn;

    fn deref(&self) -> &SignedIn {
        &self.0
    }
}

impl Gate for Operator {
    const ACCESS: Access = Access::Operator;
}

impl Describe for Operator {
    fn describe(document: &mut OperationDocument) {
        document.requires(None);
        document.problem(400, "invalid_request", "The request is not valid");
        document.problem(403, "operator_required", "Only a platform operator may do this");
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Operator
where
    Platform: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let person = SignedIn::from_request_parts(parts, state).await?;
        if !person.principal.is_operator {
            let detail = "ask for an operator token with your refresh";
            return Err(Error::new(codes::OPERATOR_REQUIRED, detail).into());
        }
        Ok(Operator(person))
    }
}

/// Everybody; a person who sends a credential is known. A credential that is no good is no reason
/// to turn somebody away, as for a logout.
#[derive(Clone, Debug)]
pub struct Known(Option<SignedIn>);

impl Known {
    pub fn person(&self) -> Option<&SignedIn> {
        self.0.as_ref()
    }
}

impl Gate for Known {
    const ACCESS: Access = Access::Public;
}

impl Describe for Known {
    fn describe(document: &mut OperationDocument) {
        Public::describe(document);
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Known
where
    Platform: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Public::from_request_parts(parts, state).await?;
        if !parts.headers.contains_key(http::header::AUTHORIZATION) {
            return Ok(Known(None));
        }
        match SignedIn::from_request_parts(parts, state).await {
            Ok(person) => Ok(Known(Some(person))),
            Err(Problem(error)) if error.kind() == Kind::Unauthenticated => Ok(Known(None)),
            Err(problem) => Err(problem),
        }
    }
}
