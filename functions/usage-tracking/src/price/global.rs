//! Prices of the platform, which operators set: they hold where an organization has none of its own
//! and nothing is reported.

use axum::extract::State;
use millwright_http::{
    Answered, Body, Created, IfMatch, Listed, Listing, NoContent, Operator, PathParameter,
    Submission, Versioned,
};

use super::{
    PriceFilters, PriceIn, PricePatchIn, PriceView,
    change::{create, delete, update},
    read::list,
};
use crate::{
    app::Usage,
    domain::{PriceId, PriceLevel},
};

/// Create a global price
///
/// Of a category of the system. It holds for all organizations, for events from its start on, ten
/// seconds later at most; it never begins in the past. One read, two queries and one transaction.
#[utoipa::path(post, path = "/api/v1/usage/global-prices", tag = "Operators")]
pub async fn global_price_create(
    caller: Operator,
    State(usage): State<Usage>,
    submission: Submission<PriceIn>,
) -> Answered<Created<PriceView>> {
    Ok(create(&usage, &caller, PriceLevel::Global, submission).await?)
}

/// List global prices
///
/// By category, metric and start. Two queries.
#[utoipa::path(get, path = "/api/v1/usage/global-prices", tag = "Operators")]
pub async fn global_price_list(
    caller: Operator,
    State(usage): State<Usage>,
    listing: Listing<PriceFilters>,
) -> Answered<Listed<PriceView>> {
    Ok(list(&usage, &caller.tenant(), listing).await?)
}

/// Read a global price
///
/// One read.
#[utoipa::path(get, path = "/api/v1/usage/global-prices/{priceId}", tag = "Operators")]
pub async fn global_price_get(
    caller: Operator,
    State(usage): State<Usage>,
    PathParameter((id,)): PathParameter<(PriceId,)>,
) -> Answered<Versioned<PriceView>> {
    let price = usage.price(&caller.tenant(), PriceLevel::Global, id).await?;
    Ok(Versioned(PriceView::of(&price, usage.store.clock().now())))
}

/// Change a global price
///
/// Of one that has begun, the end and the description alone. Two reads, two queries and one
/// transaction.
#[utoipa::path(patch, path = "/api/v1/usage/global-prices/{priceId}", tag = "Operators")]
pub async fn global_price_update(
    caller: Operator,
    State(usage): State<Usage>,
    PathParameter((id,)): PathParameter<(PriceId,)>,
    if_match: IfMatch,
    Body(patch): Body<PricePatchIn>,
) -> Answered<Versioned<PriceView>> {
    Ok(update(&usage, &caller, (PriceLevel::Global, id), if_match, patch).await?)
}

/// Delete a global price
///
/// One that has not begun. One read and one transaction.
#[utoipa::path(delete, path = "/api/v1/usage/global-prices/{priceId}", tag = "Operators")]
pub async fn global_price_delete(
    caller: Operator,
    State(usage): State<Usage>,
    PathParameter((id,)): PathParameter<(PriceId,)>,
    if_match: IfMatch,
) -> Answered<NoContent> {
    Ok(delete(&usage, &caller, (PriceLevel::Global, id), if_match).await?)
}
