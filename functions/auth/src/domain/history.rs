//! The sign-in history.

use std::time::Duration;

use millwright_core::{SessionId, Timestamp, UserId, wire_enum};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Purpose;

millwright_core::id! {
    /// A record of the sign-in history.
    LoginRecordId = LoginRecordNoun("lgn");
}

wire_enum! {
    /// How it ended.
    pub enum LoginOutcome {
        Succeeded = "succeeded",
        Refused = "refused",
    }
}

wire_enum! {
    /// Why a sign-in was refused: the `error` of the redirect.
    pub enum Reason {
        LoginExpired = "login_expired",
        BindingMismatch = "login_binding_mismatch",
        AccessDenied = "access_denied",
        ProviderError = "provider_error",
        ProviderTimeout = "provider_timeout",
        IdTokenInvalid = "id_token_invalid",
        NonceMismatch = "nonce_mismatch",
        EmailMissing = "email_missing",
        EmailNotVerified = "email_not_verified",
        DomainNotAllowed = "domain_not_allowed",
        EmailInUse = "email_in_use",
        IdentityInUse = "identity_in_use",
        IdentityLimitReached = "identity_limit_reached",
        DifferentUser = "different_user",
        SignUpClosed = "sign_up_closed",
        AccountDeactivated = "account_deactivated",
        AccountDisabled = "account_disabled",
        RateLimited = "rate_limited",
        SessionExpired = "session_expired",
        TemporarilyUnavailable = "temporarily_unavailable",
    }
}

/// One sign-in, or the attempt of one. Kept 90 days.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoginRecord {
    pub id: LoginRecordId,
    pub user_id: UserId,
    pub occurred_at: Timestamp,
    pub outcome: LoginOutcome,
    pub purpose: Purpose,
    /// Null when it succeeded.
    pub reason: Option<Reason>,
    pub provider: String,
    pub client_id: String,
    pub session_id: Option<SessionId>,
    pub ip_address: String,
    pub user_agent: String,
}

impl LoginRecord {
    pub const RETENTION: Duration = Duration::from_secs(90 * 24 * 3600);
}
