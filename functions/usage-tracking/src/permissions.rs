//! The permissions of usage-tracking. Each comment completes "allows to …"; the roles in brackets hold it.

millwright_identity::permissions! {
    /// Read quotas
    QuotaRead = "usage.quota.read" [Owner Admin Member Viewer];
    /// Create quotas
    QuotaCreate = "usage.quota.create" [Owner Admin Member];
    /// Change quotas
    QuotaUpdate = "usage.quota.update" [Owner Admin Member];
    /// Delete quotas
    QuotaDelete = "usage.quota.delete" [Owner Admin];
}
