//! Reading rotations.

use axum::extract::State;
use millwright_core::{Error, Result};
use millwright_http::{
    Answered, Asking, Entitled, Listed, Listing, NoFilters, OrOperator, PathParameter, Versioned,
};

use crate::{
    app::SecretManagement,
    authority::Asker,
    domain::{Rotation, RotationId, SecretId},
    permissions::SecretRead,
    store::RotationItem,
};

/// List rotations
///
/// Newest first. Two queries.
#[utoipa::path(get, path = "/api/v1/secrets/{secretId}/rotations", tag = "Rotations")]
pub async fn rotation_list(
    caller: OrOperator<Entitled<SecretRead>>,
    State(app): State<SecretManagement>,
    asking: Asking,
    PathParameter((id,)): PathParameter<(SecretId,)>,
    listing: Listing<NoFilters>,
) -> Answered<Listed<Rotation>> {
    let asker = Asker::operated(&app, &caller, &asking);
    asker.demand_sight(id).await?;
    let query = RotationItem::all(&caller.tenant(), id);
    let page = app.store.page(&query, listing.limit, listing.from.as_ref()).await?;
    let found: Result<Vec<Rotation>> =
        page.items.iter().map(|item| Ok(item.decode::<RotationItem>()?.rotation)).collect();
    Ok(listing.page(found?, page.next).await?)
}

/// Read a rotation
///
/// One query and one read.
#[utoipa::path(get, path = "/api/v1/secrets/{secretId}/rotations/{rotationId}", tag = "Rotations")]
pub async fn rotation_get(
    caller: OrOperator<Entitled<SecretRead>>,
    State(app): State<SecretManagement>,
    asking: Asking,
    PathParameter((id, rotation)): PathParameter<(SecretId, RotationId)>,
) -> Answered<Versioned<Rotation>> {
    let asker = Asker::operated(&app, &caller, &asking);
    asker.demand_sight(id).await?;
    let place = RotationItem::place(&caller.tenant(), id, rotation);
    let found: Option<RotationItem> = app.store.get(&place).await?;
    Ok(Versioned(found.ok_or_else(|| Error::not_found("rotation"))?.rotation))
}
