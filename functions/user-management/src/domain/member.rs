//! Members: who belongs to an organization, in which role.

use millwright_access::facts::{MembershipFacts, MembershipStatus, UserMembership};
use millwright_core::{Date, Line, OrgId, RoleId, Timestamp, UserId, wire_enum};
use millwright_identity::SystemRole;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Stamp, UserCard, UserName, fold};

/// At most 500 characters.
pub type SuspensionReason = Line<1, 500>;

wire_enum! {
    /// How a membership ended.
    pub enum EndReason {
        Removed = "removed",
        Left = "left",
        UserDeleted = "user_deleted",
        OrganizationDeleted = "organization_deleted",
    }
}

/// A membership, with the card of the member. Stored beside the card's text; the facts that tokens
/// need are an item of their own, without personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    pub organization_id: OrgId,
    pub user_id: UserId,
    pub user: UserCard,
    pub role_id: RoleId,
    /// Null for a custom role.
    pub system_key: Option<SystemRole>,
    pub status: MembershipStatus,
    pub suspended_at: Option<Timestamp>,
    pub suspended_by: Option<String>,
    pub suspended_reason: Option<SuspensionReason>,
    pub joined_at: Timestamp,
    pub invited_by: Option<String>,
    pub invitation_id: Option<String>,
    pub ended_at: Option<Timestamp>,
    pub end_reason: Option<EndReason>,
    /// The last day the member was seen.
    #[serde(default)]
    pub last_active_on: Option<Date>,
    /// Sign-ins before this get no token here.
    pub reauth_after: Option<Timestamp>,
    /// Rises whenever rights are taken away.
    pub access_version: u64,
    pub version: u64,
    pub created_at: Timestamp,
    pub created_by: String,
    pub updated_at: Timestamp,
    pub updated_by: String,
}

/// What lists filter and sort by: at most 1 KB.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberSummary {
    pub user_id: UserId,
    pub display_name: UserName,
    pub email: Option<String>,
    pub role_id: RoleId,
    pub status: MembershipStatus,
}

impl Member {
    /// Somebody who joins now. `access_version` goes on where an earlier membership ended.
    pub fn joining(
        organization: OrgId,
        user: UserCard,
        (role_id, system_key): (RoleId, Option<SystemRole>),
        access_version: u64,
        stamp: Stamp,
    ) -> Member {
        let Stamp { at, by } = stamp;
        Member {
            organization_id: organization,
            user_id: user.id,
            user,
            role_id,
            system_key,
            status: MembershipStatus::Active,
            suspended_at: None,
            suspended_by: None,
            suspended_reason: None,
            joined_at: at,
            invited_by: None,
            invitation_id: None,
            ended_at: None,
            end_reason: None,
            last_active_on: None,
            reauth_after: None,
            access_version,
            version: 1,
            created_at: at,
            created_by: by.clone(),
            updated_at: at,
            updated_by: by,
        }
    }

    /// The next version. Times never run backwards.
    #[must_use]
    pub fn stamped(mut self, stamp: Stamp) -> Member {
        self.version += 1;
        self.updated_at = stamp.at.max(self.updated_at);
        self.updated_by = stamp.by;
        self
    }

    /// True for members: suspended ones still are.
    pub fn is_present(&self) -> bool {
        self.status != MembershipStatus::Ended
    }

    pub fn is_owner(&self) -> bool {
        self.system_key == Some(SystemRole::Owner)
    }

    /// Counts among the owners without whom the organization could not be led.
    pub fn is_active_owner(&self) -> bool {
        self.is_owner() && self.status == MembershipStatus::Active && self.is_account_active()
    }

    /// The member's account is in use.
    pub fn is_account_active(&self) -> bool {
        self.user.status == millwright_access::facts::UserStatus::Active
    }

    pub fn summary(&self) -> MemberSummary {
        MemberSummary {
            user_id: self.user_id,
            display_name: self.user.display_name.clone(),
            email: self.user.email.as_ref().map(ToString::to_string),
            role_id: self.role_id,
            status: self.status,
        }
    }

    pub fn facts(&self) -> MembershipFacts {
        MembershipFacts {
            user_id: self.user_id,
            role_id: self.role_id,
            system_role: self.system_key,
            status: self.status,
            access_version: self.access_version,
            reauth_after: self.reauth_after,
        }
    }

    /// The user's own note of it.
    pub fn of_user(&self) -> UserMembership {
        UserMembership {
            organization_id: self.organization_id,
            status: self.status,
            joined_at: self.joined_at,
        }
    }
}

impl MemberSummary {
    /// True if name, a word of the name, or address begin so, whatever the case.
    pub fn matches(&self, folded_prefix: &str) -> bool {
        let name = fold(self.display_name.as_str());
        let email = self.email.as_deref().unwrap_or_default();
        name.starts_with(folded_prefix)
            || name.split_whitespace().any(|word| word.starts_with(folded_prefix))
            || email.starts_with(folded_prefix)
    }
}
