//! Access tokens: what facts come to (specs auth, sections 2, 5.4 and 5.5).

use std::time::Duration;

use millwright_access::facts::{
    MembershipFacts, MembershipStatus, OrganizationFacts, OrganizationStatus, RoleFacts,
    RoleStatus, UserFacts, UserMembership,
};
use millwright_core::{OrgId, Timestamp, wire_enum};
use millwright_identity::{ACCESS_TOKEN_LIFETIME, Audience, Claims};

use super::Session;

/// `exp - iat` of operator tokens.
pub const OPERATOR_TOKEN_LIFETIME: Duration = Duration::from_secs(300);

/// The longest `perms`.
const MAX_PERMISSIONS_BYTES: usize = 3_072;

wire_enum! {
    /// How somebody stands with an organization.
    pub enum Standing {
        Active = "active",
        /// None was chosen.
        None = "none",
        Suspended = "suspended",
        Removed = "removed",
        OrganizationSuspended = "organization_suspended",
        OrganizationDeleted = "organization_deleted",
    }
}

/// What was read of a person in an organization. All of it strongly consistent.
#[derive(Clone, Debug, Default)]
pub struct Access {
    pub user: Option<UserFacts>,
    pub organization: Option<OrganizationFacts>,
    pub membership: Option<MembershipFacts>,
    /// Only of a custom role.
    pub role: Option<RoleFacts>,
}

/// Whether a token may be for the organization whose facts these are.
pub fn standing(access: &Access) -> Standing {
    match access.organization.as_ref().map(|it| it.status) {
        None => return Standing::Removed,
        Some(OrganizationStatus::Suspended) => return Standing::OrganizationSuspended,
        Some(OrganizationStatus::Deleted | OrganizationStatus::DeletionScheduled) => {
            return Standing::OrganizationDeleted;
        }
        Some(OrganizationStatus::Active) => {}
    }
    match access.membership.as_ref().map(|it| it.status) {
        Some(MembershipStatus::Active) => Standing::Active,
        Some(MembershipStatus::Suspended) => Standing::Suspended,
        Some(MembershipStatus::Ended) | None => Standing::Removed,
    }
}

impl Access {
    /// True if the sign-in is too old for the organization.
    pub fn wants_sign_in(&self, signed_in_at: Timestamp, now: Timestamp) -> bool {
        let organization = self.organization.as_ref();
        let max_age = organization.and_then(|it| it.session_max_age_seconds);
        let is_too_old = max_age.is_some_and(|seconds| {
            now.since(signed_in_at) > Duration::from_secs(u64::from(seconds))
        });
        let after = [
            organization.and_then(|it| it.reauth_after),
            self.membership.as_ref().and_then(|it| it.reauth_after),
        ];
        is_too_old || after.into_iter().flatten().any(|after| signed_in_at < after)
    }

    /// `role` and `perms` of a token for the organization.
    fn role(&self) -> (Option<String>, Option<String>) {
        let Some(membership) = &self.membership else { return (None, None) };
        if let Some(role) = membership.system_role {
            return (Some(role.as_str().to_owned()), None);
        }
        let patterns = match &self.role {
            Some(role) if role.status == RoleStatus::Active => role.permissions.clone(),
            // A role that is not there, or no longer given, grants nothing.
            _ => Vec::new(),
        };
        (Some(membership.role_id.to_string()), Some(joined(patterns)))
    }

    fn versions(&self) -> [u64; 4] {
        [
            self.user.as_ref().map_or(0, |it| it.access_version),
            self.organization.as_ref().map_or(0, |it| it.access_version),
            self.membership.as_ref().map_or(0, |it| it.access_version),
            self.role.as_ref().map_or(0, |it| it.access_version),
        ]
    }
}

/// Sorted, space-separated, at most 3,072 bytes: what does not fit is not granted.
pub fn joined(mut patterns: Vec<String>) -> String {
    patterns.sort_unstable();
    patterns.dedup();
    let mut text = String::new();
    for pattern in patterns {
        if text.len() + pattern.len() + 1 > MAX_PERMISSIONS_BYTES {
            break;
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&pattern);
    }
    text
}

