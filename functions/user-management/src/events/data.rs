//! What the events carry.

use millwright_core::{OrgId, RoleId, TeamId, Timestamp, UserId};
use millwright_identity::SystemRole;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::domain::{
    DataExportId, EndReason, InvitationBatchId, InvitationId, InvitationType, Member, Organization,
    SecuritySettings, Slug, TeamRole, User,
};

/// What happened to a user: names of fields, no values.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserData {
    pub user_id: UserId,
    pub version: u64,
    pub changed: Vec<String>,
}

impl UserData {
    pub fn of(user: &User, changed: &[&str]) -> UserData {
        UserData { user_id: user.id, version: user.version, changed: names(changed) }
    }
}

/// What becomes of an account.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountData {
    pub user_id: UserId,
    pub version: u64,
    pub by: String,
    /// A platform operator has done it.
    pub by_operator: bool,
    /// The organizations the user belongs to, or belonged to until then: at most 50.
    pub organization_ids: Vec<OrgId>,
    /// When a scheduled deletion happens.
    pub deletes_at: Option<Timestamp>,
}

fn names(changed: &[&str]) -> Vec<String> {
    changed.iter().map(|name| (*name).to_owned()).collect()
}

/// A membership began.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MembershipStarted {
    pub user_id: UserId,
    pub role_id: RoleId,
    /// Null for a custom role.
    pub system_key: Option<SystemRole>,
    pub invitation_id: Option<String>,
    pub team_ids: Vec<TeamId>,
}

impl MembershipStarted {
    pub fn of(member: &Member, team_ids: Vec<TeamId>) -> MembershipStarted {
        MembershipStarted {
            user_id: member.user_id,
            role_id: member.role_id,
            system_key: member.system_key,
            invitation_id: member.invitation_id.clone(),
            team_ids,
        }
    }
}

/// A role as a member holds it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeldRole {
    pub role_id: RoleId,
    /// Null for a custom role.
    pub system_key: Option<SystemRole>,
}

/// A member got another role.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoleChange {
    pub user_id: UserId,
    pub before: HeldRole,
    pub after: HeldRole,
}

impl RoleChange {
    pub fn between(before: &Member, after: &Member) -> RoleChange {
        let held =
            |member: &Member| HeldRole { role_id: member.role_id, system_key: member.system_key };
        RoleChange { user_id: after.user_id, before: held(before), after: held(after) }
    }
}

/// Something was done to a member.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MembershipAct {
    pub user_id: UserId,
    pub by: String,
    pub reason: Option<String>,
}

/// A membership ended.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MembershipEnded {
    pub user_id: UserId,
    pub by: String,
    pub end_reason: EndReason,
    pub team_ids: Vec<TeamId>,
}

/// Of the access-relevant fields of an organization, those that changed.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SlugValue {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slug: Option<Slug>,
}

/// What happened to an organization.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationData {
    pub organization_id: OrgId,
    pub version: u64,
    pub changed: Vec<String>,
    pub before: SlugValue,
    pub after: SlugValue,
}

impl OrganizationData {
    pub fn of(organization: &Organization) -> OrganizationData {
        OrganizationData {
            organization_id: organization.id,
            version: organization.version,
            changed: Vec::new(),
            before: SlugValue::default(),
            after: SlugValue { slug: Some(organization.slug.clone()) },
        }
    }

    pub fn between(before: &Organization, after: &Organization) -> OrganizationData {
        let differs = before.slug != after.slug;
        let slug = |it: &Organization| SlugValue { slug: differs.then(|| it.slug.clone()) };
        OrganizationData {
            organization_id: after.id,
            version: after.version,
            changed: names(&before.fields_changed(after)),
            before: slug(before),
            after: slug(after),
        }
    }
}

/// Something was done to an organization.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationAct {
    pub organization_id: OrgId,
    pub by: String,
    /// A platform operator has done it.
    #[serde(default)]
    pub by_operator: bool,
    pub reason: Option<String>,
    pub deletes_at: Option<Timestamp>,
}

/// An organization is no more.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationGone {
    pub organization_id: OrgId,
}

/// An organization has another owner.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OwnershipData {
    pub organization_id: OrgId,
    pub from_user_id: UserId,
    pub to_user_id: UserId,
    /// The role of who was the owner.
    pub kept_role_id: RoleId,
}

/// Settings changed: names of fields, no values.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SettingsData {
    pub organization_id: OrgId,
    pub version: u64,
    pub changed: Vec<String>,
}

impl SettingsData {
    pub fn of(organization_id: OrgId, version: u64, changed: &[&str]) -> SettingsData {
        SettingsData { organization_id, version, changed: names(changed) }
    }
}

/// Security settings changed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecurityData {
    pub organization_id: OrgId,
    pub version: u64,
    pub changed: Vec<String>,
    /// The changed fields as they were.
    #[schema(value_type = Object)]
    pub before: Map<String, Value>,
    /// The changed fields as they are.
    #[schema(value_type = Object)]
    pub after: Map<String, Value>,
}

impl SecurityData {
    pub fn between(
        organization_id: OrgId,
        before: &SecuritySettings,
        after: &SecuritySettings,
    ) -> SecurityData {
        let changed = before.fields_changed(after);
        let values = |settings: &SecuritySettings| {
            let value = serde_json::to_value(settings).unwrap_or_default();
            let value = |name: &&str| ((*name).to_owned(), value[*name].clone());
            changed.iter().map(value).collect()
        };
        SecurityData {
            organization_id,
            version: after.version,
            before: values(before),
            after: values(after),
            changed: names(&changed),
        }
    }
}

/// What happened to a role.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoleData {
    pub role_id: RoleId,
    pub version: u64,
    pub name: String,
    pub added_permissions: Vec<String>,
    pub removed_permissions: Vec<String>,
}

/// What happened to an invitation: of an address its domain alone.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InvitationData {
    pub invitation_id: InvitationId,
    pub invitation_type: InvitationType,
    pub email_domain: Option<String>,
    pub role_id: RoleId,
    /// Who has accepted it.
    pub user_id: Option<UserId>,
    /// The batch that has created it.
    #[serde(default)]
    pub batch_id: Option<InvitationBatchId>,
}

/// A batch of invitations has done what it could.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InvitationBatchData {
    pub batch_id: InvitationBatchId,
    pub created: u64,
    pub skipped: u64,
    pub failed: u64,
}

/// An archive of data is ready.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataExportData {
    pub export_id: DataExportId,
    /// Who has asked for it.
    pub user_id: Option<UserId>,
}

/// What happened to a team.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TeamData {
    pub team_id: TeamId,
    pub version: u64,
    pub name: String,
    /// Above which it stood before; null at the root, and for a new team.
    pub parent_team_id_before: Option<TeamId>,
    pub parent_team_id: Option<TeamId>,
    /// The teams above it, the nearest first.
    pub ancestor_team_ids: Vec<TeamId>,
}

/// What happened to a member of a team.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TeamMemberData {
    pub team_id: TeamId,
    pub user_id: UserId,
    pub role: TeamRole,
    /// The teams above it, the nearest first.
    pub ancestor_team_ids: Vec<TeamId>,
}
