//! What clients see: the two surfaces, and their errors.

use serde_json::Value;

use crate::{anthropic, common::Dialect, openai};

/// A surface for clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Surface {
    OpenAi,
    Anthropic,
}

impl Surface {
    /// What its clients speak.
    #[must_use]
    pub const fn dialect(self) -> Dialect {
        match self {
            Surface::OpenAi => Dialect::OpenAi,
            Surface::Anthropic => Dialect::Anthropic,
        }
    }
}

/// What an answer says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// The name of the completion.
    pub id: String,
    pub model: String,
    /// Seconds since 1970.
    pub created: i64,
    /// OpenAI: the client asked for the usage at the end of its stream.
    pub include_usage: bool,
    /// Anthropic: the estimate that a stream begins with, where the upstream counts at the end.
    pub input_tokens: u64,
}

/// An error of a surface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SurfaceError {
    pub code: Code,
    pub message: String,
    pub param: Option<String>,
}

impl SurfaceError {
    /// Without a field.
    pub fn new(code: Code, message: impl Into<String>) -> SurfaceError {
        SurfaceError { code, message: message.into(), param: None }
    }

    /// The body in the surface's own shape.
    #[must_use]
    pub fn body(&self, surface: Surface) -> Value {
        let kind = self.code.kind(surface);
        match surface {
            Surface::OpenAi => {
                let param = self.param.as_deref();
                openai::error_body(kind, self.code.as_str(), &self.message, param)
            }
            Surface::Anthropic => {
                // No field for these; people read them.
                let message = match &self.param {
                    Some(param) if !self.message.starts_with(param.as_str()) => {
                        format!("{param}: {}", self.message)
                    }
                    _ => self.message.clone(),
                };
                anthropic::error_body(kind, &message)
            }
        }
    }
}

impl From<crate::Fault> for SurfaceError {
    fn from(fault: crate::Fault) -> SurfaceError {
        SurfaceError {
            code: Code::InvalidRequest,
            message: fault.to_string(),
            param: Some(fault.param),
        }
    }
}

impl From<crate::Unfit> for SurfaceError {
    fn from(unfit: crate::Unfit) -> SurfaceError {
        let code = match &unfit {
            crate::Unfit::CapabilityMissing { .. } => Code::CapabilityMissing,
            crate::Unfit::ImageUrlUnsupported { .. } => Code::ImageUrlUnsupported,
        };
        SurfaceError { code, message: unfit.to_string(), param: Some(unfit.param().to_owned()) }
    }
}

macro_rules! codes {
    ($($(#[$meta:meta])* $variant:ident = $word:literal, $status:literal, $openai:literal,
        $anthropic:literal;)+) => {
        /// The codes of the compatible surfaces.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$meta])* $variant),+
        }

        impl Code {
            /// All of them.
            pub const ALL: &'static [Code] = &[$(Code::$variant),+];

            /// The word, in OpenAI's `code`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $word),+ }
            }

            /// The `type` of the error.
            #[must_use]
            pub const fn kind(self, surface: Surface) -> &'static str {
                match (self, surface) {
                    $((Code::$variant, Surface::OpenAi) => $openai,
                      (Code::$variant, Surface::Anthropic) => $anthropic,)+
                }
            }

            /// The HTTP status.
            #[must_use]
            pub const fn status(self, surface: Surface) -> u16 {
                let status: u16 = match self { $(Code::$variant => $status),+ };
                // Anthropic's own for what is overloaded.
                if status == 503 && matches!(surface, Surface::Anthropic) { 529 } else { status }
            }
        }
    };
}

codes! {
    InvalidRequest = "invalid_request", 400, "invalid_request_error", "invalid_request_error";
    ContextLengthExceeded = "context_length_exceeded", 400, "invalid_request_error", "invalid_request_error";
    CapabilityMissing = "capability_missing", 400, "invalid_request_error", "invalid_request_error";
    ImageUrlUnsupported = "image_url_unsupported", 400, "invalid_request_error", "invalid_request_error";
    ModelPriceUnknown = "model_price_unknown", 400, "invalid_request_error", "invalid_request_error";
    InvalidApiKey = "invalid_api_key", 401, "authentication_error", "authentication_error";
    Forbidden = "forbidden", 403, "permission_error", "permission_error";
    AiDisabled = "ai_disabled", 403, "permission_error", "permission_error";
    ModelNotFound = "model_not_found", 404, "invalid_request_error", "not_found_error";
    UnsupportedEndpoint = "unsupported_endpoint", 404, "invalid_request_error", "not_found_error";
    TooLarge = "too_large", 413, "invalid_request_error", "request_too_large";
    WrongHost = "wrong_host", 421, "invalid_request_error", "invalid_request_error";
    SchemaMismatch = "schema_mismatch", 422, "invalid_request_error", "invalid_request_error";
    RateLimitExceeded = "rate_limit_exceeded", 429, "rate_limit_error", "rate_limit_error";
    QuotaExceeded = "quota_exceeded", 429, "insufficient_quota", "rate_limit_error";
    BudgetExceeded = "budget_exceeded", 429, "insufficient_quota", "rate_limit_error";
    RequestCostExceeded = "request_cost_exceeded", 429, "insufficient_quota", "rate_limit_error";
    Internal = "internal", 500, "server_error", "api_error";
    ProviderError = "provider_error", 502, "server_error", "api_error";
    ProviderAuthFailed = "provider_auth_failed", 502, "server_error", "api_error";
    QuotaUnavailable = "quota_unavailable", 503, "server_error", "overloaded_error";
    ProviderUnavailable = "provider_unavailable", 503, "server_error", "overloaded_error";
    ProviderTimeout = "provider_timeout", 504, "server_error", "api_error";
}
