//! The events user-management emits. Ids and what consumers filter on: no address, telephone number
//! or preference.

mod data;

pub use data::*;

use millwright_http::access_denied_event;
use serde_json::{Value, json};

const USER: &str = "usr_01jdz7xk2nf5h9vq3w8c6m4t0b";
const ORGANIZATION: &str = "org_01jdz7xk2nf5h9vq3w8c6m4t0b";
const TEAM: &str = "team_01jdz7xk2nf5h9vq3w8c6m4t0b";
const ROLE: &str = "role_01jdz7xk2nf5h9vq3w8c6m4t0b";

fn user_example() -> Value {
    json!({ "userId": USER, "version": 2, "changed": ["displayName"] })
}

fn account_example() -> Value {
    json!({
        "userId": USER, "version": 2, "by": USER, "byOperator": false,
        "organizationIds": [ORGANIZATION], "deletesAt": null,
    })
}

fn membership_example() -> Value {
    json!({ "userId": USER, "by": USER, "reason": null })
}

fn invitation_example() -> Value {
    json!({
        "invitationId": "inv_01jdz7xk2nf5h9vq3w8c6m4t0b", "invitationType": "email",
        "emailDomain": "example.com", "roleId": ROLE, "userId": null,
        "batchId": null,
    })
}

fn organization_example() -> Value {
    json!({
        "organizationId": ORGANIZATION, "version": 2, "changed": ["slug"],
        "before": { "slug": "engines" }, "after": { "slug": "analytical-engines" },
    })
}

fn access_example() -> Value {
    json!({
        "organizationId": ORGANIZATION, "by": USER, "byOperator": false, "reason": null,
        "deletesAt": null,
    })
}

fn export_example() -> Value {
    json!({ "exportId": "dex_01jdz7xk2nf5h9vq3w8c6m4t0b", "userId": USER })
}

fn team_example() -> Value {
    json!({
        "teamId": TEAM, "version": 2, "name": "Engines", "parentTeamIdBefore": null,
        "parentTeamId": TEAM, "ancestorTeamIds": [TEAM],
    })
}

fn team_member_example() -> Value {
    json!({ "teamId": TEAM, "userId": USER, "role": "lead", "ancestorTeamIds": [] })
}

fn role_example() -> Value {
    json!({
        "roleId": ROLE, "version": 2, "name": "Auditor", "addedPermissions": ["planning.*"],
        "removedPermissions": [],
    })
}

