//! Items of an organization.

use std::time::Duration;

use millwright_core::{Error, OrgId, Result, RoleId, Tenant, Timestamp};
use millwright_store::{
    Condition, GlobalPartition, Item, Key, Partition, RawItem, Step, Transaction, Update,
};
use serde::{Deserialize, Serialize};

use crate::{
    codes,
    domain::{
        CustomSettings, DEFAULT_MEMBER_LIMIT, Language, Organization, SecuritySettings, Settings,
        Slug, Timezone, WeekStart,
    },
};

pub fn organization_place(tenant: &Tenant) -> Key {
    Partition::of(tenant).at("PROFILE")
}

impl Item for Organization {
    const KIND: &'static str = "organization";

    fn key(&self, tenant: &Tenant) -> Key {
        organization_place(tenant)
    }
}

/// The partitions of an organization, but for those of single teams, of members and of invitations.
/// The tree of teams comes after what it leads to, the organization itself last.
pub fn parts_of_organization(tenant: &Tenant) -> Vec<Partition> {
    let parts = ["INVITED", "SENT", "TEAMSOF", "TEAMS", "GONE", "HISTORY", "COUNT", "ACCESS"];
    let parts = parts.iter().map(|name| Partition::of(tenant).and(name));
    parts.chain([Partition::of(tenant)]).collect()
}

pub fn settings_place(tenant: &Tenant) -> Key {
    Partition::of(tenant).at("SETTINGS")
}

/// Stored settings; there are none as long as nobody has set anything.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SettingsItem {
    timezone: Timezone,
    language: Language,
    week_start: WeekStart,
    invitation_role_id: RoleId,
    /// JSON as text: the table's numbers and depth are not ours.
    custom: String,
    version: u64,
    updated_at: Timestamp,
    updated_by: String,
}

impl SettingsItem {
    pub fn of(settings: &Settings) -> Result<SettingsItem> {
        let settings = settings.clone();
        Ok(SettingsItem {
            timezone: settings.timezone,
            language: settings.language,
            week_start: settings.week_start,
            invitation_role_id: settings.invitation_role_id,
            custom: serde_json::to_string(&settings.custom).map_err(Error::internal)?,
            version: settings.version,
            updated_at: settings.updated_at,
            updated_by: settings.updated_by,
        })
    }

    pub fn settings(self) -> Result<Settings> {
        let custom: CustomSettings = serde_json::from_str(&self.custom).map_err(Error::internal)?;
        Ok(Settings {
            timezone: self.timezone,
            language: self.language,
            week_start: self.week_start,
            invitation_role_id: self.invitation_role_id,
            custom,
            version: self.version,
            updated_at: self.updated_at,
            updated_by: self.updated_by,
        })
    }
}

impl Item for SettingsItem {
    const KIND: &'static str = "settings";

    fn key(&self, tenant: &Tenant) -> Key {
        settings_place(tenant)
    }
}

pub fn security_place(tenant: &Tenant) -> Key {
    Partition::of(tenant).at("SECURITY")
}

impl Item for SecuritySettings {
    const KIND: &'static str = "security_settings";

    fn key(&self, tenant: &Tenant) -> Key {
        security_place(tenant)
    }
}

/// How long a slug that was given up leads to its organization, and to no other.
pub const SLUG_HELD: Duration = Duration::from_secs(90 * 24 * 3600);

/// Whose a slug is, or was.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SlugMarker {
    pub slug: Slug,
    pub organization_id: OrgId,
    /// Given up: others may have it from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_at: Option<Timestamp>,
}

struct SlugOwner<'a>(&'a Slug);

impl GlobalPartition for SlugOwner<'_> {
    fn partition(&self) -> String {
        format!("SLUG#{}", self.0)
    }
}

impl SlugMarker {
    pub fn place(slug: &Slug) -> Key {
        Partition::global(&SlugOwner(slug)).at("HEAD")
    }

    /// Takes a slug that nobody has, or that was given up long ago. One item.
    pub fn take(
        transaction: &mut Transaction,
        slug: &Slug,
        organization_id: OrgId,
        now: Timestamp,
    ) -> Step {
        let free = Condition::default().less_than("freeAt", now).or_attribute_absent("slug");
        let marker = SlugMarker { slug: slug.clone(), organization_id, free_at: None };
        let step = transaction.put_when(&marker, free);
        transaction.refused_as(step, SlugMarker::taken());
        step
    }

    /// Takes back a slug of this organization's own. One item.
    pub fn take_back(transaction: &mut Transaction, slug: &Slug, organization_id: OrgId) {
        let mine = Condition::default().equals("organizationId", organization_id);
        let marker = SlugMarker { slug: slug.clone(), organization_id, free_at: None };
        let step = transaction.put_when(&marker, mine);
        transaction.refused_as(step, SlugMarker::taken());
    }

