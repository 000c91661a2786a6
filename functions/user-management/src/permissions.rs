//! The permissions of user-management. Each comment completes "allows to …"; the roles in brackets
//! hold it.

millwright_identity::permissions! {
    /// Read members and their cards
    UserRead = "users.user.read" [Owner Admin Member Viewer];
    /// Provision users who sign in
    UserProvision = "users.user.provision" (services "auth");
    /// Give members other roles
    MembershipUpdate = "users.membership.update" [Owner Admin];
    /// Suspend, reactivate and sign out members
    MembershipSuspend = "users.membership.suspend" [Owner Admin];
    /// Remove members
    MembershipRemove = "users.membership.remove" [Owner Admin];
    /// Read invitations
    InvitationRead = "users.invitation.read" [Owner Admin];
    /// Invite people, and send invitations again
    InvitationCreate = "users.invitation.create" [Owner Admin];
    /// Cancel invitations
    InvitationDelete = "users.invitation.delete" [Owner Admin];
    /// Read the organization
    OrganizationRead = "organizations.organization.read" [Owner Admin Member Viewer];
    /// Change name, slug, description and logo of the organization
    OrganizationUpdate = "organizations.organization.update" [Owner Admin];
    /// Delete the organization
    OrganizationDelete = "organizations.organization.delete" [Owner];
    /// Hand the organization over to another owner
    OrganizationTransfer = "organizations.organization.transfer" [Owner];
    /// Export the data of the organization
    OrganizationExport = "organizations.organization.export" [Owner];
    /// Read the settings of the organization
    SettingsRead = "organizations.settings.read" [Owner Admin Member Viewer];
    /// Change the settings of the organization
    SettingsUpdate = "organizations.settings.update" [Owner Admin];
    /// Read the security settings of the organization
    SecurityRead = "organizations.security.read" [Owner Admin];
    /// Change the security settings of the organization
    SecurityUpdate = "organizations.security.update" [Owner];
    /// Read roles and what they grant
    RoleRead = "roles.role.read" [Owner Admin Member Viewer];
    /// Create roles
    RoleCreate = "roles.role.create" [Owner Admin];
    /// Change, archive and unarchive roles
    RoleUpdate = "roles.role.update" [Owner Admin];
    /// Delete roles
    RoleDelete = "roles.role.delete" [Owner Admin];
    /// Read teams and their members
    TeamRead = "teams.team.read" [Owner Admin Member Viewer];
    /// Create teams
    TeamCreate = "teams.team.create" [Owner Admin];
    /// Change and move teams
    TeamUpdate = "teams.team.update" [Owner Admin];
    /// Delete teams
    TeamDelete = "teams.team.delete" [Owner Admin];
    /// Change the members of teams
    TeamMemberUpdate = "teams.member.update" [Owner Admin];
}
