//! A secret and its life.

use millwright_core::{Change, Error, OrgId, Patch, Result, Text, Timestamp, codes, wire_enum};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Backend, DAY, Environment, Facts, Metadata, Place, RotationPolicy, Scope, SecretId, SecretName,
    SecretType, Stage, Stamp, Tags, Wanted,
};

wire_enum! {
    /// Whether a secret is in use.
    pub enum Status {
        Active = "active",
        Disabled = "disabled",
        Deleted = "deleted",
    }
}

wire_enum! {
    /// Why a secret was deleted.
    pub enum DeletedBecause {
        Requested = "requested",
        MemberRemoved = "member_removed",
        TeamDeleted = "team_deleted",
        ProjectDeleted = "project_deleted",
    }
}

/// What it is for: at most 1,000 characters.
pub type Description = Text<0, 1_000>;

/// How long a deleted secret can be restored.
pub const RESTORE_WINDOW: std::time::Duration = std::time::Duration::from_secs(30 * DAY.as_secs());

/// The most values that one write destroys; the rest goes with the next.
const MAX_PRUNED: usize = 20;

/// A secret without its value: what lists show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Secret {
    pub id: SecretId,
    #[schema(inline)]
    pub organization_id: OrgId,
    #[schema(inline)]
    pub name: SecretName,
    #[schema(inline)]
    pub description: Description,
    #[serde(rename = "type")]
    pub kind: SecretType,
    pub scope: Scope,
    pub scope_id: Option<String>,
    #[schema(inline)]
    pub environment: Option<Environment>,
    pub backend: Backend,
    #[schema(inline)]
    pub tags: Tags,
    #[schema(inline)]
    pub metadata: Metadata,
    pub status: Status,
    pub expires_at: Option<Timestamp>,
    pub expiry_reminder_days: Vec<u32>,
    pub rotation: RotationPolicy,
    pub max_versions: u32,
    pub cas_required: bool,
    pub current_version: Option<u32>,
    pub previous_version: Option<u32>,
    pub pending_version: Option<u32>,
    pub last_version: u32,
    pub value_changed_at: Option<Timestamp>,
    pub deleted_at: Option<Timestamp>,
    pub deleted_by: Option<String>,
    pub deleted_because: Option<DeletedBecause>,
    pub purge_at: Option<Timestamp>,
    pub version: u64,
    pub created_at: Timestamp,
    pub created_by: String,
    pub updated_at: Timestamp,
    pub updated_by: String,
}

/// What is stored of a secret beside what lists show.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Inside {
    pub facts: Facts,
    /// The last characters of the current API key.
    pub hint: Option<String>,
    /// Numbers of the versions whose values are still there, rising.
    pub kept: Vec<u32>,
    /// The status that a restored secret gets back.
    pub status_before: Option<Status>,
    /// The rotation that waits for its confirmation.
    pub open_rotation: Option<super::RotationId>,
    /// By then it is to be confirmed.
    #[serde(default)]
    pub open_until: Option<Timestamp>,
    #[serde(default)]
    pub notices: super::Notices,
    #[serde(default)]
    pub turn: super::Turn,
    /// A value that is about to be in the secret store.
    #[serde(default)]
    pub announced: Option<super::Announced>,
    /// The highest number that was ever announced.
    #[serde(default)]
    pub announced_until: u32,
    /// What others have finished for those who had announced it, the latest last.
    #[serde(default)]
    pub finished: Vec<super::Finished>,
    #[serde(default)]
    pub bucket: Option<super::Bucket>,
    #[serde(default)]
    pub migrating: Option<super::Migration>,
    /// When the next thing is to happen: the sweep finds it by this.
    #[serde(default)]
    pub due: Option<Timestamp>,
}

/// What a PATCH changes.
#[derive(Clone, Debug, Default)]
pub struct SecretPatch {
    pub name: Change<SecretName>,
    pub description: Patch<Description>,
    pub tags: Patch<Tags>,
    pub metadata: Patch<Metadata>,
    pub expires_at: Patch<Timestamp>,
    pub expiry_reminder_days: Change<Vec<u32>>,
    pub rotation: Change<RotationPolicy>,
    pub max_versions: Change<u32>,
    pub cas_required: Change<bool>,
}

impl Secret {
    pub fn place(&self) -> Result<Place> {
        if self.scope == Scope::Platform {
            return Ok(Place::Platform);
        }
        let id = self.scope_id.as_deref();
        let owner = id.and_then(|id| id.parse().ok());
        Place::of(self.scope, id, self.environment.clone(), owner)
            .map_err(|error| Error::internal(format!("{} is nowhere: {error}", self.id)))
    }

    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// The number behind a stage; none if nothing stands there.
    pub fn number(&self, wanted: Wanted) -> Option<u32> {
        match wanted {
            Wanted::Number(number) => Some(number),
            Wanted::Stage(Stage::Current) => self.current_version,
            Wanted::Stage(Stage::Previous) => self.previous_version,
            Wanted::Stage(Stage::Pending) => self.pending_version,
        }
    }

