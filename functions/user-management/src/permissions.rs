//! The permissions of user-management. Each comment completes "allows to …"; the roles in brackets hold it.

millwright_identity::permissions! {
    /// Read organizations
    OrganizationRead = "organizations.organization.read" [Owner Admin Member Viewer];
    /// Create organizations
    OrganizationCreate = "organizations.organization.create" [Owner Admin Member];
    /// Change organizations
    OrganizationUpdate = "organizations.organization.update" [Owner Admin Member];
    /// Delete organizations
    OrganizationDelete = "organizations.organization.delete" [Owner Admin];
}
