//! The one error of the platform: transport-agnostic, turned into HTTP once, at the edge.

use std::{borrow::Cow, fmt, time::Duration};

use serde_json::{Map, Value};

use crate::{Fault, FaultCode, Faults, InputError};

/// `Result` with the platform's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What sort of failure: decides the HTTP status and whether a retry can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Invalid,
    Unauthenticated,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    Conflict,
    VersionStale,
    TooLarge,
    UnsupportedMediaType,
    IdempotencyMismatch,
    RateLimited,
    Internal,
    Unavailable,
}

/// One word of the closed list of problem codes: the shared ones are in [`codes`], a service
/// declares its own with [`codes!`](crate::codes!).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    pub name: &'static str,
    pub kind: Kind,
    /// The problem's `title`.
    pub title: &'static str,
}

/// Declares problem codes and `ALL` of them.
#[macro_export]
macro_rules! codes {
    ($($name:ident = $kind:ident $word:literal $title:literal;)+) => {
        $(
            #[doc = $title]
            pub const $name: $crate::Code =
                $crate::Code { name: $word, kind: $crate::Kind::$kind, title: $title };
        )+
        /// Every code declared here.
        pub const ALL: &[$crate::Code] = &[$($name),+];
    };
}

/// The codes every service shares.
pub mod codes {
    crate::codes! {
        INVALID_REQUEST = Invalid "invalid_request" "The request is not valid";
        UNAUTHENTICATED = Unauthenticated "unauthenticated" "No credential was given";
        INVALID_TOKEN = Unauthenticated "invalid_token" "The access token is not valid";
        TOKEN_EXPIRED = Unauthenticated "token_expired" "The access token has expired";
        TOKEN_REVOKED = Unauthenticated "token_revoked" "The access token was revoked";
        TOKEN_STALE = Unauthenticated "token_stale" "The access token is out of date";
        REAUTHENTICATION_REQUIRED = Unauthenticated "reauthentication_required" "A recent sign-in is required";
        FORBIDDEN = Forbidden "forbidden" "Not permitted";
        ACT_FOR_DENIED = Forbidden "act_for_denied" "The service may not act for somebody else";
        OPERATOR_REQUIRED = Forbidden "operator_required" "Only a platform operator may do this";
        SESSION_REQUIRED = Forbidden "session_required" "Only a signed-in session may do this";
        NOT_FOUND = NotFound "not_found" "Not found";
        METHOD_NOT_ALLOWED = MethodNotAllowed "method_not_allowed" "The method is not allowed here";
        CONFLICT = Conflict "conflict" "The request conflicts with the current state";
        INVALID_STATE = Conflict "invalid_state" "Not possible in the current state";
        NAME_TAKEN = Conflict "name_taken" "The name is taken";
        LIMIT_REACHED = Conflict "limit_reached" "A limit is reached";
        IDEMPOTENCY_IN_FLIGHT = Conflict "idempotency_in_flight" "The same request is still running";
        VERSION_STALE = VersionStale "version_stale" "The thing has changed meanwhile";
        TOO_LARGE = TooLarge "too_large" "The request is too large";
        UNSUPPORTED_MEDIA_TYPE = UnsupportedMediaType "unsupported_media_type" "The media type is not supported";
        IDEMPOTENCY_MISMATCH = IdempotencyMismatch "idempotency_mismatch" "The idempotency key was used for another request";
        RATE_LIMITED = RateLimited "rate_limited" "Too many requests";
        INTERNAL = Internal "internal" "Something went wrong";
        UNAVAILABLE = Unavailable "unavailable" "Temporarily not available";
        CONTENTION = Unavailable "contention" "Too many writers at once";
        REVOCATION_UNKNOWN = Unavailable "revocation_unknown" "Revocations cannot be read at the moment";
    }
}

/// Why an operation did not happen. What the caller may know is in `detail`, `faults` and
/// `members`; `internal` is for the log alone.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    code: Code,
    detail: Cow<'static, str>,
    faults: Vec<Fault>,
    members: Map<String, Value>,
    retry_after: Option<Duration>,
    internal: Option<String>,
}