    /// The stages at which a version stands.
    pub fn stages(&self, number: u32) -> Vec<Stage> {
        let at = |stage: &Stage| self.number(Wanted::Stage(*stage)) == Some(number);
        Stage::ALL.iter().copied().filter(at).collect()
    }

    /// The next version of the record. Times never run backwards.
    #[must_use]
    pub fn stamped(mut self, stamp: Stamp) -> Secret {
        self.version += 1;
        self.updated_at = stamp.at.max(self.updated_at);
        self.updated_by = stamp.by;
        self
    }

    /// A new version with the next number; gives the number.
    pub fn append(&mut self, stage: Stage, at: Timestamp) -> u32 {
        self.append_at(self.last_version + 1, stage, at)
    }

    /// A new version with a number that was announced.
    pub fn append_at(&mut self, number: u32, stage: Stage, at: Timestamp) -> u32 {
        self.last_version = number;
        if stage == Stage::Pending {
            self.pending_version = Some(self.last_version);
        } else {
            self.make_current(self.last_version, at);
        }
        self.last_version
    }

    /// Another version becomes current; the one that was is the previous one.
    pub fn make_current(&mut self, number: u32, at: Timestamp) {
        self.previous_version = self.current_version;
        self.current_version = Some(number);
        if self.pending_version == Some(number) {
            self.pending_version = None;
        }
        self.value_changed_at = Some(at);
        self.rotation = self.rotation.clone().scheduled(self.kind, self.value_changed_at);
    }

    /// After the patch; equal to this one if nothing changes.
    #[must_use]
    pub fn patched(&self, patch: SecretPatch) -> Secret {
        let mut next = self.clone();
        patch.name.apply_to(&mut next.name);
        patch.description.apply_or_default(&mut next.description);
        patch.tags.apply_or_default(&mut next.tags);
        patch.metadata.apply_or_default(&mut next.metadata);
        patch.expires_at.apply_to_option(&mut next.expires_at);
        patch.expiry_reminder_days.apply_to(&mut next.expiry_reminder_days);
        patch.rotation.apply_to(&mut next.rotation);
        patch.max_versions.apply_to(&mut next.max_versions);
        patch.cas_required.apply_to(&mut next.cas_required);
        next.rotation = next.rotation.clone().scheduled(next.kind, next.value_changed_at);
        next
    }

    /// The fields in which another version differs, by their names in JSON.
    pub fn fields_changed(&self, other: &Secret) -> Vec<&'static str> {
        [
            (self.name != other.name, "name"),
            (self.description != other.description, "description"),
            (self.tags != other.tags, "tags"),
            (self.metadata != other.metadata, "metadata"),
            (self.expires_at != other.expires_at, "expiresAt"),
            (self.expiry_reminder_days != other.expiry_reminder_days, "expiryReminderDays"),
            (self.rotation != other.rotation, "rotation"),
            (self.max_versions != other.max_versions, "maxVersions"),
            (self.cas_required != other.cas_required, "casRequired"),
            (self.backend != other.backend, "backend"),
        ]
        .into_iter()
        .filter_map(|(differs, field)| differs.then_some(field))
        .collect()
    }

    /// Deleted, to be purged in 30 days.
    #[must_use]
    pub fn deleted(mut self, because: DeletedBecause, stamp: &Stamp) -> Secret {
        self.status = Status::Deleted;
        self.deleted_at = Some(stamp.at);
        self.deleted_by = Some(stamp.by.clone());
        self.deleted_because = Some(because);
        self.purge_at = Some(stamp.at.plus(RESTORE_WINDOW));
        self
    }

    /// Back with the status it had.
    #[must_use]
    pub fn restored(mut self, status: Status) -> Secret {
        self.status = status;
        self.deleted_at = None;
        self.deleted_by = None;
        self.deleted_because = None;
        self.purge_at = None;
        self
    }
}

impl Inside {
    /// Takes the versions out that are beyond the newest `max` and stand at no stage. At most 20 at
    /// a time.
    pub fn prune(&mut self, secret: &Secret) -> Vec<u32> {
        let beyond = self.kept.len().saturating_sub(secret.max_versions as usize);
        let pruned: Vec<u32> = self.kept[..beyond]
            .iter()
            .copied()
            .filter(|number| secret.stages(*number).is_empty())
            .take(MAX_PRUNED)
            .collect();
        self.kept.retain(|number| !pruned.contains(number));
        pruned
    }
}

/// 1-5 different days of 1-365, falling.
///
/// # Errors
/// `invalid_request`.
pub fn reminder_days(mut days: Vec<u32>, pointer: &str) -> Result<Vec<u32>> {
    let count = days.len();
    days.sort_unstable_by(|a, b| b.cmp(a));
    days.dedup();
    if days.len() != count || count > 5 || days.iter().any(|day| !(1..=365).contains(day)) {
        let detail = "must be at most 5 different days of 1 to 365";
        return Err(Error::fault(pointer, millwright_core::FaultCode::NotAllowed, detail));
    }
    Ok(days)
}

/// The code of a status in which nothing is revealed or written.
pub fn not_found() -> Error {
    Error::new(codes::NOT_FOUND, "no such secret")
}
