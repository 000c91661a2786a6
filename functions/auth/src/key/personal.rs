//! /api/v1/auth/api-keys and below

use axum::extract::State;
use millwright_access::api_keys::KeyId;
use millwright_core::{ApiKeyId, Error, Result, codes};
use millwright_http::{
    Allowed, Answered, Body, Caller, Created, IfMatch, Listed, Listing, NoContent, PathParameter,
    Session, Submission, Versioned,
};

use super::{
    Owner,
    create::create,
    input::{KeyIn, KeyPatchIn, RotateIn},
    manage::{KeyFilters, get, list, revoke, update},
    rotate::rotate,
    view::{FreshKey, KeyView},
};
use crate::{
    app::Auth,
    permissions::{ApiKeyCreate, ApiKeyDelete, ApiKeyRead, ApiKeyUpdate},
    store::personal_keys_of,
};

/// Whose keys: a person's own.
fn owner(caller: &Caller) -> Result<Owner> {
    let user = caller.user();
    let detail = "a service key has no personal keys";
    user.map(Owner::Person).ok_or_else(|| Error::new(codes::FORBIDDEN, detail))
}

/// Create an own API key
///
/// The answer alone shows the secret. One GetItem of facts, one GetItem and one transaction of five
/// items.
#[utoipa::path(post, path = "/api/v1/auth/api-keys", tag = "API keys")]
pub async fn api_key_create(
    caller: Session<Allowed<ApiKeyCreate>>,
    State(app): State<Auth>,
    submission: Submission<KeyIn>,
) -> Answered<Created<FreshKey>> {
    let owner = owner(&caller)?;
    Ok(create(&app, &caller, owner, submission).await?)
}

/// List own API keys
///
/// Newest first; what is over for 90 days. One query, eventually consistent.
#[utoipa::path(get, path = "/api/v1/auth/api-keys", tag = "API keys")]
pub async fn api_key_list(
    caller: Allowed<ApiKeyRead>,
    State(app): State<Auth>,
    listing: Listing<KeyFilters>,
) -> Answered<Listed<KeyView>> {
    owner(&caller)?;
    let query = personal_keys_of(&caller.tenant(), caller.user());
    let status = listing.filters.status;
    Ok(list(&app, query, listing, status).await?)
}

/// Read an own API key
///
/// One GetItem.
#[utoipa::path(get, path = "/api/v1/auth/api-keys/{keyId}", tag = "API keys")]
pub async fn api_key_get(
    caller: Allowed<ApiKeyRead>,
    State(app): State<Auth>,
    PathParameter((id,)): PathParameter<(ApiKeyId,)>,
) -> Answered<Versioned<KeyView>> {
    let owner = owner(&caller)?;
    Ok(get(&app, &caller, owner, KeyId::Personal(id)).await?)
}

/// Change an own API key
///
/// Two GetItem and one transaction of at most three items.
#[utoipa::path(patch, path = "/api/v1/auth/api-keys/{keyId}", tag = "API keys")]
pub async fn api_key_update(
    caller: Session<Allowed<ApiKeyUpdate>>,
    State(app): State<Auth>,
    PathParameter((id,)): PathParameter<(ApiKeyId,)>,
    if_match: IfMatch,
    Body(patch): Body<KeyPatchIn>,
) -> Answered<Versioned<KeyView>> {
    let owner = owner(&caller)?;
    Ok(update(&app, &caller, owner, (KeyId::Personal(id), if_match, patch)).await?)
}

/// Rotate an own API key
///
/// A new secret, shown once; the old one is good for the overlap. One GetItem of facts, two GetItem
/// and one transaction of at most six items.
#[utoipa::path(post, path = "/api/v1/auth/api-keys/{keyId}/rotate", tag = "API keys")]
pub async fn api_key_rotate(
    caller: Session<Allowed<ApiKeyUpdate>>,
    State(app): State<Auth>,
    PathParameter((id,)): PathParameter<(ApiKeyId,)>,
    submission: Submission<RotateIn>,
) -> Answered<Versioned<FreshKey>> {
    let owner = owner(&caller)?;
    Ok(rotate(&app, &caller, owner, (KeyId::Personal(id), submission)).await?)
}

/// Revoke an own API key
///
/// For good, within a minute everywhere. Two GetItem and one transaction of five items.
#[utoipa::path(delete, path = "/api/v1/auth/api-keys/{keyId}", tag = "API keys")]
pub async fn api_key_revoke(
    caller: Allowed<ApiKeyDelete>,
    State(app): State<Auth>,
    PathParameter((id,)): PathParameter<(ApiKeyId,)>,
) -> Answered<NoContent> {
    let owner = owner(&caller)?;
    Ok(revoke(&app, &caller, owner, KeyId::Personal(id)).await?)
}