impl Error {
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Error {
        Error(Box::new(Inner {
            code,
            detail: detail.into(),
            faults: Vec::new(),
            members: Map::new(),
            retry_after: None,
            internal: None,
        }))
    }

    /// A failure of ours. The caller reads nothing of `message`; the log does.
    pub fn internal(message: impl fmt::Display) -> Error {
        Error::new(codes::INTERNAL, "").because(message)
    }

    /// Something we depend on did not answer; the same request may succeed later.
    pub fn unavailable(message: impl fmt::Display) -> Error {
        Error::new(codes::UNAVAILABLE, "try again in a moment")
            .because(message)
            .retry_after(Duration::from_secs(1))
    }

    /// Somebody else changed the same thing first: read it again, decide again.
    pub fn lost_race() -> Error {
        Error::new(codes::CONTENTION, "many clients change the same thing: try again")
            .retry_after(Duration::from_secs(1))
    }

    pub fn not_found(what: &str) -> Error {
        Error::new(codes::NOT_FOUND, format!("no such {what}"))
    }

    pub fn version_stale(current: u64) -> Error {
        Error::new(
            codes::VERSION_STALE,
            format!("the current version is {current}: read it, merge, and send its ETag"),
        )
        .with("currentVersion", current)
    }

    pub fn limit_reached(limit: &str, max: u64) -> Error {
        Error::new(codes::LIMIT_REACHED, format!("at most {max} {limit}"))
            .with("limit", limit)
            .with("max", max)
    }

    /// One fault of the body, at a JSON Pointer.
    pub fn fault(pointer: &str, code: FaultCode, detail: impl Into<String>) -> Error {
        Faults::of(Fault::new(pointer, code, detail)).into()
    }

    /// Faults of a service's own code, all at once.
    pub fn invalid(code: Code, faults: Vec<Fault>) -> Error {
        let mut error = Error::from(Faults(faults));
        error.0.code = code;
        error
    }

    /// Adds a member to the problem; the names are part of the API.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Error {
        self.0.members.insert(name.to_owned(), value.into());
        self
    }

    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Error {
        self.0.retry_after = Some(after);
        self
    }

    /// Adds what the log should say.
    #[must_use]
    pub fn because(mut self, message: impl fmt::Display) -> Error {
        self.0.internal = Some(message.to_string());
        self
    }

    pub fn code(&self) -> Code {
        self.0.code
    }

    pub fn kind(&self) -> Kind {
        self.0.code.kind
    }

    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    pub fn faults(&self) -> &[Fault] {
        &self.0.faults
    }

    pub fn members(&self) -> &Map<String, Value> {
        &self.0.members
    }

    pub fn retry_after_seconds(&self) -> Option<u64> {
        self.0.retry_after.map(|after| after.as_secs().max(1))
    }

    /// For the log alone.
    pub fn internal_message(&self) -> Option<&str> {
        self.0.internal.as_deref()
    }

    pub fn is(&self, code: Code) -> bool {
        self.0.code == code
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.code.name)?;
        if !self.0.detail.is_empty() {
            write!(f, ": {}", self.0.detail)?;
        }
        if let Some(message) = &self.0.internal {
            write!(f, " ({message})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

impl From<Faults> for Error {
    fn from(faults: Faults) -> Error {
        let detail = match faults.0.as_slice() {
            [one] if one.pointer.is_empty() => one.detail.clone(),
            [one] => format!("{} {}", one.pointer, one.detail),
            many => format!("{} faults, listed in errors", many.len()),
        };
        let mut error = Error::new(codes::INVALID_REQUEST, detail);
        error.0.faults = faults.0;
        error
    }
}

impl From<InputError> for Error {
    fn from(refused: InputError) -> Error {
        Faults::of(Fault::new("", refused.code, refused.detail)).into()
    }
}
