//! How a try failed, and what may be done about it.

use std::time::Duration;

use millwright_egress::{Failure, Wait};
use millwright_model::{Code, ErrorClass, UpstreamError};

use crate::domain::redacted;

/// Classes of failed tries: chains decide by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    Connect,
    Timeout,
    RateLimit,
    ServerError,
    Overloaded,
    ContextLength,
    ContentFilter,
    /// The provider does not know our key: never the client's 401.
    Auth,
    /// The request is at fault: the same again would fail again.
    Request,
    /// The address may not be called.
    Egress,
}

impl Class {
    /// The provider's fault, not that of the request.
    pub fn is_providers(self) -> bool {
        !matches!(self, Class::ContextLength | Class::ContentFilter | Class::Request)
    }
}

/// A try that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Miss {
    pub class: Class,
    /// Of the provider; none if there was no answer.
    pub status: Option<u16>,
    /// The provider's words, without addresses, numbers and keys.
    pub message: String,
    pub retry_after: Option<Duration>,
}

/// A provider that wants more patience than this gets another turn later, not in this request.
pub const PATIENCE: Duration = Duration::from_secs(5);

impl Miss {
    /// What an answer with an error says.
    pub fn answered(status: u16, error: UpstreamError, retry_after: Option<Duration>) -> Miss {
        let class = match error.class {
            ErrorClass::InvalidRequest => Class::Request,
            ErrorClass::Auth => Class::Auth,
            ErrorClass::RateLimit => Class::RateLimit,
            ErrorClass::Timeout => Class::Timeout,
            ErrorClass::ServerError | ErrorClass::Malformed => Class::ServerError,
            ErrorClass::Overloaded => Class::Overloaded,
            ErrorClass::ContextLength => Class::ContextLength,
            ErrorClass::ContentFilter => Class::ContentFilter,
        };
        Miss { class, status: Some(status), message: redacted(&error.message), retry_after }
    }

    /// The same request may succeed a moment later.
    pub fn may_pass(&self) -> bool {
        match self.class {
            Class::Connect | Class::ServerError | Class::Overloaded => true,
            // Not our own patience at its end: the client has waited long enough.
            Class::Timeout => self.status.is_some(),
            Class::RateLimit => self.retry_after.is_none_or(|after| after <= PATIENCE),
            _ => false,
        }
    }

    /// What the client is told.
    pub fn code(&self) -> Code {
        match self.class {
            Class::Connect | Class::Overloaded | Class::RateLimit => Code::ProviderUnavailable,
            Class::Timeout => Code::ProviderTimeout,
            Class::ServerError | Class::Egress => Code::ProviderError,
            Class::ContextLength => Code::ContextLengthExceeded,
            Class::ContentFilter | Class::Request => Code::InvalidRequest,
            Class::Auth => Code::ProviderAuthFailed,
        }
    }
}

impl From<Failure> for Miss {
    fn from(failure: Failure) -> Miss {
        let class = match &failure {
            Failure::Denied(_) => Class::Egress,
            Failure::NotConnected(_) | Failure::TimedOut(Wait::Connect) => Class::Connect,
            Failure::TimedOut(_) => Class::Timeout,
            Failure::Broken(_) | Failure::TooLarge => Class::ServerError,
        };
        Miss { class, status: None, message: failure.to_string(), retry_after: None }
    }
}
