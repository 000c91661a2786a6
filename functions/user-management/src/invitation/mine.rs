//! Invitations addressed to oneself.

use axum::extract::State;
use millwright_core::{Error, OrgId, Result};
use millwright_http::{
    Answered, Empty, PathParameter, Plain, Session, SignedIn, Submission, Versioned,
};
use millwright_store::Contention;
use serde::Serialize;
use utoipa::ToSchema;

use super::{read::find, settle_for_good};
use crate::{
    app::UserManagement,
    domain::{Email, Invitation, InvitationId, InvitationStatus, Organization, User},
    events::{InvitationData, InvitationDeclined},
    store::{InvitationItem, Invitee, organization_place},
    vouch,
};

/// How many invitations of one address are looked at.
const MAX_INVITATIONS: usize = 100;

/// An invitation to oneself.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MyInvitation {
    #[serde(flatten)]
    invitation: Invitation,
    organization_name: String,
}

/// All of them at once.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MyInvitations {
    items: Vec<MyInvitation>,
    /// Always null.
    next_cursor: Option<String>,
}

/// List one's own invitations
///
/// Pending ones to any of one's addresses, those first that expire first; not paged. One read, a
/// query for each address, and one batch read.
#[utoipa::path(get, path = "/api/v1/users/me/invitations", tag = "Invitations")]
pub async fn my_invitation_list(
    caller: SignedIn,
    State(app): State<UserManagement>,
) -> Answered<Plain<MyInvitations>> {
    let user = app.user(&caller.tenant()).await?;
    let mut items = Vec::new();
    for mine in &user.emails {
        items.extend(pending_for(&app, &mine.email).await?);
    }
    items.sort_by_key(|item| (item.invitation.expires_at, item.invitation.id));
    Ok(Plain(MyInvitations { items, next_cursor: None }))
}

/// The pending invitations to an address. One Query and one BatchGetItem.
pub async fn pending_for(app: &UserManagement, email: &Email) -> Result<Vec<MyInvitation>> {
    let now = app.store.clock().now();
    let mut places = Vec::new();
    for item in app.store.collect(&Invitee::newest(email), MAX_INVITATIONS).await? {
        let invitee: Invitee = item.decode()?;
        let tenant = vouch::joined(invitee.organization_id);
        if now < invitee.expires_at {
            places.push(InvitationItem::place(&tenant, invitee.invitation_id));
            places.push(organization_place(&tenant));
        }
    }
    // An organization may have invited the address more than once.
    places.sort();
    places.dedup();
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let mut organizations: Vec<Organization> = Vec::new();
    let mut invitations: Vec<Invitation> = Vec::new();
    for item in app.store.get_many(&places).await? {
        match item.is::<Organization>() {
            true => organizations.push(item.decode()?),
            false => invitations.push(item.decode::<InvitationItem>()?.invitation),
        }
    }
    invitations.retain(|invitation| invitation.status_at(now) == InvitationStatus::Pending);
    let with_name = |invitation: Invitation| {
        let organization = organizations.iter().find(|it| it.id == invitation.organization_id);
        let organization_name = organization.map(|it| it.name.to_string()).unwrap_or_default();
        MyInvitation { invitation, organization_name }
    };
    Ok(invitations.into_iter().map(with_name).collect())
}

/// Decline an invitation
///
/// One addressed to an address of one's own; any other is not found. One read, one batch read, one
/// read and one transaction of at most seven items.
#[utoipa::path(post, path = "/api/v1/invitations/{invitationId}/decline", tag = "Invitations")]
pub async fn my_invitation_decline(
    caller: Session<SignedIn>,
    State(app): State<UserManagement>,
    PathParameter((id,)): PathParameter<(InvitationId,)>,
    submission: Submission<Empty>,
) -> Answered<Versioned<Invitation>> {
    let user = app.user(&caller.tenant()).await?;
    let tenant = vouch::joined(address_of(&app, &user, id).await?);
    let attempt = || async {
        let before = find(&app, &tenant, id).await?;
        if before.invitation.status == InvitationStatus::Cancelled {
            return Err(Error::not_found("invitation"));
        }
        before.invitation.check_pending(app.store.clock().now())?;
        let declined = InvitationStatus::Declined;
        let after = before.invitation.ended(declined, None, app.stamp(&caller));
        let mut write = submission.write(&app.store, &caller);
        write.within(&tenant, |effects| {
            settle_for_good(effects, &before, &after)?;
            effects.emit(&InvitationDeclined(InvitationData::of(&after)))
        })?;
        write.commit(Versioned(after)).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}

/// The organization that has invited an address of the user. One BatchGetItem.
///
/// # Errors
/// `not_found`.
pub async fn address_of(app: &UserManagement, user: &User, id: InvitationId) -> Result<OrgId> {
    let places: Vec<_> = user.emails.iter().map(|mine| Invitee::place(&mine.email, id)).collect();
    let items = app.store.get_many(&places).await?;
    let invitee = items.first().ok_or_else(|| Error::not_found("invitation"))?;
    Ok(invitee.decode::<Invitee>()?.organization_id)
}
