//! Organizations: the tenants.

use std::time::Duration;

use millwright_access::facts::{OrganizationFacts, OrganizationStatus};
use millwright_core::{Change, Line, OrgId, Patch, RoleId, Text, Timestamp};
use millwright_identity::SystemRole;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{HttpsUrl, SecuritySettings, Slug, Stamp};

/// 1-100 characters.
pub type OrganizationName = Line<1, 100>;
/// At most 1,000 characters.
pub type Description = Text<0, 1_000>;

/// How many members an organization may have, unless an operator says otherwise.
pub const DEFAULT_MEMBER_LIMIT: u32 = 500;

/// How long the deletion of an organization can be taken back.
pub const ORGANIZATION_DELETION_WINDOW: Duration = Duration::from_secs(30 * 24 * 3600);

/// The ids of the four built-in roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SystemRoleIds {
    pub owner: RoleId,
    pub admin: RoleId,
    pub member: RoleId,
    pub viewer: RoleId,
}

impl SystemRoleIds {
    pub fn of(&self, role: SystemRole) -> RoleId {
        match role {
            SystemRole::Owner => self.owner,
            SystemRole::Admin => self.admin,
            SystemRole::Member => self.member,
            SystemRole::Viewer => self.viewer,
        }
    }
}

/// An organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "org_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "name": "Analytical Engines",
    "slug": "analytical-engines",
    "description": "",
    "logoUrl": null,
    "status": "active",
    "suspendedReason": null,
    "deletesAt": null,
    "memberLimit": 500,
    "systemRoleIds": {
        "owner": "role_01jdz7xk2nf5h9vq3w8c6m4t0b", "admin": "role_01jdz7xk2nf5h9vq3w8c6m4t0c",
        "member": "role_01jdz7xk2nf5h9vq3w8c6m4t0d", "viewer": "role_01jdz7xk2nf5h9vq3w8c6m4t0e",
    },
    "externalId": null,
    "version": 1,
    "createdAt": "2026-11-23T01:04:58.000Z",
    "createdBy": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "updatedAt": "2026-11-23T01:04:58.000Z",
    "updatedBy": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b",
}))]
pub struct Organization {
    pub id: OrgId,
    pub name: OrganizationName,
    pub slug: Slug,
    pub description: Description,
    pub logo_url: Option<HttpsUrl>,
    pub status: OrganizationStatus,
    /// An operator's words.
    pub suspended_reason: Option<String>,
    /// When a scheduled deletion happens.
    pub deletes_at: Option<Timestamp>,
    /// How many members it may have; operators change it.
    pub member_limit: u32,
    /// The built-in roles, by their keys.
    pub system_role_ids: SystemRoleIds,
    /// Reserved for directories that keep organizations in step.
    pub external_id: Option<String>,
    pub version: u64,
    pub created_at: Timestamp,
    pub created_by: String,
    pub updated_at: Timestamp,
    pub updated_by: String,
}

/// What a PATCH changes.
#[derive(Clone, Debug, Default)]
pub struct OrganizationPatch {
    pub name: Change<OrganizationName>,
    pub slug: Change<Slug>,
    pub description: Patch<Description>,
    pub logo_url: Patch<HttpsUrl>,
}

impl Organization {
    /// After the patch; equal to this one if nothing changes.
    #[must_use]
    pub fn patched(&self, patch: OrganizationPatch) -> Organization {
        let mut next = self.clone();
        patch.name.apply_to(&mut next.name);
        patch.slug.apply_to(&mut next.slug);
        patch.description.apply_or_default(&mut next.description);
        patch.logo_url.apply_to_option(&mut next.logo_url);
        next
    }

    /// The next version. Times never run backwards.
    #[must_use]
    pub fn stamped(mut self, stamp: Stamp) -> Organization {
        self.version += 1;
        self.updated_at = stamp.at.max(self.updated_at);
        self.updated_by = stamp.by;
        self
    }

    /// The fields in which another version differs, by their names in JSON.
    pub fn fields_changed(&self, other: &Organization) -> Vec<&'static str> {
        [
            (self.name != other.name, "name"),
            (self.slug != other.slug, "slug"),
            (self.description != other.description, "description"),
            (self.logo_url != other.logo_url, "logoUrl"),
            (self.member_limit != other.member_limit, "memberLimit"),
            (self.status != other.status, "status"),
        ]
        .into_iter()
        .filter_map(|(differs, field)| differs.then_some(field))
        .collect()
    }

    /// The deletion was scheduled, and its time has come.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.status == OrganizationStatus::DeletionScheduled
            && self.deletes_at.is_some_and(|deletes_at| deletes_at <= now)
    }

    /// What tokens and keys need of it, at an access version.
    pub fn facts(&self, security: &SecuritySettings, access_version: u64) -> OrganizationFacts {
        OrganizationFacts {
            organization_id: self.id,
            status: self.status,
            access_version,
            personal_api_keys_allowed: security.personal_api_keys_allowed,
            api_key_max_lifetime_days: security.api_key_max_lifetime_days.get(),
            session_max_age_seconds: security.session_max_age_seconds.map(|age| age.get()),
            reauth_after: security.reauth_after,
        }
    }
}
