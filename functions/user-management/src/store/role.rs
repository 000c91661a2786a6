//! Items of roles.

use millwright_access::facts::{ROLES, RoleFacts, RoleStatus, access_partition};
use millwright_core::{Error, RoleId, Tenant, Timestamp};
use millwright_identity::SystemRole;
use millwright_store::{Condition, Item, Key, Partition, Query, Step, Transaction, Update};
use serde::{Deserialize, Serialize};

use crate::{codes, domain::fold};

/// A role: the facts that tokens need, and what else there is of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleItem {
    #[serde(flatten)]
    pub facts: RoleFacts,
    pub name: String,
    pub description: String,
    pub system_key: Option<SystemRole>,
    /// Active and suspended members.
    pub member_count: u64,
    /// Pending invitations.
    pub invitation_count: u64,
    pub version: u64,
    pub created_at: Timestamp,
    pub created_by: String,
    pub updated_at: Timestamp,
    pub updated_by: String,
}

/// The roles of an organization, in no order.
pub fn roles_of(tenant: &Tenant) -> Query {
    Query::partition(access_partition(tenant)).starting_with(ROLES)
}

impl RoleItem {
    /// One holder more, of an active role. One item.
    pub fn give(transaction: &mut Transaction, role: RoleId) -> Step {
        RoleItem::count_active(transaction, role, "memberCount")
    }

    /// A pending invitation becomes a holder, of an active role. One item.
    pub fn redeem(transaction: &mut Transaction, role: RoleId) {
        let active = Condition::default().equals("status", RoleStatus::Active);
        let key = RoleFacts::place(transaction.tenant(), role);
        let update = Update::when(active).add("memberCount", 1).add("invitationCount", -1);
        let step = transaction.update(&key, &update);
        let detail = "the role is archived or was deleted";
        transaction.refused_as(step, Error::new(codes::ROLE_ARCHIVED, detail));
    }

    /// The role can be given, at this very moment. One item.
    pub fn check_active(transaction: &mut Transaction, role: RoleId) {
        let active = Condition::default().equals("status", RoleStatus::Active);
        let key = RoleFacts::place(transaction.tenant(), role);
        let step = transaction.check(&key, active);
        transaction.refused_as(step, Error::new(codes::ROLE_ARCHIVED, "the role is archived"));
    }

    /// One pending invitation more, into an active role. One item.
    pub fn promise(transaction: &mut Transaction, role: RoleId) -> Step {
        RoleItem::count_active(transaction, role, "invitationCount")
    }

    fn count_active(transaction: &mut Transaction, role: RoleId, name: &str) -> Step {
        let active = Condition::default().equals("status", RoleStatus::Active);
        let key = RoleFacts::place(transaction.tenant(), role);
        let step = transaction.update(&key, &Update::when(active).add(name, 1));
        let detail = "the role is archived or was deleted";
        transaction.refused_as(step, Error::new(codes::ROLE_ARCHIVED, detail));
        step
    }

    /// One holder less. One item.
    pub fn take(transaction: &mut Transaction, role: RoleId) {
        RoleItem::count(transaction, role, "memberCount", -1);
    }

    /// One pending invitation less. One item.
    pub fn settle(transaction: &mut Transaction, role: RoleId) {
        RoleItem::count(transaction, role, "invitationCount", -1);
    }

    fn count(transaction: &mut Transaction, role: RoleId, name: &str, amount: i64) {
        let key = RoleFacts::place(transaction.tenant(), role);
        transaction.update(&key, &Update::when(Condition::exists()).add(name, amount));
    }

    /// Writes what a change changes, without the counts, which go on meanwhile. One item; refused
    /// as a lost race.
    pub fn rewrite(&self, transaction: &mut Transaction, before: u64) {
        let key = RoleFacts::place(transaction.tenant(), self.facts.role_id);
        let update = Update::when(Condition::version(before))
            .set("name", &self.name)
            .set("description", &self.description)
            .set("permissions", &self.facts.permissions)
            .set("status", self.facts.status)
            .set("accessVersion", self.facts.access_version)
            .set("version", self.version)
            .set("updatedAt", self.updated_at)
            .set("updatedBy", &self.updated_by);
        let step = transaction.update(&key, &update);
        transaction.refused_as(step, Error::lost_race());
    }
}

impl Item for RoleItem {
    const KIND: &'static str = RoleFacts::KIND;

    fn key(&self, tenant: &Tenant) -> Key {
        RoleFacts::place(tenant, self.facts.role_id)
    }
}

/// A role name is held by one role at a time, case-insensitive.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleNameMarker {
    pub folded_name: String,
    pub role_id: RoleId,
}

impl RoleNameMarker {
    pub fn of(name: &str, role_id: RoleId) -> RoleNameMarker {
        RoleNameMarker { folded_name: fold(name), role_id }
    }
}

impl Item for RoleNameMarker {
    const KIND: &'static str = "role_name";

    fn key(&self, tenant: &Tenant) -> Key {
        Partition::of(tenant).at(format!("ROLENAME#{}", self.folded_name))
    }
}