/// The organization of a new session: the one asked for if the membership is active, else the
/// person's own choice, else where they went last, else none.
pub fn choose_organization(
    wanted: Option<OrgId>,
    user: Option<&UserFacts>,
    memberships: &[UserMembership],
) -> Option<OrgId> {
    let mut active: Vec<&UserMembership> =
        memberships.iter().filter(|it| it.status == MembershipStatus::Active).collect();
    active.sort_by_key(|it| it.joined_at);
    let is_active = |id: &OrgId| active.iter().any(|it| it.organization_id == *id);
    wanted
        .filter(is_active)
        .or_else(|| user.and_then(|it| it.default_organization_id).filter(is_active))
        .or_else(|| active.last().map(|it| it.organization_id))
}

/// Whose token it is.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'s> {
    pub session: &'s Session,
    /// The organization it is for: its [`Standing`] is active. None: without one.
    pub organization: Option<OrgId>,
    pub is_operator: bool,
}

/// The claims of an access token of a session.
pub fn claims(
    subject: Subject<'_>,
    access: &Access,
    (issuer, audience): (String, String),
    token_id: String,
    now: Timestamp,
) -> Claims {
    let Subject { session, organization, is_operator } = subject;
    let organization = organization.filter(|_| !is_operator);
    let lifetime = if is_operator { OPERATOR_TOKEN_LIFETIME } else { ACCESS_TOKEN_LIFETIME };
    let (role, perms) = if organization.is_some() { access.role() } else { (None, None) };
    let fv = match organization {
        Some(_) => access.versions(),
        None => [access.versions()[0], 0, 0, 0],
    };
    Claims {
        iss: issuer,
        aud: Audience::One(audience),
        sub: session.user_id.to_string(),
        iat: now.as_second(),
        exp: now.plus(lifetime).as_second(),
        jti: token_id,
        client_id: session.client_id.clone(),
        sid: Some(session.id.to_string()),
        auth_time: Some(session.auth_time.as_second()),
        org: organization.map(|id| id.to_string()),
        role,
        perms,
        fv,
        key: None,
        op: is_operator.then_some(true),
    }
}

#[cfg(test)]
mod tests {
    use millwright_core::Id;

    use super::*;

    fn membership(number: u8, status: MembershipStatus) -> UserMembership {
        let joined_at = Timestamp::from_millisecond(i64::from(number));
        let organization_id = Id::derived(Timestamp::UNIX_EPOCH, &[number; 10]);
        UserMembership { organization_id, status, joined_at }
    }

    #[test]
    fn a_new_session_goes_where_its_person_would() {
        let of = |number: u8| Some(membership(number, MembershipStatus::Active).organization_id);
        let memberships = [
            membership(1, MembershipStatus::Active),
            membership(2, MembershipStatus::Active),
            membership(3, MembershipStatus::Suspended),
        ];
        let user = UserFacts {
            user_id: Id::derived(Timestamp::UNIX_EPOCH, &[9; 10]),
            status: millwright_access::facts::UserStatus::Active,
            deactivated_by: None,
            access_version: 1,
            default_organization_id: of(1),
        };
        assert_eq!(choose_organization(of(2), Some(&user), &memberships), of(2));
        assert_eq!(choose_organization(of(3), Some(&user), &memberships), of(1));
        assert_eq!(choose_organization(None, None, &memberships), of(2));
        assert_eq!(choose_organization(of(3), None, &memberships[2..]), None);
    }

    #[test]
    fn patterns_are_sorted_and_bounded() {
        assert_eq!(joined(vec!["b.*".into(), "a.*".into(), "b.*".into()]), "a.* b.*");
        let many = (0..200).map(|n| format!("planning.resource{n:03}.read")).collect();
        assert!(joined(many).len() <= MAX_PERMISSIONS_BYTES);
    }
}
