//! /api/v1/auth/service-keys and below

use axum::extract::State;
use millwright_access::api_keys::KeyId;
use millwright_core::ServiceKeyId;
use millwright_http::{
    Allowed, Answered, Body, Created, IfMatch, Listed, Listing, NoContent, PathParameter, Recent,
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
    permissions::{ServiceKeyCreate, ServiceKeyDelete, ServiceKeyRead, ServiceKeyUpdate},
    store::service_keys_of,
};

/// Create a service key
///
/// The answer alone shows the secret. One GetItem of facts, one GetItem and one transaction of five
/// items.
#[utoipa::path(post, path = "/api/v1/auth/service-keys", tag = "Service keys")]
pub async fn service_key_create(
    caller: Recent<Allowed<ServiceKeyCreate>>,
    State(app): State<Auth>,
    submission: Submission<KeyIn>,
) -> Answered<Created<FreshKey>> {
    let owner = Owner::Organization;
    Ok(create(&app, &caller, owner, submission).await?)
}

/// List service keys
///
/// Newest first; what is over for 90 days. One query, eventually consistent.
#[utoipa::path(get, path = "/api/v1/auth/service-keys", tag = "Service keys")]
pub async fn service_key_list(
    caller: Allowed<ServiceKeyRead>,
    State(app): State<Auth>,
    listing: Listing<KeyFilters>,
) -> Answered<Listed<KeyView>> {
    let query = service_keys_of(&caller.tenant());
    let status = listing.filters.status;
    Ok(list(&app, query, listing, status).await?)
}

/// Read a service key
///
/// One GetItem.
#[utoipa::path(get, path = "/api/v1/auth/service-keys/{keyId}", tag = "Service keys")]
pub async fn service_key_get(
    caller: Allowed<ServiceKeyRead>,
    State(app): State<Auth>,
    PathParameter((id,)): PathParameter<(ServiceKeyId,)>,
) -> Answered<Versioned<KeyView>> {
    let owner = Owner::Organization;
    Ok(get(&app, &caller, owner, KeyId::Service(id)).await?)
}

/// Change a service key
///
/// Two GetItem and one transaction of at most three items.
#[utoipa::path(patch, path = "/api/v1/auth/service-keys/{keyId}", tag = "Service keys")]
pub async fn service_key_update(
    caller: Session<Allowed<ServiceKeyUpdate>>,
    State(app): State<Auth>,
    PathParameter((id,)): PathParameter<(ServiceKeyId,)>,
    if_match: IfMatch,
    Body(patch): Body<KeyPatchIn>,
) -> Answered<Versioned<KeyView>> {
    let owner = Owner::Organization;
    Ok(update(&app, &caller, owner, (KeyId::Service(id), if_match, patch)).await?)
}

/// Rotate a service key
///
/// A new secret, shown once; the old one is good for the overlap. One GetItem of facts, two GetItem
/// and one transaction of at most six items.
#[utoipa::path(post, path = "/api/v1/auth/service-keys/{keyId}/rotate", tag = "Service keys")]
pub async fn service_key_rotate(
    caller: Session<Allowed<ServiceKeyUpdate>>,
    State(app): State<Auth>,
    PathParameter((id,)): PathParameter<(ServiceKeyId,)>,
    submission: Submission<RotateIn>,
) -> Answered<Versioned<FreshKey>> {
    let owner = Owner::Organization;
    Ok(rotate(&app, &caller, owner, (KeyId::Service(id), submission)).await?)
}

/// Revoke a service key
///
/// For good, within a minute everywhere. Two GetItem and one transaction of five items.
#[utoipa::path(delete, path = "/api/v1/auth/service-keys/{keyId}", tag = "Service keys")]
pub async fn service_key_revoke(
    caller: Session<Allowed<ServiceKeyDelete>>,
    State(app): State<Auth>,
    PathParameter((id,)): PathParameter<(ServiceKeyId,)>,
) -> Answered<NoContent> {
    let owner = Owner::Organization;
    Ok(revoke(&app, &caller, owner, KeyId::Service(id)).await?)
}
