//! Reading versions, without their values.

use axum::extract::State;
use millwright_core::Result;
use millwright_http::{
    Answered, Asking, Entitled, Listed, Listing, NoFilters, OrOperator, PathParameter, Versioned,
};

use super::{Number, VersionView, find};
use crate::{
    app::SecretManagement, authority::Asker, domain::SecretId, permissions::SecretRead,
    store::VersionItem,
};

/// List versions
///
/// Newest first, without values. Two queries.
#[utoipa::path(get, path = "/api/v1/secrets/{secretId}/versions", tag = "Versions")]
pub async fn version_list(
    caller: OrOperator<Entitled<SecretRead>>,
    State(app): State<SecretManagement>,
    asking: Asking,
    PathParameter((id,)): PathParameter<(SecretId,)>,
    listing: Listing<NoFilters>,
) -> Answered<Listed<VersionView>> {
    let asker = Asker::operated(&app, &caller, &asking);
    let (loaded, _) = asker.demand_sight(id).await?;
    let query = VersionItem::all(&caller.tenant(), id);
    let page = app.store.page(&query, listing.limit, listing.from.as_ref()).await?;
    let view = |item: &millwright_store::RawItem| {
        Ok(VersionView::of(&loaded.secret, item.decode::<VersionItem>()?.version()))
    };
    let views: Result<Vec<VersionView>> = page.items.iter().map(view).collect();
    Ok(listing.page(views?, page.next).await?)
}

/// Read a version
///
/// Without its value. One query and one read.
#[utoipa::path(get, path = "/api/v1/secrets/{secretId}/versions/{number}", tag = "Versions")]
pub async fn version_get(
    caller: OrOperator<Entitled<SecretRead>>,
    State(app): State<SecretManagement>,
    asking: Asking,
    PathParameter((id, number)): PathParameter<(SecretId, Number)>,
) -> Answered<Versioned<VersionView>> {
    let asker = Asker::operated(&app, &caller, &asking);
    let (loaded, _) = asker.demand_sight(id).await?;
    let item = find(&app.store, &caller.tenant(), id, number.get()).await?;
    Ok(Versioned(VersionView::of(&loaded.secret, item.version())))
}
