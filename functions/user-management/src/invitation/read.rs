//! Reading and cancelling invitations.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Error, Faults, Result, RoleId, Tenant, codes as shared_codes};
use millwright_http::{Allowed, Answered, Listed, Listing, NoContent, PathParameter, Versioned};
use millwright_store::{Contention, RawItem};
use utoipa::IntoParams;

use super::settle_for_good;
use crate::{
    app::UserManagement,
    codes,
    domain::{CancelReason, Email, Invitation, InvitationId, InvitationStatus, InvitationType},
    events::{InvitationCancelled, InvitationData},
    permissions::{InvitationDelete, InvitationRead},
    store::{InvitationItem, newest_invitations},
};

/// Filters of the invitations.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct InvitationFilters {
    #[deserr(default)]
    #[param(inline)]
    status: Option<InvitationStatus>,
    #[deserr(rename = "type", default)]
    #[param(rename = "type", inline)]
    kind: Option<InvitationType>,
    /// Exactly this address.
    #[deserr(default)]
    #[param(inline)]
    email: Option<Email>,
    #[deserr(default)]
    #[param(inline)]
    role_id: Option<RoleId>,
}

impl InvitationFilters {
    fn is_any(&self) -> bool {
        self.status.is_some()
            || self.kind.is_some()
            || self.email.is_some()
            || self.role_id.is_some()
    }

    fn admit(&self, invitation: &Invitation) -> bool {
        self.status.is_none_or(|status| invitation.status == status)
            && self.kind.is_none_or(|kind| invitation.kind == kind)
            && self.email.as_ref().is_none_or(|email| invitation.email.as_ref() == Some(email))
            && self.role_id.is_none_or(|role| invitation.role_id == role)
    }
}

/// List invitations
///
/// Newest first. With a filter a page may be short and still have a next one: at most 1,000
/// invitations are looked at for each. One query.
#[utoipa::path(get, path = "/api/v1/invitations", tag = "Invitations")]
pub async fn invitation_list(
    caller: Allowed<InvitationRead>,
    State(app): State<UserManagement>,
    listing: Listing<InvitationFilters>,
) -> Answered<Listed<Invitation>> {
    let now = app.store.clock().now();
    let admit = |item: &RawItem| {
        let shown = item.decode::<InvitationItem>()?.invitation.shown_at(now);
        Ok(listing.filters.admit(&shown).then_some(shown))
    };
    let query = newest_invitations(&caller.tenant());
    let (limit, from) = (listing.limit, listing.from.as_ref());
    let is_filtered = listing.filters.is_any();
    let page = app.store.filtered_page(&query, limit, from, is_filtered, admit).await?;
    Ok(listing.page(page.items, page.next).await?)
}

/// Read an invitation
///
/// One read.
#[utoipa::path(get, path = "/api/v1/invitations/{invitationId}", tag = "Invitations")]
pub async fn invitation_get(
    caller: Allowed<InvitationRead>,
    State(app): State<UserManagement>,
    PathParameter((id,)): PathParameter<(InvitationId,)>,
) -> Answered<Versioned<Invitation>> {
    let found = find(&app, &caller.tenant(), id).await?;
    Ok(Versioned(found.invitation.shown_at(app.store.clock().now())))
}

/// Cancel an invitation
///
/// Its link is dead at once. One read and one transaction of at most seven items.
#[utoipa::path(delete, path = "/api/v1/invitations/{invitationId}", tag = "Invitations")]
pub async fn invitation_cancel(
    caller: Allowed<InvitationDelete>,
    State(app): State<UserManagement>,
    PathParameter((id,)): PathParameter<(InvitationId,)>,
) -> Answered<NoContent> {
    let tenant = caller.tenant();
    let attempt = || async {
        let before = find(&app, &tenant, id).await?;
        match before.invitation.status {
            InvitationStatus::Pending => {}
            InvitationStatus::Cancelled => return Ok(NoContent),
            status => {
                let detail = format!("the invitation is {status}");
                return Err(Error::new(codes::INVITATION_NOT_PENDING, detail));
            }
        }
        let (cancelled, by_user) = (InvitationStatus::Cancelled, Some(CancelReason::ByUser));
        let after = before.invitation.ended(cancelled, by_user, app.stamp(&caller));
        let mut write = caller.write(&app.store);
        settle_for_good(&mut write, &before, &after)?;
        write.emit(&InvitationCancelled(InvitationData::of(&after)))?;
        write.commit(NoContent).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}

/// One GetItem.
///
/// # Errors
/// `not_found`.
pub async fn find(
    app: &UserManagement,
    tenant: &Tenant,
    id: InvitationId,
) -> Result<InvitationItem> {
    let found: Option<InvitationItem> = app.store.get(&InvitationItem::place(tenant, id)).await?;
    found.ok_or_else(|| Error::new(shared_codes::NOT_FOUND, "no such invitation"))
}
