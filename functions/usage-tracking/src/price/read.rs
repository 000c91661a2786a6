//! Prices: listed, read, and which of them holds.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Faults, Result, Tenant, Timestamp};
use millwright_http::{
    Allowed, Answered, Listed, Listing, Parameters, PathParameter, Plain, Representation,
    Versioned, extract::Several,
};
use millwright_store::Position;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::{
    app::Usage,
    domain::{
        CategoryCode, Description, Labels, MeasureName, Price, PriceId, PriceLevel, PriceModel,
        PriceState, Tier, TierMode, UpTo, effective,
    },
    permissions::PriceRead,
    query::{Filter, gathered},
    store::definitions,
};

/// A price.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(rename_all = "camelCase", example = json!({
    "id": "prc_01jdz7xk2nf5h9vq3w8c6m4t0b", "categoryCode": "ai.completion",
    "metric": "inputTokens", "level": "organization", "match": { "model": "large" },
    "model": "per_million", "unitPriceMicros": 3000000, "tiers": [], "tierMode": "graduated",
    "flatMicros": null, "effectiveFrom": "2026-11-23T01:04:58.000Z", "effectiveTo": null,
    "state": "active", "description": "", "version": 1, "createdAt": "2026-11-23T01:04:58.000Z",
    "createdBy": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b", "updatedAt": "2026-11-23T01:04:58.000Z",
}))]
pub struct PriceView {
    id: PriceId,
    category_code: CategoryCode,
    metric: String,
    level: PriceLevel,
    #[serde(rename = "match")]
    #[schema(rename = "match")]
    matching: std::collections::BTreeMap<String, String>,
    model: PriceModel,
    unit_price_micros: Option<u64>,
    tiers: UpTo<Tier, 10>,
    tier_mode: TierMode,
    flat_micros: Option<u64>,
    effective_from: Timestamp,
    effective_to: Option<Timestamp>,
    state: PriceState,
    description: Description,
    version: u64,
    created_at: Timestamp,
    created_by: String,
    updated_at: Timestamp,
}

impl PriceView {
    pub(super) fn of(price: &Price, now: Timestamp) -> PriceView {
        let it = price.clone();
        PriceView {
            state: price.state(now),
            id: it.id,
            category_code: it.category_code,
            metric: it.metric,
            level: it.level,
            matching: it.matching,
            model: it.model,
            unit_price_micros: it.unit_price_micros,
            tiers: it.tiers,
            tier_mode: it.tier_mode,
            flat_micros: it.flat_micros,
            effective_from: it.effective_from,
            effective_to: it.effective_to,
            description: it.description,
            version: it.version,
            created_at: it.created_at,
            created_by: it.created_by,
            updated_at: it.updated_at,
        }
    }
}

impl Representation for PriceView {
    fn version(&self) -> u64 {
        self.version
    }

    fn location(&self) -> String {
        match self.level {
            PriceLevel::Organization => format!("/api/v1/usage/prices/{}", self.id),
            PriceLevel::Global => format!("/api/v1/usage/global-prices/{}", self.id),
        }
    }
}

/// Filters of prices.
#[derive(Clone, Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct PriceFilters {
    #[deserr(default)]
    #[param(inline)]
    category_code: Option<CategoryCode>,
    #[deserr(default)]
    #[param(inline)]
    level: Option<PriceLevel>,
    /// Those that hold at this time.
    #[deserr(default)]
    #[param(inline)]
    at: Option<Timestamp>,
}

/// List prices
///
/// By category, metric and start; global ones as well. Two queries.
#[utoipa::path(get, path = "/api/v1/usage/prices", tag = "Prices")]
pub async fn price_list(
    caller: Allowed<PriceRead>,
    State(usage): State<Usage>,
    listing: Listing<PriceFilters>,
) -> Answered<Listed<PriceView>> {
    Ok(list(&usage, &caller.tenant(), listing).await?)
}

