//! Items of members.

use std::time::Duration;

use millwright_access::facts::{USER_MEMBERSHIPS, access_partition};
use millwright_core::{Error, Result, RoleId, Tenant, Timestamp, UserId};
use millwright_store::{
    Condition, Index, IndexKeys, Item, Key, Partition, Query, RawItem, Transaction, Update,
};
use serde::{Deserialize, Serialize};

use crate::{
    codes,
    domain::{EndReason, Member, MemberSummary, fold},
};

/// How long an ended membership stays readable.
const HISTORY: Duration = Duration::from_secs(365 * 24 * 3600);

/// The most organizations of a user.
pub const MAX_ORGANIZATIONS: u64 = 50;

fn members(tenant: &Tenant) -> Partition {
    Partition::of(tenant).and("MEMBERS")
}

pub fn member_place(tenant: &Tenant, user: UserId) -> Key {
    members(tenant).at(user)
}

/// Everybody who is a member, or was one.
pub fn every_member(tenant: &Tenant) -> Query {
    Query::partition(members(tenant))
}

/// Members, in the order of their names.
pub fn members_by_name(tenant: &Tenant) -> Query {
    Query::index(Index::Gsi1, members(tenant))
}

/// Who holds a role, suspended or not.
pub fn holders_of(tenant: &Tenant, role: RoleId) -> Query {
    Query::index(Index::Gsi2, Partition::of(tenant).and("ROLE").and(role))
}

/// The organizations of a person.
pub fn memberships_of(person: &Tenant) -> Query {
    Query::partition(access_partition(person)).starting_with(USER_MEMBERSHIPS)
}

/// A member as stored. Indexes show `version` and `summary`, and nothing else.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MemberItem {
    pub version: u64,
    pub summary: MemberSummary,
    pub member: Member,
}

impl MemberItem {
    pub fn of(member: &Member) -> MemberItem {
        MemberItem { version: member.version, summary: member.summary(), member: member.clone() }
    }
}

impl Item for MemberItem {
    const KIND: &'static str = "member";

    fn key(&self, tenant: &Tenant) -> Key {
        member_place(tenant, self.member.user_id)
    }

    fn index_keys(&self, tenant: &Tenant) -> IndexKeys {
        let MemberSummary { display_name, user_id, role_id, .. } = &self.summary;
        let name = format!("{}#{user_id}", fold(display_name.as_str()));
        let keys = IndexKeys::default().on(Index::Gsi1, members(tenant), name);
        match self.member.is_present() {
            true => keys.on(Index::Gsi2, Partition::of(tenant).and("ROLE").and(role_id), user_id),
            false => keys,
        }
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        self.member.ended_at.map(|at| at.plus(HISTORY))
    }
}

/// A membership that has ended, as long as it is remembered: the member item itself is taken over by
/// whoever joins again. Of the person it knows the id alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FormerMembership {
    pub user_id: UserId,
    pub role_id: RoleId,
    pub joined_at: Timestamp,
    pub ended_at: Timestamp,
    pub end_reason: EndReason,
    pub ended_by: String,
}

impl FormerMembership {
    /// None of a member who is still one.
    pub fn of(member: &Member) -> Option<FormerMembership> {
        Some(FormerMembership {
            user_id: member.user_id,
            role_id: member.role_id,
            joined_at: member.joined_at,
            ended_at: member.ended_at?,
            end_reason: member.end_reason?,
            ended_by: member.updated_by.clone(),
        })
    }
}

impl Item for FormerMembership {
    const KIND: &'static str = "former_membership";

    fn key(&self, tenant: &Tenant) -> Key {
        let sort_key = format!("{}#{}", self.user_id, self.ended_at);
        Partition::of(tenant).and("HISTORY").at(sort_key)
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        Some(self.ended_at.plus(HISTORY))
    }
}

/// Writes the successor of a member, or a new one, and the facts that tokens need. Two items;
/// refused as a lost race.
pub fn write_member(transaction: &mut Transaction, before: Option<u64>, after: &Member) {
    let item = MemberItem::of(after);
    let step = match before {
        Some(version) => transaction.replace(&item, version),
        None => transaction.create(&item),
    };
    transaction.refused_as(step, Error::lost_race());
    transaction.put(&after.facts());
}

/// How many organizations a person belongs to, and whether the account is in use. Whatever joins or
/// leaves one of them, or makes or unmakes an owner there, changes this item: so none of it gets by
/// while the account is deactivated.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memberships {
    count: u64,
    changes: u64,
}

impl Memberships {
    pub fn place(person: &Tenant) -> Key {
        Partition::of(person).at("MEMBERSHIPS")
    }

    /// Of what was found there; none: the person has never belonged to any.
    pub fn of(item: Option<&RawItem>) -> Memberships {
        let number = |name| item.and_then(|item| item.number(name)).unwrap_or_default();
        Memberships { count: number("count"), changes: number("changes") }
    }

    /// # Errors
    /// `organization_limit_reached`.
    pub fn check_room(&self) -> Result<()> {
        if self.count < MAX_ORGANIZATIONS {
            return Ok(());
        }
        let detail = format!("a user belongs to at most {MAX_ORGANIZATIONS} organizations");
        let refused = Error::new(codes::ORGANIZATION_LIMIT_REACHED, detail);
        Err(refused.with("limit", MAX_ORGANIZATIONS))
    }

    /// One more, of an account in use, within the limit. One item; refused as a lost race, since
    /// both are checked before.
    pub fn add(transaction: &mut Transaction, person: &Tenant) {
        let below = Condition::default()
            .less_than("count", MAX_ORGANIZATIONS)
            .or_attribute_absent("count")
            .attribute_absent(INACTIVE);
        let update = Update::when(below).add("count", 1).add("changes", 1);
        let step = transaction.update(&Memberships::place(person), &update);
        transaction.refused_as(step, Error::lost_race());
    }

    /// One less; of somebody whose account was in use, or was not, if that is said. One item;
    /// refused as a lost race.
    pub fn remove(transaction: &mut Transaction, person: &Tenant, is_active: Option<bool>) {
        let condition = is_active.map(in_use).unwrap_or_default();
        let update = Update::when(condition).add("count", -1).add("changes", 1);
        let step = transaction.update(&Memberships::place(person), &update);
        transaction.refused_as(step, Error::lost_race());
    }

    /// Ownership changes, of somebody whose account was in use, or was not. One item; refused as a
    /// lost race.
    pub fn touch(transaction: &mut Transaction, person: &Tenant, is_active: bool) {
        let update = Update::when(in_use(is_active)).add("changes", 1);
        let step = transaction.update(&Memberships::place(person), &update);
        transaction.refused_as(step, Error::lost_race());
    }

    /// The account is in use from now on, or is not; nothing has changed since these were read.
    /// One item; refused as a lost race.
    pub fn turn(&self, transaction: &mut Transaction, person: &Tenant, is_active: bool) {
        let unchanged = match self.changes {
            0 => Condition::default().attribute_absent("changes"),
            changes => Condition::default().equals("changes", changes),
        };
        let update = Update::when(unchanged).add("changes", 1);
        let update = match is_active {
            true => update.remove(INACTIVE),
            false => update.set(INACTIVE, true),
        };
        let step = transaction.update(&Memberships::place(person), &update);
        transaction.refused_as(step, Error::lost_race());
    }
}

/// Set while the account is not in use.
const INACTIVE: &str = "inactive";

fn in_use(is_active: bool) -> Condition {
    match is_active {
        true => Condition::default().attribute_absent(INACTIVE),
        false => Condition::default().attribute_exists(INACTIVE),
    }
}
