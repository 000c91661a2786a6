//! /api/v1/auth/member-keys: personal keys of all members, for who keeps order.

use axum::extract::State;
use deserr::Deserr;
use millwright_access::api_keys::{KeyId, KeyRecord};
use millwright_core::{ApiKeyId, Error, Faults, UserId};
use millwright_http::{Allowed, Answered, Listed, Listing, NoContent, PathParameter, Session};
use utoipa::IntoParams;

use super::{
    Owner,
    manage::{list, revoke},
    view::{KeyStatus, KeyView},
};
use crate::{
    app::Auth,
    permissions::{MemberKeyRead, MemberKeyRevoke},
    store::personal_keys_of,
};

/// Which keys.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct MemberKeyFilters {
    #[deserr(default)]
    #[param(required = false)]
    user_id: Option<UserId>,
    #[deserr(default)]
    #[param(required = false, inline)]
    status: Option<KeyStatus>,
}

/// List keys of all members
///
/// By member, newest first. One query, eventually consistent.
#[utoipa::path(get, path = "/api/v1/auth/member-keys", tag = "API keys")]
pub async fn member_key_list(
    caller: Allowed<MemberKeyRead>,
    State(app): State<Auth>,
    listing: Listing<MemberKeyFilters>,
) -> Answered<Listed<KeyView>> {
    let query = personal_keys_of(&caller.tenant(), listing.filters.user_id);
    let status = listing.filters.status;
    Ok(list(&app, query, listing, status).await?)
}

/// Revoke a member's key
///
/// For good, within a minute everywhere. Three GetItem and one transaction of five items.
#[utoipa::path(delete, path = "/api/v1/auth/member-keys/{keyId}", tag = "API keys")]
pub async fn member_key_revoke(
    caller: Session<Allowed<MemberKeyRevoke>>,
    State(app): State<Auth>,
    PathParameter((id,)): PathParameter<(ApiKeyId,)>,
) -> Answered<NoContent> {
    let id = KeyId::Personal(id);
    let record: Option<KeyRecord> = app.store.get(&id.place()).await?;
    let owner = record.and_then(|record| record.summary.user_id).map(Owner::Person);
    // Another organization's is not found there, whoever has it.
    let owner = owner.ok_or_else(|| Error::not_found("key"))?;
    Ok(revoke(&app, &caller, owner, id).await?)
}
