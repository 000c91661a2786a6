//! Invitations: writing them, sending them again, taking them.

mod accept;
pub mod batch;
mod create;
mod mine;
mod preview;
mod read;
mod resend;
mod token;

pub mod handlers {
    //! Where the table of contents finds them.
    pub use super::{
        accept::*, batch::handlers::*, create::*, mine::*, preview::*, read::*, resend::*,
    };
}

pub use mine::pending_for;
pub use token::Token;

use millwright_core::{Result, Tenant};
use millwright_event::Effects;
use millwright_http::Representation;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::UserManagement,
    domain::{Invitation, InvitationType},
    events::InvitationData,
    store::{
        Counted, Counters, Due, DueItem, InvitationItem, PendingMarker, RoleItem, TokenMarker,
    },
};

impl Representation for Invitation {
    fn version(&self) -> u64 {
        self.version
    }

    fn location(&self) -> String {
        format!("/api/v1/invitations/{}", self.id)
    }

    /// Who is invited does not read it by its id.
    fn can_be_read(&self) -> bool {
        false
    }
}

/// An invitation with the link that accepts it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SentInvitation {
    #[serde(flatten)]
    invitation: Invitation,
    /// Shown once: a repeat with the same idempotency key reads null.
    accept_url: Option<String>,
}

impl SentInvitation {
    /// Its letter, sent once.
    async fn posted(
        mut self,
        app: &UserManagement,
        tenant: &Tenant,
        token: &Token,
    ) -> SentInvitation {
        let sent = app.post.invite(&app.store, tenant, &self.invitation, token).await;
        self.invitation.mail_status = sent;
        self
    }
}

impl Representation for SentInvitation {
    fn version(&self) -> u64 {
        self.invitation.version
    }

    fn location(&self) -> String {
        self.invitation.location()
    }

    fn can_be_read(&self) -> bool {
        false
    }

    fn shown_once() -> &'static [&'static str] {
        &["acceptUrl"]
    }
}

impl InvitationData {
    pub fn of(invitation: &Invitation) -> InvitationData {
        InvitationData {
            invitation_id: invitation.id,
            invitation_type: invitation.kind,
            email_domain: invitation.email.as_ref().map(|email| email.domain().to_owned()),
            role_id: invitation.role_id,
            user_id: None,
            batch_id: None,
        }
    }
}

/// Settles a pending invitation otherwise than by acceptance, within its organization: three items.
/// What it counted is left to the caller where another one takes its place. What leads to it from
/// its address stays as long as it does: who is erased is erased there, too.
fn settle(effects: &mut Effects, before: &InvitationItem, after: &Invitation) -> Result<()> {
    let item = InvitationItem::of(after, &before.token_hash);
    let step = effects.replace(&item, before.version);
    effects.refused_as(step, millwright_core::Error::lost_race());
    effects.delete(&TokenMarker::place(&before.token_hash));
    let due = Due::Expiry(after.organization_id, after.id);
    DueItem::drop(effects, due, before.invitation.expires_at);
    Ok(())
}

/// As [`settle`], with everything it counted: six items.
pub fn settle_for_good(
    effects: &mut Effects,
    before: &InvitationItem,
    after: &Invitation,
) -> Result<()> {
    settle(effects, before, after)?;
    uncount(effects, after);
    Ok(())
}

/// A pending invitation counts no more: at most three items.
pub fn uncount(effects: &mut Effects, invitation: &Invitation) {
    if let (Some(email), InvitationType::Email) = (&invitation.email, invitation.kind) {
        let tenant = *effects.tenant();
        effects.delete(&PendingMarker::place(&tenant, email));
    }
    RoleItem::settle(effects, invitation.role_id);
    Counters::count(effects, Counted { pending_invitations: -1, ..Counted::default() });
}
