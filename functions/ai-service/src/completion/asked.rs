//! What comes in, and what goes back.

use std::time::Duration;

use millwright_core::{Error, Kind, RoleId, Tenant};
use millwright_event::Cause;
use millwright_http::Caller;
use millwright_model::{Code, Surface, SurfaceError};
use serde_json::Value;

use super::{CompletionId, Rates, stream};

/// Who asks for what.
#[derive(Clone, Debug)]
pub struct Asked {
    pub tenant: Tenant,
    pub cause: Cause,
    pub user: Option<millwright_core::UserId>,
    pub api_key: Option<String>,
    pub role: Option<RoleId>,
    pub surface: Surface,
    pub body: Value,
    /// Of the body as it came, in hexadecimal digits.
    pub sha256: String,
}

impl Asked {
    pub fn by(caller: &Caller, surface: Surface, body: Value) -> Asked {
        Asked {
            tenant: caller.tenant(),
            cause: caller.cause(),
            user: caller.user(),
            api_key: caller.principal.key_id.clone(),
            role: caller.principal.role.as_ref().and_then(|role| role.parse().ok()),
            surface,
            sha256: crate::digest::hex(body.to_string().as_bytes()),
            body,
        }
    }
}

/// What the client gets.
pub enum Answered {
    Whole { body: Value, told: Told },
    Stream { body: stream::Body, told: Told },
}

/// What headers say of it.
#[derive(Clone, Debug)]
pub struct Told {
    pub id: CompletionId,
    pub model: String,
    pub provider: String,
    pub attempts: usize,
    pub cached: bool,
    /// Not of streams.
    pub cost_micros: Option<u64>,
    pub dropped: Vec<String>,
    pub rates: Rates,
}

/// Why it gets none.
#[derive(Clone, Debug)]
pub struct Refused {
    pub error: SurfaceError,
    pub retry_after: Option<Duration>,
    pub id: Option<CompletionId>,
    pub rates: Rates,
}

impl Refused {
    /// Who asks again before this is refused again.
    pub fn waiting(error: SurfaceError, wait: Duration) -> Refused {
        Refused { retry_after: Some(wait), ..error.into() }
    }
}

impl From<SurfaceError> for Refused {
    fn from(error: SurfaceError) -> Refused {
        Refused { error, retry_after: None, id: None, rates: Rates::default() }
    }
}

/// A failure of ours: what is wrong is in the log, with the request's id.
impl From<Error> for Refused {
    fn from(error: Error) -> Refused {
        tracing::error!(%error, "a completion failed here");
        let (code, wait) = match error.kind() {
            Kind::Unavailable => (Code::ProviderUnavailable, Some(Duration::from_secs(1))),
            _ => (Code::Internal, None),
        };
        let error = SurfaceError::new(code, "something went wrong here; try again");
        Refused { retry_after: wait, ..error.into() }
    }
}
