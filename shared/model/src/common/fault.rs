//! What is wrong: with a request, between a request and a target, with an upstream.

use std::fmt;

use super::Capability;

/// A request that is not of its dialect: `invalid_request`, 400.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The field, as `messages[2].content`.
    pub param: String,
    pub message: String,
}

impl Fault {
    pub(crate) fn new(param: impl Into<String>, message: impl Into<String>) -> Fault {
        Fault { param: param.into(), message: message.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.param, self.message)
    }
}

impl std::error::Error for Fault {}

/// A target that would not get what the request means, 400: nothing of it is dropped silently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// `capability_missing`: the model, or its dialect, cannot do it.
    CapabilityMissing { param: String, needs: String },
    /// `image_url_unsupported`: the target takes bytes alone, and nothing is fetched for clients.
    ImageUrlUnsupported { param: String },
}

impl Unfit {
    pub(crate) fn missing(param: impl Into<String>, needs: impl Into<String>) -> Unfit {
        Unfit::CapabilityMissing { param: param.into(), needs: needs.into() }
    }

    pub(crate) fn capability(param: impl Into<String>, capability: Capability) -> Unfit {
        Unfit::missing(param, capability.as_str())
    }

    /// The field of the request that is at fault.
    #[must_use]
    pub fn param(&self) -> &str {
        match self {
            Unfit::CapabilityMissing { param, .. } | Unfit::ImageUrlUnsupported { param } => param,
        }
    }

    /// The code of the error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Unfit::CapabilityMissing { .. } => "capability_missing",
            Unfit::ImageUrlUnsupported { .. } => "image_url_unsupported",
        }
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unfit::CapabilityMissing { param, needs } => {
                write!(f, "{param}: the model lacks `{needs}`")
            }
            Unfit::ImageUrlUnsupported { param } => {
                write!(f, "{param}: the model takes images as data URLs only")
            }
        }
    }
}

impl std::error::Error for Unfit {}

/// Classes of upstream failures: what retries and fallback chains decide by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// 400, 404, 413, 422: the same again would fail again.
    InvalidRequest,
    /// 401, 403.
    Auth,
    /// 429.
    RateLimit,
    /// 408, 504.
    Timeout,
    /// 500 to 503.
    ServerError,
    /// 529, or said so in a stream.
    Overloaded,
    /// The input is longer than the model's window.
    ContextLength,
    /// Refused for its content.
    ContentFilter,
    /// What came is not of the dialect, or ended without an end.
    Malformed,
}

/// What an upstream said of its failure. The message is the upstream's: redact it before it is
/// shown or kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamError {
    pub class: ErrorClass,
    pub message: String,
}

impl UpstreamError {
    pub(crate) fn malformed(message: impl Into<String>) -> UpstreamError {
        UpstreamError { class: ErrorClass::Malformed, message: message.into() }
    }

    /// Of the status of an answer, and what its body says: its code or type, and its text.
    pub(crate) fn of(status: u16, code: &str, message: String) -> UpstreamError {
        let lower = message.to_ascii_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        let class = if code == "context_length_exceeded"
            || has(&["context length", "prompt is too long", "context window", "context size"])
        {
            ErrorClass::ContextLength
        } else if matches!(code, "content_filter" | "content_policy_violation") {
            ErrorClass::ContentFilter
        } else if matches!(code, "overloaded_error" | "overloaded") || status == 529 {
            ErrorClass::Overloaded
        } else {
            match (status, code) {
                (401 | 403, _) | (_, "authentication_error" | "permission_error") => {
                    ErrorClass::Auth
                }
                (429, _) | (_, "rate_limit_error" | "rate_limit_exceeded") => ErrorClass::RateLimit,
                (408 | 504, _) | (_, "timeout_error") => ErrorClass::Timeout,
                (400..=499, _) | (_, "invalid_request_error" | "not_found_error") => {
                    ErrorClass::InvalidRequest
                }
                _ => ErrorClass::ServerError,
            }
        };
        UpstreamError { class, message }
    }
}

impl fmt::Display for UpstreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for UpstreamError {}
