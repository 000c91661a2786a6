//! Access facts: the contract between `user-management`, which owns them, `auth`, which issues
//! tokens from them, and whoever resolves an API key.
//!
//! | fact | key |
//! |---|---|
//! | user | pk `USER#<user>#ACCESS`, sk `META` |
//! | memberships of a user | pk `USER#<user>#ACCESS`, sk `MEMBERSHIP#<organization>` |
//! | organization | pk `ORG#<organization>#ACCESS`, sk `META` |
//! | membership | pk `ORG#<organization>#ACCESS`, sk `MEMBER#<user>` |
//! | role | pk `ORG#<organization>#ACCESS`, sk `ROLE#<role>` |
//!
//! Each fact has an access version that rises whenever rights are taken away; a token carries the
//! versions it was issued from.

use millwright_core::{OrgId, RoleId, Tenant, Timestamp, UserId, wire_enum};
use millwright_identity::{Grants, Pattern, SystemRole};
use millwright_store::{Item, Key, Partition};
use serde::{Deserialize, Serialize};

wire_enum! {
    /// Whether a user may sign in.
    pub enum UserStatus {
        Active = "active",
        Deactivated = "deactivated",
        DeletionScheduled = "deletion_scheduled",
        Deleted = "deleted",
    }
}

wire_enum! {
    /// Who has deactivated a user, or scheduled the deletion.
    pub enum DeactivatedBy {
        Themselves = "self",
        Operator = "operator",
    }
}

wire_enum! {
    /// Whether an organization issues tokens.
    pub enum OrganizationStatus {
        Active = "active",
        Suspended = "suspended",
        DeletionScheduled = "deletion_scheduled",
        Deleted = "deleted",
    }
}

wire_enum! {
    /// Whether a member may act in the organization.
    pub enum MembershipStatus {
        Active = "active",
        Suspended = "suspended",
        Ended = "ended",
    }
}

wire_enum! {
    /// Whether a role can be given.
    pub enum RoleStatus {
        Active = "active",
        Archived = "archived",
    }
}

/// `<tenant>#ACCESS`, of an organization or a person.
pub fn access_partition(tenant: &Tenant) -> Partition {
    Partition::of(tenant).and("ACCESS")
}

const META: &str = "META";

/// What tokens need of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserFacts {
    pub user_id: UserId,
    pub status: UserStatus,
    pub deactivated_by: Option<DeactivatedBy>,
    pub access_version: u64,
    pub default_organization_id: Option<OrgId>,
}

impl UserFacts {
    /// `tenant` is the person.
    pub fn place(tenant: &Tenant) -> Key {
        access_partition(tenant).at(META)
    }
}

impl Item for UserFacts {
    const KIND: &'static str = "user_facts";

    fn key(&self, tenant: &Tenant) -> Key {
        UserFacts::place(tenant)
    }
}

/// One organization of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserMembership {
    pub organization_id: OrgId,
    pub status: MembershipStatus,
    pub joined_at: Timestamp,
}

/// What the sort keys of [`UserMembership`] begin with.
pub const USER_MEMBERSHIPS: &str = "MEMBERSHIP#";

impl UserMembership {
    /// `tenant` is the person.
    pub fn place(tenant: &Tenant, organization: OrgId) -> Key {
        access_partition(tenant).at(format!("{USER_MEMBERSHIPS}{organization}"))
    }
}

impl Item for UserMembership {
    const KIND: &'static str = "user_membership";

    fn key(&self, tenant: &Tenant) -> Key {
        UserMembership::place(tenant, self.organization_id)
    }
}

/// What tokens and keys need of an organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationFacts {
    pub organization_id: OrgId,
    pub status: OrganizationStatus,
    pub access_version: u64,
    pub personal_api_keys_allowed: bool,
    pub api_key_max_lifetime_days: u32,
    /// Older sign-ins get no token here.
    pub session_max_age_seconds: Option<u32>,
    /// Nor do sign-ins before this.
    pub reauth_after: Option<Timestamp>,
}

impl OrganizationFacts {
    pub fn place(tenant: &Tenant) -> Key {
        access_partition(tenant).at(META)
    }
}

impl Item for OrganizationFacts {
    const KIND: &'static str = "organization_facts";

    fn key(&self, tenant: &Tenant) -> Key {
        OrganizationFacts::place(tenant)
    }
}

/// What tokens and keys need of a membership.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MembershipFacts {
    pub user_id: UserId,
    pub role_id: RoleId,
    /// None for a custom role.
    pub system_role: Option<SystemRole>,
    pub status: MembershipStatus,
    pub access_version: u64,
    /// Sign-ins before this get no token here.
    pub reauth_after: Option<Timestamp>,
}

/// What the sort keys of [`MembershipFacts`] begin with.
pub const MEMBERS: &str = "MEMBER#";

impl MembershipFacts {
    pub fn place(tenant: &Tenant, user: UserId) -> Key {
        access_partition(tenant).at(format!("{MEMBERS}{user}"))
    }
}

/// `user-management` stores more in the same item.
impl Item for MembershipFacts {
    const KIND: &'static str = "membership";

    fn key(&self, tenant: &Tenant) -> Key {
        MembershipFacts::place(tenant, self.user_id)
    }
}

/// What tokens and keys need of a custom role; those of the system are in the code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleFacts {
    pub role_id: RoleId,
    /// Canonical patterns; a system role has none of its own.
    pub permissions: Vec<String>,
    pub status: RoleStatus,
    pub access_version: u64,
}

/// What the sort keys of [`RoleFacts`] begin with.
pub const ROLES: &str = "ROLE#";

impl RoleFacts {
    pub fn place(tenant: &Tenant, role: RoleId) -> Key {
        access_partition(tenant).at(format!("{ROLES}{role}"))
    }

    /// A pattern that is not understood grants nothing; the others still hold.
    pub fn grants(&self) -> Grants {
        let patterns = self.permissions.iter().filter_map(|text| text.parse::<Pattern>().ok());
        Grants::Patterns(patterns.collect())
    }
}

/// `user-management` stores more in the same item.
impl Item for RoleFacts {
    const KIND: &'static str = "role";

    fn key(&self, tenant: &Tenant) -> Key {
        RoleFacts::place(tenant, self.role_id)
    }
}
