//! The permissions of auth. Each comment completes "allows to …"; the roles in brackets hold it.

millwright_identity::permissions! {
    /// Create own API keys
    ApiKeyCreate = "auth.api_key.create" [Owner Admin Member Viewer];
    /// Read own API keys
    ApiKeyRead = "auth.api_key.read" [Owner Admin Member Viewer];
    /// Change own API keys
    ApiKeyUpdate = "auth.api_key.update" [Owner Admin Member Viewer];
    /// Revoke own API keys
    ApiKeyDelete = "auth.api_key.delete" [Owner Admin Member Viewer];
    /// Read API keys of all members
    MemberKeyRead = "auth.member_key.read" [Owner Admin];
    /// Revoke API keys of all members
    MemberKeyRevoke = "auth.member_key.revoke" [Owner Admin];
    /// Create service keys
    ServiceKeyCreate = "auth.service_key.create" [Owner Admin];
    /// Read service keys
    ServiceKeyRead = "auth.service_key.read" [Owner Admin];
    /// Change service keys
    ServiceKeyUpdate = "auth.service_key.update" [Owner Admin];
    /// Revoke service keys
    ServiceKeyDelete = "auth.service_key.delete" [Owner Admin];
    /// Export what is kept of a person
    UserDataExport = "auth.user_data.export" (services "user-management");
}
