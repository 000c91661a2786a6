//! Gates that want a person to be there, not just a credential.

use std::{ops::Deref, time::Duration};

use axum::extract::{FromRef, FromRequestParts};
use http::request::Parts;
use millwright_core::{Error, Result, codes};
use millwright_manifest::{Access, Presence};

use super::{Caller, Gate};
use crate::{Describe, OperationDocument, Platform, Problem};

/// How old a sign-in may be for what must not happen to a machine left alone.
pub const RECENT: Duration = Duration::from_secs(600);

/// Not for API keys: somebody has signed in.
#[derive(Clone, Debug)]
pub struct Session<G>(G);

/// Somebody has signed in within ten minutes.
#[derive(Clone, Debug)]
pub struct Recent<G>(G);

macro_rules! presence {
    ($name:ident, $presence:expr, $check:path, $describe:path) => {
        impl<G> Deref for $name<G> {
            type Target = G;

            fn deref(&self) -> &G {
                &self.0
            }
        }

        impl<G: Gate> Gate for $name<G> {
            const ACCESS: Access = G::ACCESS;
            const PRESENCE: Presence = $presence;
        }

        impl<G: Describe> Describe for $name<G> {
            fn describe(document: &mut OperationDocument) {
                G::describe(document);
                $describe(document);
            }
        }

        impl<S: Send + Sync, G> FromRequestParts<S> for $name<G>
        where
            Platform: FromRef<S>,
            G: FromRequestParts<S, Rejection = Problem>,
        {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
                let gate = G::from_request_parts(parts, state).await?;
                let caller = parts.extensions.get::<Caller>();
                let caller = caller.ok_or_else(|| Error::internal("a gate without a caller"))?;
                $check(caller)?;
                Ok($name(gate))
            }
        }
    };
}

presence!(Session, Presence::Session, check_session, describe_session);
presence!(Recent, Presence::Recent, check_recent, describe_recent);

fn check_session(caller: &Caller) -> Result<()> {
    if caller.principal.key_id.is_some() {
        let detail = "an API key cannot do this: sign in";
        return Err(Error::new(codes::SESSION_REQUIRED, detail));
    }
    Ok(())
}

fn check_recent(caller: &Caller) -> Result<()> {
    check_session(caller)?;
    let now = caller.platform.clock().now();
    if caller.principal.signed_in_at.is_some_and(|at| at.is_within(RECENT, now)) {
        return Ok(());
    }
    let detail = "sign in again, with purpose `reauthenticate`, and repeat the request";
    let error = Error::new(codes::REAUTHENTICATION_REQUIRED, detail);
    Err(error.with("maxAge", RECENT.as_secs()))
}

impl Caller {
    /// For operations that want a recent sign-in for a part of what they do.
    ///
    /// # Errors
    /// `session_required`, `reauthentication_required`.
    pub fn require_recent(&self) -> Result<()> {
        check_recent(self)
    }
}

fn describe_session(document: &mut OperationDocument) {
    document.problem(403, "session_required", "Only a signed-in session may do this");
}

fn describe_recent(document: &mut OperationDocument) {
    describe_session(document);
    document.problem(401, "reauthentication_required", "A recent sign-in is required");
}
