//! Sending an invitation again.

use axum::extract::State;
use millwright_core::Error;
use millwright_http::{Allowed, Answered, Empty, PathParameter, Submission, Versioned};
use millwright_store::Contention;

use super::{SentInvitation, create::lead_to, read::find, token::Token};
use crate::{
    app::UserManagement,
    domain::InvitationId,
    events::{InvitationData, InvitationResent},
    permissions::InvitationCreate,
    role::{find_role, require_assignable},
    store::{Due, DueItem, InvitationItem, TokenMarker, count_sent},
};

/// Send an invitation again
///
/// With a new link; the old one is dead at once. At most five times, at least a minute apart. Two
/// reads and one transaction of at most nine items; the letter as when inviting.
#[utoipa::path(post, path = "/api/v1/invitations/{invitationId}/resend", tag = "Invitations")]
pub async fn invitation_resend(
    caller: Allowed<InvitationCreate>,
    State(app): State<UserManagement>,
    PathParameter((id,)): PathParameter<(InvitationId,)>,
    submission: Submission<Empty>,
) -> Answered<Versioned<SentInvitation>> {
    let tenant = caller.tenant();
    let token = Token::random(app.store.ids());
    let accept_url = token.accept_url(app.post.app_url.get().await?);
    let attempt = || async {
        let before = find(&app, &tenant, id).await?;
        let role = find_role(&app, &tenant, before.invitation.role_id).await?;
        require_assignable::<InvitationCreate>(&app, &caller, &role).await?;
        let stamp = app.stamp(&caller);
        let mut invitation = before.invitation.resent(stamp.clone())?;
        invitation.mail_status = app.post.before(invitation.kind);
        let mut write = submission.write(&app.store, &caller);
        let item = InvitationItem::of(&invitation, &token.hash());
        let step = write.replace(&item, before.version);
        write.refused_as(step, Error::lost_race());
        write.delete(&TokenMarker::place(&before.token_hash));
        let due = Due::Expiry(invitation.organization_id, id);
        DueItem::drop(&mut write, due, before.invitation.expires_at);
        lead_to(&mut write, &invitation, &token);
        count_sent(&mut write, stamp.at);
        write.emit(&InvitationResent(InvitationData::of(&invitation)))?;
        let accept_url = Some(accept_url.clone());
        write.commit(Versioned(SentInvitation { invitation, accept_url })).await
    };
    let Versioned(sent) = Contention::new(&app.store).settle(&app.store, attempt).await?;
    Ok(Versioned(sent.posted(&app, &tenant, &token).await))
}
