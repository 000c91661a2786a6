//! The permissions of secret-management. Each comment completes "allows to …"; the roles in brackets
//! hold it. Most mean nothing without a right on the secret, and a grant stands for them.

millwright_identity::permissions! {
    /// See secrets, without their values
    SecretRead = "secrets.secret.read" [Owner Admin Member Viewer];
    /// Create secrets
    SecretCreate = "secrets.secret.create" [Owner Admin Member];
    /// Change secrets and their values
    SecretUpdate = "secrets.secret.update" [Owner Admin Member];
    /// Delete secrets and restore them
    SecretDelete = "secrets.secret.delete" [Owner Admin Member];
    /// Let services use secrets
    SecretUse = "secrets.secret.use" [Owner Admin Member];
    /// Read values
    SecretReveal = "secrets.secret.reveal" [Owner Admin Member];
    /// Read who may do what with a secret
    GrantRead = "secrets.grant.read" [Owner Admin Member];
    /// Grant rights on secrets
    GrantManage = "secrets.grant.manage" [Owner Admin Member];
    /// Purge deleted secrets
    SecretPurge = "secrets.secret.purge" [Owner];
    /// Import secrets
    SecretImport = "secrets.secret.import" [Owner Admin];
    /// Export secrets
    SecretExport = "secrets.secret.export" [Owner];
    /// Read generation policies
    PolicyRead = "secrets.policy.read" [Owner Admin Member Viewer];
    /// Manage generation policies
    PolicyManage = "secrets.policy.manage" [Owner Admin];
    /// Read the records of all accesses
    AccessRead = "secrets.access.read" [Owner Admin];
    /// Read the settings
    SettingsRead = "secrets.settings.read" [Owner Admin];
    /// Change the settings
    SettingsManage = "secrets.settings.manage" [Owner];
    /// Read how secrets stand
    PostureRead = "secrets.posture.read" [Owner Admin];
    /// See the data keys
    KeyRead = "secrets.key.read" [Owner Admin];
    /// Rotate data keys
    KeyManage = "secrets.key.manage" [Owner];
}