millwright_event::events! {
    service: "user-management";
    further: [
        access_denied_event("users.access.denied", "user-management"),
        access_denied_event("organizations.access.denied", "user-management"),
        access_denied_event("roles.access.denied", "user-management"),
        access_denied_event("teams.access.denied", "user-management"),
    ];

    /// Somebody signed in for the first time.
    UserCreated(UserData) = "users.user.created", of person, about user_id, user_example();
    /// A user changed.
    UserUpdated(UserData) = "users.user.updated", of person, about user_id, user_example();
    /// An account is not in use any more: nobody signs in with it.
    UserDeactivated(AccountData) = "users.user.deactivated", of person, about user_id, account_example();
    /// An account is in use again.
    UserReactivated(AccountData) = "users.user.reactivated", of person, about user_id, account_example();
    /// An account will be deleted, unless it is taken up again.
    UserDeletionScheduled(AccountData) = "users.user.deletion_scheduled", of person, about user_id, account_example();
    /// A user is gone for good, and whatever tells of the person is erased.
    UserDeleted(AccountData) = "users.user.deleted", of person, about user_id, account_example();
    /// Somebody's own data can be downloaded.
    UserExportCompleted(DataExportData) = "users.export.completed", of person, about export_id, export_example();
    /// Somebody became a member.
    MembershipCreated(MembershipStarted) = "users.membership.created", about user_id, json!({
        "userId": USER, "roleId": ROLE, "systemKey": "owner", "invitationId": null, "teamIds": [],
    });
    /// A member got another role.
    MembershipRoleChanged(RoleChange) = "users.membership.role_changed", about user_id, json!({
        "userId": USER, "before": { "roleId": ROLE, "systemKey": null },
        "after": { "roleId": ROLE, "systemKey": "admin" },
    });
    /// A member may not act any more.
    MembershipSuspended(MembershipAct) = "users.membership.suspended", about user_id, membership_example();
    /// A suspended member may act again.
    MembershipReactivated(MembershipAct) = "users.membership.reactivated", about user_id, membership_example();
    /// A member must sign in again.
    MembershipSignedOut(MembershipAct) = "users.membership.signed_out", about user_id, membership_example();
    /// A membership ended.
    MembershipRemoved(MembershipEnded) = "users.membership.removed", about user_id, json!({
        "userId": USER, "by": USER, "endReason": "left", "teamIds": [],
    });
    /// Somebody was invited.
    InvitationCreated(InvitationData) = "users.invitation.created", about invitation_id, invitation_example();
    /// An invitation was sent again.
    InvitationResent(InvitationData) = "users.invitation.resent", about invitation_id, invitation_example();
    /// Somebody joined by an invitation.
    InvitationAccepted(InvitationData) = "users.invitation.accepted", about invitation_id, invitation_example();
    /// An invitation was not taken in time.
    InvitationExpired(InvitationData) = "users.invitation.expired", about invitation_id, invitation_example();
    /// Somebody declined an invitation.
    InvitationDeclined(InvitationData) = "users.invitation.declined", about invitation_id, invitation_example();
    /// An invitation is good no more.
    InvitationCancelled(InvitationData) = "users.invitation.cancelled", about invitation_id, invitation_example();
    /// A batch of invitations has done what it could.
    InvitationBatchCompleted(InvitationBatchData) = "users.invitation_batch.completed", about batch_id, json!({
        "batchId": "ivb_01jdz7xk2nf5h9vq3w8c6m4t0b", "created": 8, "skipped": 1, "failed": 1,
    });
    /// An organization was founded.
    OrganizationCreated(OrganizationData) = "organizations.organization.created", about organization_id, organization_example();
    /// An organization changed.
    OrganizationUpdated(OrganizationData) = "organizations.organization.updated", about organization_id, organization_example();
    /// Every member must sign in again.
    OrganizationSignedOut(OrganizationAct) = "organizations.organization.signed_out", about organization_id, access_example();
    /// An operator suspended an organization.
    OrganizationSuspended(OrganizationAct) = "organizations.organization.suspended", about organization_id, access_example();
    /// An organization is suspended no more.
    OrganizationUnsuspended(OrganizationAct) = "organizations.organization.unsuspended", about organization_id, access_example();
    /// An organization will be deleted, unless an owner restores it.
    OrganizationDeletionScheduled(OrganizationAct) = "organizations.organization.deletion_scheduled", about organization_id, access_example();
    /// An organization goes on.
    OrganizationRestored(OrganizationAct) = "organizations.organization.restored", about organization_id, access_example();
    /// An organization is gone for good: every service erases its part.
    OrganizationDeleted(OrganizationGone) = "organizations.organization.deleted", about organization_id, json!({
        "organizationId": ORGANIZATION,
    });
    /// The data of an organization can be downloaded.
    OrganizationExportCompleted(DataExportData) = "organizations.export.completed", about export_id, export_example();
    /// An organization has another owner.
    OwnershipTransferred(OwnershipData) = "organizations.ownership.transferred", about organization_id, json!({
        "organizationId": ORGANIZATION, "fromUserId": USER, "toUserId": USER, "keptRoleId": ROLE,
    });
    /// The settings of an organization changed.
    SettingsUpdated(SettingsData) = "organizations.settings.updated", about organization_id, json!({
        "organizationId": ORGANIZATION, "version": 2, "changed": ["timezone"],
    });
    /// The security settings of an organization changed.
    SecurityUpdated(SecurityData) = "organizations.security.updated", about organization_id, json!({
        "organizationId": ORGANIZATION, "version": 2, "changed": ["linkInvitationsAllowed"],
        "before": { "linkInvitationsAllowed": false }, "after": { "linkInvitationsAllowed": true },
    });
    /// A role was created.
    RoleCreated(RoleData) = "roles.role.created", about role_id, role_example();
    /// A role changed.
    RoleUpdated(RoleData) = "roles.role.updated", about role_id, role_example();
    /// A role can be given no more.
    RoleArchived(RoleData) = "roles.role.archived", about role_id, role_example();
    /// A role can be given again.
    RoleUnarchived(RoleData) = "roles.role.unarchived", about role_id, role_example();
    /// A role was deleted.
    RoleDeleted(RoleData) = "roles.role.deleted", about role_id, role_example();
    /// A team was created.
    TeamCreated(TeamData) = "teams.team.created", about team_id, team_example();
    /// A team changed.
    TeamUpdated(TeamData) = "teams.team.updated", about team_id, team_example();
    /// A team stands elsewhere, with what is below it.
    TeamMoved(TeamData) = "teams.team.moved", about team_id, team_example();
    /// A team was deleted.
    TeamDeleted(TeamData) = "teams.team.deleted", about team_id, team_example();
    /// A member of the organization is in a team.
    TeamMemberAdded(TeamMemberData) = "teams.member.added", about team_id, team_member_example();
    /// A member of a team became lead, or is it no more.
    TeamMemberRoleChanged(TeamMemberData) = "teams.member.role_changed", about team_id, team_member_example();
    /// A member is in a team no more. Who leaves the organization is told by that.
    TeamMemberRemoved(TeamMemberData) = "teams.member.removed", about team_id, team_member_example();
}
