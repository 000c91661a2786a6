//! What members of organizations do with theirs, and operators with what is the platform's own.

use std::ops::Deref;

use axum::extract::{FromRef, FromRequestParts};
use http::request::Parts;
use millwright_core::{Kind, PLATFORM, Result};
use millwright_manifest::{Access, Presence};

use super::{Caller, Gate, Operator, admit};
use crate::{Describe, OperationDocument, Platform, Problem};

/// Whom gate `G` lets in, about their organization, or a platform operator, about the platform: the
/// tenant is then [`PLATFORM`], in which nobody else ever is. Of an operator no permission is asked:
/// the handler knows one by [`OrOperator::is_operator`].
#[derive(Clone, Debug)]
pub struct OrOperator<G>(Admitted<G>);

#[derive(Clone, Debug)]
enum Admitted<G> {
    ByGate(G),
    // Boxed: it is rare, and would make every other one larger.
    Operator(Box<Caller>),
}

impl<G> OrOperator<G> {
    /// Whom the gate has let in; none for an operator.
    pub fn by_gate(&self) -> Option<&G> {
        match &self.0 {
            Admitted::ByGate(gate) => Some(gate),
            Admitted::Operator(_) => None,
        }
    }

    pub fn is_operator(&self) -> bool {
        self.by_gate().is_none()
    }
}

impl<G: Deref<Target = Caller>> Deref for OrOperator<G> {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        match &self.0 {
            Admitted::ByGate(gate) => gate,
            Admitted::Operator(caller) => caller,
        }
    }
}

impl<G: Gate> Gate for OrOperator<G> {
    const ACCESS: Access = G::ACCESS;
    const PRESENCE: Presence = G::PRESENCE;
}

impl<G: Describe> Describe for OrOperator<G> {
    fn describe(document: &mut OperationDocument) {
        G::describe(document);
    }
}

impl<S, G> FromRequestParts<S> for OrOperator<G>
where
    S: Send + Sync,
    G: FromRequestParts<S, Rejection = Problem> + Send,
    Platform: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let refused = match G::from_request_parts(parts, state).await {
            Ok(gate) => return Ok(OrOperator(Admitted::ByGate(gate))),
            Err(refused) => refused,
        };
        // An operator's token is for no organization: every gate of one refuses it so.
        if refused.0.kind() != Kind::Forbidden {
            return Err(refused);
        }
        match Operator::from_request_parts(parts, state).await {
            Ok(operator) => {
                let mut caller = Caller::clone(&operator);
                caller.tenant = operator.within(PLATFORM);
                admit(parts, &caller)?;
                Ok(OrOperator(Admitted::Operator(Box::new(caller))))
            }
            Err(_) => Err(refused),
        }
    }
}
