//! What a link leads to, before anybody signs in.

use axum::extract::State;
use millwright_access::facts::RoleFacts;
use millwright_core::{Error, Timestamp};
use millwright_http::{Answered, Body, Plain, Public, Visit};
use serde::Serialize;
use utoipa::ToSchema;

use super::token::TokenIn;
use crate::{
    app::UserManagement,
    domain::{HttpsUrl, InvitationStatus, InvitationType, Organization},
    store::{InvitationItem, MemberItem, RoleItem, TokenMarker, member_place, organization_place},
    vouch,
};

/// What an invitation is about.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Preview {
    organization_name: String,
    logo_url: Option<HttpsUrl>,
    inviter_name: Option<String>,
    role_name: String,
    /// `a***@example.com`; null for a link.
    email_hint: Option<String>,
    expires_at: Timestamp,
    #[serde(rename = "type")]
    kind: InvitationType,
}

/// Preview an invitation
///
/// For whoever has the link; at most 30 a minute from one address. Unknown, cancelled, used and expired ones are told alike: not found.
/// One read and two batch reads.
#[utoipa::path(post, path = "/api/v1/invitations/preview", tag = "Invitations")]
pub async fn invitation_preview(
    _caller: Public,
    visit: Visit,
    State(app): State<UserManagement>,
    Body(TokenIn { token }): Body<TokenIn>,
) -> Answered<Plain<Preview>> {
    app.buckets.preview(visit.context.source_ip)?;
    let dead = || Error::not_found("invitation");
    let hash = token.hash();
    let marker: Option<TokenMarker> = app.store.get(&TokenMarker::place(&hash)).await?;
    let marker = marker.ok_or_else(dead)?;
    let tenant = vouch::joined(marker.organization_id);
    let places =
        [organization_place(&tenant), InvitationItem::place(&tenant, marker.invitation_id)];
    let items = app.store.get_many(&places).await?;
    let organization = items.iter().find(|item| item.is::<Organization>()).ok_or_else(dead)?;
    let organization: Organization = organization.decode()?;
    let item = items.iter().find(|item| item.is::<InvitationItem>()).ok_or_else(dead)?;
    let item: InvitationItem = item.decode()?;
    let invitation = item.invitation;
    let is_pending = invitation.status_at(app.store.clock().now()) == InvitationStatus::Pending;
    if item.token_hash != hash || !is_pending {
        return Err(dead().into());
    }
    let mut places = vec![RoleFacts::place(&tenant, invitation.role_id)];
    if let Ok(inviter) = invitation.created_by.parse() {
        places.push(member_place(&tenant, inviter));
    }
    let items = app.store.get_many(&places).await?;
    let role = items.iter().find(|item| item.is::<RoleItem>());
    let role: RoleItem = role.ok_or_else(dead)?.decode()?;
    let inviter = items.iter().find(|item| item.is::<MemberItem>());
    let inviter: Option<MemberItem> = inviter.map(|item| item.decode()).transpose()?;
    Ok(Plain(Preview {
        organization_name: organization.name.to_string(),
        logo_url: organization.logo_url,
        inviter_name: inviter.map(|item| item.member.user.display_name.to_string()),
        role_name: role.name,
        email_hint: invitation.email.map(|email| email.hint()),
        expires_at: invitation.expires_at,
        kind: invitation.kind,
    }))
}