    /// From now on it only leads here. One item.
    pub fn give_up(
        transaction: &mut Transaction,
        slug: &Slug,
        organization_id: OrgId,
        now: Timestamp,
    ) {
        let free_at = Some(now.plus(SLUG_HELD));
        transaction.put(&SlugMarker { slug: slug.clone(), organization_id, free_at });
    }

    fn taken() -> Error {
        Error::new(codes::SLUG_TAKEN, "another organization is called so, or was a short time ago")
    }
}

impl Item for SlugMarker {
    const KIND: &'static str = "slug";

    fn key(&self, _tenant: &Tenant) -> Key {
        SlugMarker::place(&self.slug)
    }
}

/// The exact counts of an organization.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counters {
    /// Active and suspended ones.
    pub member_count: u64,
    pub active_owner_count: u64,
    pub pending_invitation_count: u64,
    pub custom_role_count: u64,
    pub team_count: u64,
    /// The organization's, again: here it is compared.
    pub member_limit: u32,
}

/// Set while the organization is to be deleted: then it needs no owner.
const CLOSING: &str = "closing";

/// What one step adds to the counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    pub members: i64,
    pub active_owners: i64,
    pub pending_invitations: i64,
    pub custom_roles: i64,
    pub teams: i64,
}

impl Counters {
    /// Of a new organization with its founder.
    pub fn first() -> Counters {
        Counters {
            member_count: 1,
            active_owner_count: 1,
            pending_invitation_count: 0,
            custom_role_count: 0,
            team_count: 0,
            member_limit: DEFAULT_MEMBER_LIMIT,
        }
    }

    pub fn place(tenant: &Tenant) -> Key {
        Partition::of(tenant).at("COUNTERS")
    }

    /// Changes the counts without a limit; nothing if nothing changes. At most one item.
    pub fn count(transaction: &mut Transaction, counted: Counted) {
        Counters::count_when(transaction, counted, Condition::exists());
    }

    /// As [`Counters::count`], if the condition holds.
    pub fn count_when(
        transaction: &mut Transaction,
        counted: Counted,
        condition: Condition,
    ) -> Option<Step> {
        if counted == Counted::default() {
            return None;
        }
        let Counted { members, active_owners, pending_invitations, custom_roles, teams } = counted;
        let mut update = Update::when(condition);
        for (name, amount) in [
            ("memberCount", members),
            ("activeOwnerCount", active_owners),
            ("pendingInvitationCount", pending_invitations),
            ("customRoleCount", custom_roles),
            ("teamCount", teams),
        ] {
            if amount != 0 {
                update = update.add(name, amount);
            }
        }
        let key = Counters::place(transaction.tenant());
        Some(transaction.update(&key, &update))
    }

    /// One owner less, of more than one, unless the organization is to be deleted anyway. Refused:
    /// `last_owner`.
    pub fn lose_owner(
        transaction: &mut Transaction,
        mut counted: Counted,
        organization: OrgId,
    ) -> Option<Step> {
        counted.active_owners -= 1;
        let more =
            Condition::default().greater_than("activeOwnerCount", 1).or_attribute_exists(CLOSING);
        let step = Counters::count_when(transaction, counted, more)?;
        Some(transaction.refused_as(step, last_owner(&[organization])))
    }

    /// The organization is to be deleted. One item.
    pub fn close(transaction: &mut Transaction) {
        let key = Counters::place(transaction.tenant());
        transaction.update(&key, &Update::when(Condition::exists()).set(CLOSING, true));
    }

    /// The organization goes on, if it has an active owner. One item; refused: `last_owner`.
    pub fn reopen(transaction: &mut Transaction, organization: OrgId) {
        let key = Counters::place(transaction.tenant());
        let owned = Condition::default().greater_than("activeOwnerCount", 0);
        let step = transaction.update(&key, &Update::when(owned).remove(CLOSING));
        transaction.refused_as(step, last_owner(&[organization]));
    }

    pub fn read(item: Option<&RawItem>) -> Result<Counters> {
        item.ok_or_else(|| Error::internal("an organization without counters"))?.decode()
    }
}

/// The refusal that names the organizations which would be left without an owner.
pub fn last_owner(organizations: &[OrgId]) -> Error {
    let named: Vec<String> = organizations.iter().take(20).map(ToString::to_string).collect();
    let detail = "an organization needs an active owner: make another member one first";
    Error::new(codes::LAST_OWNER, detail).with("organizationIds", named)
}

impl Item for Counters {
    const KIND: &'static str = "counters";

    fn key(&self, tenant: &Tenant) -> Key {
        Counters::place(tenant)
    }
}
