//! The one pure function that decides.

use millwright_core::OrgId;

use crate::{Grantable, Grants, Pattern, Permission, Principal};

/// What the permission is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resource {
    /// The organization that owns it.
    pub organization: OrgId,
}

/// Why a decision came out as it did; for the log and for "explain".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The built-in role holds the permission.
    Role,
    /// The pattern of a custom role or key that grants it.
    Pattern(String),
    /// The credential carries no organization.
    NoOrganization,
    /// The thing belongs to another organization: answered as not found.
    OtherOrganization,
    /// The role or key does not grant it.
    NotGranted,
    /// No role can hold it.
    NotGrantable,
}

/// Allowed or not, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub allow: bool,
    pub reason: Reason,
}

impl Decision {
    fn allow(reason: Reason) -> Decision {
        Decision { allow: true, reason }
    }

    fn deny(reason: Reason) -> Decision {
        Decision { allow: false, reason }
    }
}

/// Decides whether `principal` may use `permission` on `resource`.
pub fn decide(principal: &Principal, permission: &Permission, resource: &Resource) -> Decision {
    let Some(tenant) = principal.tenant else {
        return Decision::deny(Reason::NoOrganization);
    };
    if tenant.organization() != Some(resource.organization) {
        return Decision::deny(Reason::OtherOrganization);
    }
    if permission.grantable != Grantable::Role {
        return Decision::deny(Reason::NotGrantable);
    }
    match principal.grants.reason(permission) {
        Some(reason) => Decision::allow(reason),
        None => Decision::deny(Reason::NotGranted),
    }
}

impl Grants {
    /// Why the permission is granted; none if it is not.
    pub fn reason(&self, permission: &Permission) -> Option<Reason> {
        let by_pattern = |patterns: &[Pattern]| {
            let pattern = patterns.iter().find(|pattern| pattern.reaches(permission))?;
            Some(Reason::Pattern(pattern.to_string()))
        };
        match self {
            Grants::Role(role) => permission.default_roles.contains(role).then_some(Reason::Role),
            Grants::Patterns(patterns) => by_pattern(patterns),
            Grants::Scoped { role, scopes } => {
                by_pattern(scopes).and_then(|_| role.reason(permission))
            }
            Grants::Nothing => None,
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "made-up tenants decide nothing but tests")]
mod tests {
    use millwright_core::{Tenant, Timestamp, Voucher};

    use super::*;
    use crate::{FactVersions, SystemRole};

    const DELETE: Permission = Permission {
        code: "planning.task.delete",
        summary: "Delete tasks",
        grantable: Grantable::Role,
        default_roles: &[SystemRole::Owner, SystemRole::Admin],
    };

    fn organization(n: u128) -> OrgId {
        OrgId::from_uuid(uuid::Uuid::from_u128(n))
    }

    fn principal(grants: Grants) -> Principal {
        Principal {
            subject: "usr_1".into(),
            tenant: Some(Tenant::vouched(organization(1), Voucher::Test)),
            role: None,
            grants,
            client_id: "cli".into(),
            session_id: None,
            key_id: None,
            is_operator: false,
            fact_versions: FactVersions::default(),
            signed_in_at: None,
            token_id: "1".into(),
            expires_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn roles_hold_what_the_permission_lists() {
        let mine = Resource { organization: organization(1) };
        for role in SystemRole::ALL {
            let decision = decide(&principal(Grants::Role(*role)), &DELETE, &mine);
            assert_eq!(decision.allow, matches!(role, SystemRole::Owner | SystemRole::Admin));
        }
    }

    #[test]
    fn another_organizations_thing_is_denied_whatever_the_role() {
        let theirs = Resource { organization: organization(2) };
        let decision = decide(&principal(Grants::Role(SystemRole::Owner)), &DELETE, &theirs);
        assert_eq!(decision, Decision::deny(Reason::OtherOrganization));
    }

    #[test]
    fn patterns_grant_and_are_named() {
        let mine = Resource { organization: organization(1) };
        let patterns =
            vec!["auth.*".parse().expect("pattern"), "planning.*".parse().expect("pattern")];
        let decision = decide(&principal(Grants::Patterns(patterns)), &DELETE, &mine);
        assert_eq!(decision, Decision::allow(Reason::Pattern("planning.*".into())));
    }

    #[test]
    fn without_an_organization_nothing_is_allowed() {
        let mut nobody = principal(Grants::Role(SystemRole::Owner));
        nobody.tenant = None;
        let mine = Resource { organization: organization(1) };
        assert_eq!(decide(&nobody, &DELETE, &mine), Decision::deny(Reason::NoOrganization));
    }
}
