//! Rotation of values.

use std::time::Duration;

use deserr::Deserr;
use millwright_core::{
    Bounded, Error, FaultCode, Faults, Line, Result, Text, Timestamp, wire_enum,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{DAY, Generate, RotationId, SecretId, SecretType};

wire_enum! {
    /// Who makes new values.
    pub enum RotationMode {
        None = "none",
        Manual = "manual",
        Scheduled = "scheduled",
    }
}

wire_enum! {
    /// How a new value takes the place of the old one.
    pub enum RotationStrategy {
        Replace = "replace",
        Confirm = "confirm",
        TwoUser = "two_user",
    }
}

wire_enum! {
    /// Where a rotation stands.
    pub enum RotationState {
        AwaitingConfirmation = "awaiting_confirmation",
        Succeeded = "succeeded",
        Failed = "failed",
        Cancelled = "cancelled",
    }
}

wire_enum! {
    /// What began a rotation.
    pub enum RotationTrigger {
        Requested = "requested",
        Scheduled = "scheduled",
    }
}

/// Why: at most 500 characters.
pub type RotationReason = Text<0, 500>;

/// How a secret is rotated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[serde(rename_all = "camelCase")]
pub struct RotationPolicy {
    #[deserr(default = RotationMode::None)]
    #[schema(required = false)]
    pub mode: RotationMode,
    /// 1-730; 90 if not given, 365 for certificates.
    #[deserr(default)]
    #[schema(inline)]
    pub interval_days: Option<Bounded<1, 730>>,
    #[deserr(default = RotationStrategy::Replace)]
    #[schema(required = false)]
    pub strategy: RotationStrategy,
    /// Required for `scheduled`.
    #[deserr(default)]
    pub generate: Option<Generate>,
    /// The two users of `two_user`, who take turns.
    #[deserr(default)]
    #[schema(inline)]
    pub usernames: Option<Vec<Line<1, 256>>>,
    /// 300-604800; a day if not given.
    #[deserr(default)]
    #[schema(inline)]
    pub confirm_within_seconds: Option<Bounded<300, 604_800>>,
    /// Read-only: the last change of the current value and the interval.
    #[deserr(skip)]
    #[serde(default)]
    pub next_rotation_at: Option<Timestamp>,
}

impl Default for RotationPolicy {
    fn default() -> RotationPolicy {
        RotationPolicy {
            mode: RotationMode::None,
            interval_days: None,
            strategy: RotationStrategy::Replace,
            generate: None,
            usernames: None,
            confirm_within_seconds: None,
            next_rotation_at: None,
        }
    }
}

impl RotationPolicy {
    /// # Errors
    /// `invalid_request` for what does not go together; `impossible` if the type cannot rotate so.
    pub fn check(&self, kind: SecretType, impossible: fn(&'static str) -> Error) -> Result<()> {
        let can_generate = kind.generated_member().is_some();
        if self.mode == RotationMode::Scheduled {
            if !can_generate {
                return Err(impossible("values of this type cannot be generated"));
            }
            if self.generate.is_none() {
                let detail = "is required for scheduled rotation";
                return Err(Error::fault("/rotation/generate", FaultCode::Required, detail));
            }
        }
        if self.strategy != RotationStrategy::TwoUser {
            return Ok(());
        }
        if kind != SecretType::UsernamePassword {
            return Err(impossible("only username_password has users who can take turns"));
        }
        match self.usernames.as_deref() {
            Some([one, two]) if one != two => Ok(()),
            _ => {
                let detail = "must be exactly two different users";
                Err(Error::fault("/rotation/usernames", FaultCode::Required, detail))
            }
        }
    }

    /// When the next rotation is due.
    #[must_use]
    pub fn scheduled(mut self, kind: SecretType, changed_at: Option<Timestamp>) -> RotationPolicy {
        let default = if kind == SecretType::Certificate { 365 } else { 90 };
        let days = self.interval_days.map_or(default, Bounded::get);
        let interval = DAY.saturating_mul(days);
        self.next_rotation_at = match self.mode {
            RotationMode::None => None,
            _ => changed_at.map(|at| at.plus(interval)),
        };
        self
    }

    pub fn confirm_within(&self) -> Duration {
        self.confirm_within_seconds.map_or(DAY, |seconds| Duration::from_secs(seconds.get().into()))
    }

    /// Whose turn it is after `current`.
    pub fn next_user(&self, current: &str) -> Option<&str> {
        let users = self.usernames.as_deref()?;
        users.iter().map(Line::as_str).find(|user| *user != current)
    }
}

/// One change of a value by rotation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rotation {
    pub id: RotationId,
    pub secret_id: SecretId,
    pub trigger: RotationTrigger,
    pub strategy: RotationStrategy,
    pub state: RotationState,
    /// The version that became current, or is to.
    pub value_version: u32,
    /// Whose turn it is, with `two_user`.
    pub username: Option<String>,
    pub deadline_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub finished_by: Option<String>,
    #[schema(inline)]
    pub failure_reason: Option<RotationReason>,
    pub version: u64,
    pub created_at: Timestamp,
    pub created_by: String,
}

impl Rotation {
    #[must_use]
    pub fn finished(
        mut self,
        state: RotationState,
        at: Timestamp,
        by: &str,
        reason: Option<RotationReason>,
    ) -> Rotation {
        self.state = state;
        self.finished_at = Some(at);
        self.finished_by = Some(by.to_owned());
        self.failure_reason = reason;
        self.version += 1;
        self
    }
}