pub(super) async fn list(
    usage: &Usage,
    tenant: &Tenant,
    listing: Listing<PriceFilters>,
) -> Result<Listed<PriceView>> {
    let defined = usage.defined_now(tenant).await?;
    let now = usage.store.clock().now();
    let key =
        |it: &Price| format!("{}#{}#{}#{}", it.category_code, it.metric, it.effective_from, it.id);
    let after = listing.from.as_ref().map(|position| position.sort_key().to_owned());
    let filters = &listing.filters;
    let mut all: Vec<&Price> = defined
        .prices()
        .iter()
        .filter(|it| filters.category_code.as_ref().is_none_or(|code| *code == it.category_code))
        .filter(|it| filters.level.is_none_or(|level| level == it.level))
        .filter(|it| filters.at.is_none_or(|at| it.state(at) == PriceState::Active))
        .filter(|it| after.as_ref().is_none_or(|after| key(it) > *after))
        .collect();
    all.sort_by_key(|it| key(it));
    let has_more = all.len() > listing.limit;
    all.truncate(listing.limit);
    let last = all.last().map(|it| Position::behind(&definitions(tenant).at(key(it))));
    let items = all.into_iter().map(|it| PriceView::of(it, now)).collect();
    listing.page(items, last.filter(|_| has_more)).await
}

/// Read a price
///
/// One read.
#[utoipa::path(get, path = "/api/v1/usage/prices/{priceId}", tag = "Prices")]
pub async fn price_get(
    caller: Allowed<PriceRead>,
    State(usage): State<Usage>,
    PathParameter((id,)): PathParameter<(PriceId,)>,
) -> Answered<Versioned<PriceView>> {
    let price = usage.price(&caller.tenant(), PriceLevel::Organization, id).await?;
    Ok(Versioned(PriceView::of(&price, usage.store.clock().now())))
}

/// What is priced.
#[derive(Clone, Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct EffectiveQuery {
    #[param(inline)]
    category_code: CategoryCode,
    #[param(inline)]
    metric: MeasureName,
    /// `model:large`; may be repeated.
    #[deserr(default)]
    #[param(inline)]
    dimensions: Several<Filter>,
    /// Now, if not given.
    #[deserr(default)]
    #[param(inline)]
    at: Option<Timestamp>,
}

/// The price that holds.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EffectivePrice {
    /// Null if there is none: what an event reports holds, or it costs nothing.
    price: Option<PriceView>,
    /// Why this one.
    reason: String,
}

/// Read the effective price
///
/// An organization's price wins over what an event reports, and that over a global price; then more
/// matched dimensions, then the later start. At most two queries.
#[utoipa::path(get, path = "/api/v1/usage/prices/effective", tag = "Prices")]
pub async fn price_effective(
    caller: Allowed<PriceRead>,
    State(usage): State<Usage>,
    Parameters(query): Parameters<EffectiveQuery>,
) -> Answered<Plain<EffectivePrice>> {
    let defined = usage.defined(&caller.tenant()).await?;
    let category = defined.require_category(query.category_code.as_str())?;
    let mut dimensions: Labels = gathered(&query.dimensions.0)
        .into_iter()
        .filter_map(|(name, mut values)| Some((name, values.pop()?)))
        .collect();
    for dimension in &category.dimensions.0 {
        dimensions.entry(dimension.name.to_string()).or_default();
    }
    let now = usage.store.clock().now();
    let (code, metric) = (query.category_code.as_str(), query.metric.as_str());
    let at = query.at.unwrap_or(now);
    let price = effective(defined.prices(), code, metric, &dimensions, at);
    let reason = match price {
        None => "no price holds".to_owned(),
        Some(price) => {
            let matched = price.matching.len();
            format!(
                "{} price, {matched} dimensions matched, from {}",
                price.level, price.effective_from
            )
        }
    };
    Ok(Plain(EffectivePrice { price: price.map(|price| PriceView::of(price, now)), reason }))
}
