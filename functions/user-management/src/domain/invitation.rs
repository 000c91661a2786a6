//! Invitations: how people get in.

use std::time::Duration;

use millwright_core::{
    Bounded, Error, OrgId, Result, RoleId, TeamId, Text, Timestamp, UserId, wire_enum,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Email, EmailDomain, Stamp};
use crate::codes;

millwright_core::id! {
    /// An invitation.
    InvitationId = InvitationNoun("inv");
}

millwright_core::id! {
    /// A batch of invitations.
    InvitationBatchId = InvitationBatchNoun("ivb");
}

/// At most 500 characters.
pub type Message = Text<1, 500>;
/// How often a link may be used.
pub type MaxUses = Bounded<1, 100>;
/// How long a link lives, in hours.
pub type LinkHours = Bounded<1, 48>;

/// How long an invitation by e-mail lives.
pub const EMAIL_LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);
/// How often an invitation is sent again.
const MAX_RESENDS: u32 = 5;
/// Not more often than this.
const RESEND_INTERVAL: Duration = Duration::from_secs(60);

wire_enum! {
    /// To one address, or by a link that is passed on.
    pub enum InvitationType {
        Email = "email",
        Link = "link",
    }
}

wire_enum! {
    /// What became of an invitation.
    pub enum InvitationStatus {
        Pending = "pending",
        Accepted = "accepted",
        Declined = "declined",
        Cancelled = "cancelled",
        Expired = "expired",
    }
}

wire_enum! {
    /// Why an invitation was cancelled.
    pub enum CancelReason {
        ByUser = "by_user",
        Superseded = "superseded",
        OrganizationDeleted = "organization_deleted",
    }
}

wire_enum! {
    /// Whether a letter went out.
    pub enum MailStatus {
        NotConfigured = "not_configured",
        Sent = "sent",
        Failed = "failed",
    }
}

/// An invitation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Invitation {
    pub id: InvitationId,
    pub organization_id: OrgId,
    #[serde(rename = "type")]
    pub kind: InvitationType,
    /// Of an invitation by e-mail.
    pub email: Option<Email>,
    pub role_id: RoleId,
    /// The teams it leads into; those that are gone by then are left out.
    #[serde(default)]
    pub team_ids: Vec<TeamId>,
    pub message: Option<Message>,
    pub status: InvitationStatus,
    pub cancel_reason: Option<CancelReason>,
    pub expires_at: Timestamp,
    pub resend_count: u32,
    pub last_sent_at: Timestamp,
    pub mail_status: MailStatus,
    /// Of a link.
    pub max_uses: Option<u32>,
    pub use_count: u32,
    /// Of a link: the domains it is good for; empty: any.
    pub allowed_email_domains: Vec<EmailDomain>,
    pub accepted_by: Option<UserId>,
    pub accepted_at: Option<Timestamp>,
    pub version: u64,
    pub created_at: Timestamp,
    pub created_by: String,
    pub updated_at: Timestamp,
    pub updated_by: String,
}

impl Invitation {
    /// As it stands at a time: what nobody has stored yet is told at once.
    pub fn status_at(&self, now: Timestamp) -> InvitationStatus {
        match self.status {
            InvitationStatus::Pending if now >= self.expires_at => InvitationStatus::Expired,
            status => status,
        }
    }

    /// As it is answered at a time.
    #[must_use]
    pub fn shown_at(mut self, now: Timestamp) -> Invitation {
        self.status = self.status_at(now);
        self
    }

    /// # Errors
    /// `invitation_expired`, `invitation_used_up`, `invitation_not_pending`.
    pub fn check_pending(&self, now: Timestamp) -> Result<()> {
        match self.status_at(now) {
            InvitationStatus::Pending => Ok(()),
            InvitationStatus::Expired => {
                Err(Error::new(codes::INVITATION_EXPIRED, "ask for another invitation"))
            }
            InvitationStatus::Accepted if self.kind == InvitationType::Link => {
                Err(Error::new(codes::INVITATION_USED_UP, "ask for another invitation"))
            }
            status => {
                let detail = format!("the invitation is {status}");
                Err(Error::new(codes::INVITATION_NOT_PENDING, detail))
            }
        }
    }

    /// Sent once more, with another token.
    ///
    /// # Errors
    /// `resend_limit_reached`, `resend_too_soon`, or as [`Invitation::check_pending`].
    pub fn resent(&self, stamp: Stamp) -> Result<Invitation> {
        let now = stamp.at;
        self.check_pending(now)?;
        if self.resend_count >= MAX_RESENDS {
            let detail = "cancel it, and invite again";
            return Err(Error::new(codes::RESEND_LIMIT_REACHED, detail).with("limit", MAX_RESENDS));
        }
        let next_at = self.last_sent_at.plus(RESEND_INTERVAL);
        if now < next_at {
            let detail = "an invitation is sent at most once a minute";
            return Err(Error::new(codes::RESEND_TOO_SOON, detail).retry_after(next_at.since(now)));
        }
        let mut next = self.clone();
        let lifetime = self.expires_at.since(self.last_sent_at);
        next.resend_count += 1;
        next.last_sent_at = now;
        next.expires_at = now.plus(lifetime);
        Ok(next.stamped(stamp))
    }

    /// Settled otherwise than by acceptance.
    #[must_use]
    pub fn ended(
        &self,
        status: InvitationStatus,
        reason: Option<CancelReason>,
        stamp: Stamp,
    ) -> Invitation {
        let mut next = self.clone();
        next.status = status;
        next.cancel_reason = reason;
        next.stamped(stamp)
    }

    /// Used by somebody: an invitation by e-mail is accepted, a link is once it is used up.
    #[must_use]
    pub fn used(&self, user: UserId, stamp: Stamp) -> Invitation {
        let mut next = self.clone();
        next.use_count += 1;
        match self.kind {
            InvitationType::Email => {
                next.status = InvitationStatus::Accepted;
                next.accepted_by = Some(user);
                next.accepted_at = Some(stamp.at);
            }
            InvitationType::Link if self.max_uses.is_some_and(|max| next.use_count >= max) => {
                next.status = InvitationStatus::Accepted;
            }
            InvitationType::Link => {}
        }
        next.stamped(stamp)
    }

    /// The next version. Times never run backwards.
    #[must_use]
    pub fn stamped(mut self, stamp: Stamp) -> Invitation {
        self.version += 1;
        self.updated_at = stamp.at.max(self.updated_at);
        self.updated_by = stamp.by;
        self
    }
}
