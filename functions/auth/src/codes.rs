//! The problem codes of auth, beside the shared ones.

millwright_core::codes! {
    INVALID_RETURN_TO = Invalid "invalid_return_to" "The place to return to is not ours";
    UNKNOWN_PROVIDER = Invalid "unknown_provider" "No such identity provider";
    UNKNOWN_CLIENT = Invalid "unknown_client" "No such client";
    INVALID_REDIRECT_URI = Invalid "invalid_redirect_uri" "The redirect is not one of the client's";
    REFRESH_INVALID = Unauthenticated "refresh_invalid" "No session is behind the refresh token";
    REFRESH_REUSED = Unauthenticated "refresh_reused" "The refresh token was used before";
    SESSION_EXPIRED = Unauthenticated "session_expired" "The session has expired";
    ORIGIN_NOT_ALLOWED = Forbidden "origin_not_allowed" "The page is not one of ours";
    MEMBERSHIP_NOT_ACTIVE = Forbidden "membership_not_active" "No active membership in the organization";
    SCOPE_NOT_HELD = Forbidden "scope_not_held" "A scope goes beyond your own permissions";
    API_KEYS_DISABLED = Forbidden "api_keys_disabled" "The organization forbids personal API keys";
    KEY_LIMIT_REACHED = Conflict "key_limit_reached" "There are as many keys as may be";
    LAST_IDENTITY = Conflict "last_identity" "The last identity cannot be unlinked";
}
