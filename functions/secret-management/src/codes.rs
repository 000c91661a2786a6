//! The problem codes of secret-management, beside the shared ones.

millwright_core::codes! {
    INVALID_REFERENCE = Invalid "invalid_reference" "The reference is not valid";
    INVALID_VALUE_SHAPE = Invalid "invalid_value_shape" "The value has not the shape of its type";
    POLICY_TOO_WEAK = Invalid "policy_too_weak" "The policy makes values that can be guessed";
    REVEAL_REASON_REQUIRED = Invalid "reveal_reason_required" "A reason is required";
    CAS_REQUIRED = Invalid "cas_required" "The expected current version is required";
    IMPORT_INVALID = Invalid "import_invalid" "The import has faults";
    RIGHT_MISSING = Forbidden "right_missing" "A right on the secret is missing";
    CANNOT_GRANT_MORE_THAN_HELD = Forbidden "cannot_grant_more_than_held" "Nobody can grant what they do not hold";
    GRANT_EXISTS = Conflict "grant_exists" "The grantee has a grant already";
    SECRET_IN_USE = Conflict "secret_in_use" "The secret is in use";
    SECRET_DISABLED = Conflict "secret_disabled" "The secret is disabled";
    SECRET_DELETED = Conflict "secret_deleted" "The secret is deleted";
    SECRET_EXPIRED = Conflict "secret_expired" "The secret has expired";
    VERSION_NOT_ENABLED = Conflict "version_not_enabled" "The version is not enabled";
    VERSION_DESTROYED = Conflict "version_destroyed" "The value of the version is gone";
    VERSION_IS_CURRENT = Conflict "version_is_current" "The version is the current one";
    PENDING_EXISTS = Conflict "pending_exists" "There is a pending version already";
    ROTATION_OPEN = Conflict "rotation_open" "A rotation waits for its confirmation";
    ROTATION_NOT_OPEN = Conflict "rotation_not_open" "The rotation is finished";
    ROTATION_NOT_POSSIBLE = Conflict "rotation_not_possible" "The secret cannot be rotated so";
    RESTORE_WINDOW_OVER = Conflict "restore_window_over" "It was deleted too long ago";
    SCOPE_GONE = Conflict "scope_gone" "What the secret belongs to is gone";
    BACKEND_NOT_ALLOWED = Conflict "backend_not_allowed" "The backend is not allowed";
    UNRESOLVED_REFERENCES = Conflict "unresolved_references" "Not every reference has a value";
    EXPORT_TOO_LARGE = Conflict "export_too_large" "The export is too large";
    EXPORT_NAME_COLLISION = Conflict "export_name_collision" "Two secrets would have the same name";
    SYSTEM_POLICY = Conflict "system_policy" "System policies cannot be changed";
    VALUE_VERSION_MISMATCH = VersionStale "value_version_mismatch" "Another version is current";
    TOO_MANY_VERSIONS = Conflict "too_many_versions" "The backend cannot keep so many versions";
    BACKEND_WRITE_LIMITED = RateLimited "backend_write_limited" "Values of this secret are written too often";
    REVEAL_RATE_LIMITED = RateLimited "reveal_rate_limited" "Too many values within a minute";
    VALUE_UNREADABLE = Internal "value_unreadable" "The value cannot be opened";
    AUDIT_UNAVAILABLE = Unavailable "audit_unavailable" "The access cannot be recorded at the moment";
    DIRECTORY_UNAVAILABLE = Unavailable "directory_unavailable" "Memberships cannot be read at the moment";
    BACKEND_UNAVAILABLE = Unavailable "backend_unavailable" "The secret store does not answer at the moment";
    KEY_SERVICE_UNAVAILABLE = Unavailable "key_service_unavailable" "Keys cannot be read at the moment";
}
