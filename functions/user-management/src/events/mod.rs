//! The events user-management emits. Ids and what consumers filter on: no address, telephone number
//! or preference.

mod data;

pub use data::*;

use millwright_event::{Event, EventType};
use millwright_http::access_denied_event;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

const USER: &str = "usr_01jdz7xk2nf5h9vq3w8c6m4t0b";
const ORGANIZATION: &str = "org_01jdz7xk2nf5h9vq3w8c6m4t0b";
const TEAM: &str = "team_01jdz7xk2nf5h9vq3w8c6m4t0b";
const ROLE: &str = "role_01jdz7xk2nf5h9vq3w8c6m4t0b";

/// An event whose data is `$data`, with an example of it; of a person, or in an organization.
macro_rules! events {
    ($($(#[$doc:meta])* $name:ident($data:ty) = $kind:literal $of:ident $subject:ident, $example:expr;)+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
            #[serde(transparent)]
            pub struct $name(pub $data);

            impl Event for $name {
                const TYPE: &'static str = $kind;
                const SERVICE: &'static str = "user-management";
                const IN_ORGANIZATION: bool = events!(@ $of);

                fn subject(&self) -> String {
                    self.0.$subject.to_string()
                }

                fn example() -> Self {
                    let example: Value = $example;
                    // A test reads every example: one that does not fit never leaves the tree.
                    match serde_json::from_value(example) {
                        Ok(example) => example,
                        Err(error) => unreachable!("{}: {error}", $kind),
                    }
                }
            }
        )+

        /// Every event user-management emits.
        pub const EVENTS: &[EventType] = &[
            $(EventType::of::<$name>(),)+
            access_denied_event("users.access.denied", "user-management"),
            access_denied_event("organizations.access.denied", "user-management"),
            access_denied_event("roles.access.denied", "user-management"),
            access_denied_event("teams.access.denied", "user-management"),
        ];
    };
    (@ person) => { false };
    (@ organization) => { true };
}

fn user_example() -> Value {
    json!({ "userId": USER, "version": 2, "changed": ["displayName"] })
}

fn membership_example() -> Value {
    json!({ "userId": USER, "by": USER, "reason": null })
}

fn invitation_example() -> Value {
    json!({
        "invitationId": "inv_01jdz7xk2nf5h9vq3w8c6m4t0b", "invitationType": "email",
        "emailDomain": "example.com", "roleId": ROLE, "userId": null,
    })
}

fn organization_example() -> Value {
    json!({
        "organizationId": ORGANIZATION, "version": 2, "changed": ["slug"],
        "before": { "slug": "engines" }, "after": { "slug": "analytical-engines" },
    })
}

fn access_example() -> Value {
    json!({ "organizationId": ORGANIZATION, "by": USER, "reason": null, "deletesAt": null })
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

events! {
    /// Somebody signed in for the first time.
    UserCreated(UserData) = "users.user.created" person user_id, user_example();
    /// A user changed.
    UserUpdated(UserData) = "users.user.updated" person user_id, user_example();
    /// Somebody became a member.
    MembershipCreated(MembershipStarted) = "users.membership.created" organization user_id, json!({
        "userId": USER, "roleId": ROLE, "systemKey": "owner", "invitationId": null, "teamIds": [],
    });
    /// A member got another role.
    MembershipRoleChanged(RoleChange) = "users.membership.role_changed" organization user_id, json!({
        "userId": USER, "before": { "roleId": ROLE, "systemKey": null },
        "after": { "roleId": ROLE, "systemKey": "admin" },
    });
    /// A member may not act any more.
    MembershipSuspended(MembershipAct) = "users.membership.suspended" organization user_id, membership_example();
    /// A suspended member may act again.
    MembershipReactivated(MembershipAct) = "users.membership.reactivated" organization user_id, membership_example();
    /// A member must sign in again.
    MembershipSignedOut(MembershipAct) = "users.membership.signed_out" organization user_id, membership_example();
    /// A membership ended.
    MembershipRemoved(MembershipEnded) = "users.membership.removed" organization user_id, json!({
        "userId": USER, "by": USER, "endReason": "left", "teamIds": [],
    });
    /// Somebody was invited.
    InvitationCreated(InvitationData) = "users.invitation.created" organization invitation_id, invitation_example();
    /// An invitation was sent again.
    InvitationResent(InvitationData) = "users.invitation.resent" organization invitation_id, invitation_example();
    /// Somebody joined by an invitation.
    InvitationAccepted(InvitationData) = "users.invitation.accepted" organization invitation_id, invitation_example();
    /// Somebody declined an invitation.
    InvitationDeclined(InvitationData) = "users.invitation.declined" organization invitation_id, invitation_example();
    /// An invitation is good no more.
    InvitationCancelled(InvitationData) = "users.invitation.cancelled" organization invitation_id, invitation_example();
    /// An organization was founded.
    OrganizationCreated(OrganizationData) = "organizations.organization.created" organization organization_id, organization_example();
    /// An organization changed.
    OrganizationUpdated(OrganizationData) = "organizations.organization.updated" organization organization_id, organization_example();
    /// Every member must sign in again.
    OrganizationSignedOut(OrganizationAct) = "organizations.organization.signed_out" organization organization_id, access_example();
    /// An operator suspended an organization.
    OrganizationSuspended(OrganizationAct) = "organizations.organization.suspended" organization organization_id, access_example();
    /// An organization is suspended no more.
    OrganizationUnsuspended(OrganizationAct) = "organizations.organization.unsuspended" organization organization_id, access_example();
    /// An organization has another owner.
    OwnershipTransferred(OwnershipData) = "organizations.ownership.transferred" organization organization_id, json!({
        "organizationId": ORGANIZATION, "fromUserId": USER, "toUserId": USER, "keptRoleId": ROLE,
    });
    /// The settings of an organization changed.
    SettingsUpdated(SettingsData) = "organizations.settings.updated" organization organization_id, json!({
        "organizationId": ORGANIZATION, "version": 2, "changed": ["timezone"],
    });
    /// The security settings of an organization changed.
    SecurityUpdated(SecurityData) = "organizations.security.updated" organization organization_id, json!({
        "organizationId": ORGANIZATION, "version": 2, "changed": ["linkInvitationsAllowed"],
        "before": { "linkInvitationsAllowed": false }, "after": { "linkInvitationsAllowed": true },
    });
    /// A role was created.
    RoleCreated(RoleData) = "roles.role.created" organization role_id, role_example();
    /// A role changed.
    RoleUpdated(RoleData) = "roles.role.updated" organization role_id, role_example();
    /// A role can be given no more.
    RoleArchived(RoleData) = "roles.role.archived" organization role_id, role_example();
    /// A role can be given again.
    RoleUnarchived(RoleData) = "roles.role.unarchived" organization role_id, role_example();
    /// A role was deleted.
    RoleDeleted(RoleData) = "roles.role.deleted" organization role_id, role_example();
    /// A team was created.
    TeamCreated(TeamData) = "teams.team.created" organization team_id, team_example();
    /// A team changed.
    TeamUpdated(TeamData) = "teams.team.updated" organization team_id, team_example();
    /// A team stands elsewhere, with what is below it.
    TeamMoved(TeamData) = "teams.team.moved" organization team_id, team_example();
    /// A team was deleted.
    TeamDeleted(TeamData) = "teams.team.deleted" organization team_id, team_example();
    /// A member of the organization is in a team.
    TeamMemberAdded(TeamMemberData) = "teams.member.added" organization team_id, team_member_example();
    /// A member of a team became lead, or is it no more.
    TeamMemberRoleChanged(TeamMemberData) = "teams.member.role_changed" organization team_id, team_member_example();
    /// A member is in a team no more. Who leaves the organization is told by that.
    TeamMemberRemoved(TeamMemberData) = "teams.member.removed" organization team_id, team_member_example();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_fits() {
        for event in EVENTS {
            let (_, subject) = (event.example)();
            assert!(!subject.is_empty(), "{}", event.name);
        }
    }
}
