//! How the secrets of an organization stand.

use millwright_core::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{DAY, RotationMode, Secret, SecretId, Status};

/// How many there are, and the first 100 of them by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    pub count: u64,
    #[schema(max_items = 100)]
    pub secret_ids: Vec<SecretId>,
}

impl Finding {
    fn add(&mut self, is_one: bool, id: SecretId) {
        if is_one {
            self.count += 1;
            if self.secret_ids.len() < 100 {
                self.secret_ids.push(id);
            }
        }
    }
}

/// How the secrets of an organization stand: those that are not deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Posture {
    /// When they were looked at: once a day. Null before the first time.
    pub as_of: Option<Timestamp>,
    pub secrets: u64,
    pub expired: Finding,
    pub expiring_in_30_days: Finding,
    pub rotation_overdue: Finding,
    /// Values older than 365 days.
    pub unchanged: Finding,
    /// Not revealed for 90 days.
    pub unused: Finding,
    pub granted_to_whole_role: Finding,
    pub without_rotation: Finding,
}

impl Posture {
    /// Counts a secret.
    pub fn look_at(
        &mut self,
        secret: &Secret,
        last_revealed_at: Option<Timestamp>,
        is_granted_to_role: bool,
        now: Timestamp,
    ) {
        if secret.status == Status::Deleted {
            return;
        }
        let (id, month) = (secret.id, now.plus(30 * DAY));
        let is_older =
            |at: Option<Timestamp>, days: u32| at.is_some_and(|at| at.plus(days * DAY) < now);
        let expired = secret.is_expired(now);
        let overdue = secret.rotation.next_rotation_at.is_some_and(|at| at < now);
        self.secrets += 1;
        self.expired.add(expired, id);
        self.expiring_in_30_days.add(!expired && secret.is_expired(month), id);
        self.rotation_overdue.add(overdue, id);
        self.unchanged.add(is_older(secret.value_changed_at, 365), id);
        self.unused.add(is_older(last_revealed_at.or(Some(secret.created_at)), 90), id);
        self.granted_to_whole_role.add(is_granted_to_role, id);
        self.without_rotation.add(secret.rotation.mode == RotationMode::None, id);
    }
}
