//! How somebody asks, as far as more of it is needed than who it is.

use std::{convert::Infallible, fmt};

use axum::extract::FromRequestParts;
use http::{header, request::Parts};

use crate::{Describe, OperationDocument};

/// The credential, to ask other services in the caller's name, and the program that calls.
#[derive(Clone, Default)]
pub struct Asking {
    authorization: Option<String>,
    pub user_agent: Option<String>,
}

impl Asking {
    /// The value of `Authorization`.
    pub fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }
}

impl fmt::Debug for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asking")
    }
}

impl Describe for Asking {
    fn describe(_document: &mut OperationDocument) {}
}

impl<S: Send + Sync> FromRequestParts<S> for Asking {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let user_agent = text(header::USER_AGENT)
            .map(|agent| agent.chars().filter(|c| !c.is_control()).take(200).collect());
        let authorization = text(header::AUTHORIZATION).map(str::to_owned);
        Ok(Asking { authorization, user_agent })
    }
}
