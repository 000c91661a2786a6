//! Versions of a value.

use millwright_core::{Text, Timestamp, wire_enum};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{DataKeyId, SecretId};

wire_enum! {
    /// Which of the versions.
    pub enum Stage {
        Current = "current",
        Previous = "previous",
        Pending = "pending",
    }
}

wire_enum! {
    /// What is left of a version.
    pub enum VersionState {
        Enabled = "enabled",
        Deleted = "deleted",
        Destroyed = "destroyed",
    }
}

wire_enum! {
    /// Where a value came from.
    pub enum Origin {
        Written = "written",
        Generated = "generated",
        Imported = "imported",
        Rotated = "rotated",
        RolledBack = "rolled_back",
        Migrated = "migrated",
    }
}

wire_enum! {
    /// Why a value is gone for ever.
    pub enum DestroyReason {
        Requested = "requested",
        Pruned = "pruned",
        Purged = "purged",
    }
}

/// Why a value was changed: at most 500 characters.
pub type ChangeReason = Text<0, 500>;

/// One value of a secret, without the value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// 1, 2, 3 …, never reused.
    pub number: u32,
    pub secret_id: SecretId,
    pub state: VersionState,
    pub origin: Origin,
    pub rolled_back_from: Option<u32>,
    #[schema(inline)]
    pub change_reason: Option<ChangeReason>,
    /// Of the value as compact JSON.
    pub size_bytes: u64,
    /// The key that seals it; none for what is in a secret store, which has keys of its own.
    #[schema(inline)]
    pub data_key_id: Option<DataKeyId>,
    pub created_at: Timestamp,
    pub created_by: String,
    pub deleted_at: Option<Timestamp>,
    pub destroyed_at: Option<Timestamp>,
    pub destroy_reason: Option<DestroyReason>,
}

impl Version {
    /// Its value is gone.
    #[must_use]
    pub fn destroyed(mut self, at: Timestamp, reason: DestroyReason) -> Version {
        self.state = VersionState::Destroyed;
        self.destroyed_at = Some(at);
        self.destroy_reason = Some(reason);
        self
    }
}
