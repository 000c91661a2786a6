//! Why somebody may do something, or may not.

use millwright_access::facts::{
    MembershipFacts, MembershipStatus, OrganizationFacts, OrganizationStatus, RoleFacts, UserFacts,
    UserStatus,
};
use millwright_core::wire_enum;
use millwright_identity::{Grants, Permission, Reason};
use serde::Serialize;
use utoipa::ToSchema;

wire_enum! {
    /// Whether a step lets one pass.
    pub enum Outcome {
        Pass = "pass",
        Fail = "fail",
    }
}

/// One thing that had to hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// `user_status`, `organization_status`, `membership_status`, `role`, `pattern`, `key_scopes`.
    pub name: String,
    pub outcome: Outcome,
    /// What was found.
    pub detail: String,
}

/// Why somebody may do something, or may not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    pub allow: bool,
    /// The first step that failed, else `granted`.
    pub reason: String,
    pub steps: Vec<Step>,
    /// Always `not_evaluated`: grants on single things are their services'.
    pub resource_grants: String,
}

/// What the facts say of a user in an organization.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    pub user: Option<UserFacts>,
    pub organization: Option<OrganizationFacts>,
    pub membership: Option<MembershipFacts>,
    /// Of a custom role.
    pub role: Option<RoleFacts>,
}

impl Standing {
    /// What the role grants, whether or not it counts.
    pub fn role_grants(&self) -> Grants {
        match (&self.membership, &self.role) {
            (Some(MembershipFacts { system_role: Some(role), .. }), _) => Grants::Role(*role),
            (Some(_), Some(role)) => role.grants(),
            _ => Grants::Nothing,
        }
    }

    /// What counts: nothing unless user, organization and membership are active.
    pub fn grants(&self) -> Grants {
        match self.is_active() {
            true => self.role_grants(),
            false => Grants::Nothing,
        }
    }

    fn is_active(&self) -> bool {
        self.user.as_ref().is_some_and(|it| it.status == UserStatus::Active)
            && self.organization.as_ref().is_some_and(|it| it.status == OrganizationStatus::Active)
            && self.membership.as_ref().is_some_and(|it| it.status == MembershipStatus::Active)
    }

    /// Step by step; `scopes` are those of the caller's own key.
    pub fn explain(&self, permission: &Permission, scopes: Option<&Grants>) -> Explanation {
        let step = |name: &str, passes: bool, detail: String| Step {
            name: name.to_owned(),
            outcome: if passes { Outcome::Pass } else { Outcome::Fail },
            detail,
        };
        let missing = || "none".to_owned();
        let user = self.user.as_ref().map(|it| it.status);
        let organization = self.organization.as_ref().map(|it| it.status);
        let membership = self.membership.as_ref().map(|it| it.status);
        let has_role = self.role_grants() != Grants::Nothing;
        let role = self.membership.as_ref().map(|it| match it.system_role {
            Some(system) => system.to_string(),
            None => it.role_id.to_string(),
        });
        let reason = self.role_grants().reason(permission);
        let pattern = match &reason {
            Some(Reason::Pattern(pattern)) => pattern.clone(),
            Some(_) => permission.code.to_owned(),
            None => missing(),
        };
        let mut steps = vec![
            step(
                "user_status",
                user == Some(UserStatus::Active),
                user.map_or_else(missing, |it| it.to_string()),
            ),
            step(
                "organization_status",
                organization == Some(OrganizationStatus::Active),
                organization.map_or_else(missing, |it| it.to_string()),
            ),
            step(
                "membership_status",
                membership == Some(MembershipStatus::Active),
                membership.map_or_else(missing, |it| it.to_string()),
            ),
            step("role", has_role, role.unwrap_or_else(missing)),
            step("pattern", reason.is_some(), pattern),
        ];
        if let Some(scopes) = scopes {
            let granted = scopes.reason(permission);
            let detail = if granted.is_some() { "in scope" } else { "out of scope" };
            steps.push(step("key_scopes", granted.is_some(), detail.to_owned()));
        }
        let failed = steps.iter().find(|step| step.outcome == Outcome::Fail);
        let reason = failed.map_or_else(|| "granted".to_owned(), |step| step.name.clone());
        Explanation {
            allow: failed.is_none(),
            reason,
            steps,
            resource_grants: "not_evaluated".to_owned(),
        }
    }
}
