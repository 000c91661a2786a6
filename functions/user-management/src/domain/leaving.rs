//! How accounts are left, come back, and are forgotten (specs 4, 5.8).

use std::time::Duration;

use millwright_access::facts::{DeactivatedBy, UserStatus};
use millwright_core::{Error, Line, Result, Timestamp, codes};

use super::{Skills, Timezone, User, UserCard};

/// At most 500 characters.
pub type DeactivationReason = Line<1, 500>;

/// How long a deletion can be taken back.
pub const USER_DELETION_WINDOW: Duration = Duration::from_secs(90 * 24 * 3600);

/// What a deleted user is called.
pub const DELETED_NAME: &str = "Deleted user";

impl User {
    /// Out of use until somebody takes it up again.
    ///
    /// # Errors
    /// `invalid_state` unless active.
    pub fn deactivated(
        &self,
        by: DeactivatedBy,
        reason: Option<DeactivationReason>,
    ) -> Result<User> {
        self.check(&[UserStatus::Active])?;
        let mut next = self.clone();
        next.status = UserStatus::Deactivated;
        next.deactivated_by = Some(by);
        next.deactivation_reason = reason;
        Ok(next)
    }

    /// To be deleted in 90 days: by oneself while active, by an operator once deactivated.
    ///
    /// # Errors
    /// `invalid_state` in any other.
    pub fn to_be_deleted(&self, by: DeactivatedBy, now: Timestamp) -> Result<User> {
        let from = match by {
            DeactivatedBy::Themselves => UserStatus::Active,
            DeactivatedBy::Operator => UserStatus::Deactivated,
        };
        self.check(&[from])?;
        let mut next = self.clone();
        next.status = UserStatus::DeletionScheduled;
        next.deactivated_by = Some(by);
        next.deletes_at = Some(now.plus(USER_DELETION_WINDOW));
        Ok(next)
    }

    /// In use again.
    ///
    /// # Errors
    /// `invalid_state` unless deactivated, or to be deleted later than now.
    pub fn reactivated(&self, now: Timestamp) -> Result<User> {
        self.check(&[UserStatus::Deactivated, UserStatus::DeletionScheduled])?;
        if self.deletes_at.is_some_and(|at| at <= now) {
            return Err(Error::new(codes::INVALID_STATE, "the time to come back is over"));
        }
        let mut next = self.clone();
        next.status = UserStatus::Active;
        next.deactivated_by = None;
        next.deactivation_reason = None;
        next.deletes_at = None;
        Ok(next)
    }

    fn check(&self, from: &[UserStatus]) -> Result<()> {
        match from.contains(&self.status) {
            true => Ok(()),
            false => {
                let detail = format!("the account is {}", self.status);
                Err(Error::new(codes::INVALID_STATE, detail))
            }
        }
    }

    /// The deletion was scheduled, and its time has come.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.status == UserStatus::DeletionScheduled
            && self.deletes_at.is_some_and(|deletes_at| deletes_at <= now)
    }

    /// Nothing of the person but the id.
    #[must_use]
    pub fn erased(&self) -> User {
        User {
            email: None,
            emails: Vec::new(),
            display_name: DELETED_NAME.parse().unwrap_or_default(),
            given_name: None,
            family_name: None,
            phone_number: None,
            avatar_url: None,
            job_title: None,
            speciality: None,
            skills: Skills::default(),
            timezone: Timezone::default(),
            language: super::Language::default(),
            default_organization_id: None,
            status: UserStatus::Deleted,
            deactivation_reason: None,
            external_id: None,
            ..self.clone()
        }
    }

    /// The card of a deleted user.
    pub fn erased_card(&self) -> UserCard {
        self.erased().card()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::user::tests::ada, *};

    const DAY: Duration = Duration::from_secs(24 * 3600);

    #[test]
    fn a_deletion_is_taken_back_within_ninety_days() {
        let now = Timestamp::UNIX_EPOCH;
        let leaving = ada().to_be_deleted(DeactivatedBy::Themselves, now).expect("active");
        assert!(leaving.reactivated(now.plus(89 * DAY)).expect("in time").is_active());
        assert!(leaving.reactivated(now.plus(90 * DAY)).is_err());
        assert!(!leaving.is_due(now.plus(89 * DAY)));
        assert!(leaving.is_due(now.plus(90 * DAY)));
        assert!(leaving.to_be_deleted(DeactivatedBy::Operator, now).is_err());
    }

    #[test]
    fn operators_deactivate_before_they_delete() {
        let now = Timestamp::UNIX_EPOCH;
        assert!(ada().to_be_deleted(DeactivatedBy::Operator, now).is_err());
        let reason = "Spam".parse().ok();
        let out = ada().deactivated(DeactivatedBy::Operator, reason).expect("active");
        assert!(out.deactivated(DeactivatedBy::Themselves, None).is_err());
        assert!(out.to_be_deleted(DeactivatedBy::Operator, now).is_ok());
        assert_eq!(out.reactivated(now).expect("back"), ada());
    }

    #[test]
    fn an_erased_user_is_nobody() {
        let erased = serde_json::to_string(&ada().erased()).expect("JSON");
        assert!(!erased.contains("ada"), "{erased}");
        assert!(erased.contains("Deleted user"));
    }
}
