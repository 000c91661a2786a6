//! The catalogue of models, and where the gateway is.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Error, Faults, Line};
use millwright_http::{Allowed, Answered, Listed, Listing, Parameters, Plain};
use millwright_model::{Capability, catalogue};
use millwright_store::{Partition, Position};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::{app::AiService, domain::PriceTable, permissions::ModelRead};

/// A model of the world with its public prices.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CatalogEntry {
    /// `<vendor>:<model>`
    key: String,
    vendor: String,
    name: String,
    display_name: String,
    context_window: Option<u64>,
    max_output_tokens: Option<u64>,
    capabilities: Vec<String>,
    prices: Option<PriceTable>,
    deprecated: bool,
    /// The day, where it is known.
    deprecated_on: Option<String>,
    /// The release of genai-prices that says so.
    source: String,
}

fn shown(entry: &catalogue::Entry) -> CatalogEntry {
    let source = catalogue::source();
    CatalogEntry {
        key: entry.key.clone(),
        vendor: entry.vendor.to_owned(),
        name: entry.name.to_owned(),
        display_name: entry.display_name.to_owned(),
        context_window: entry.context_window,
        max_output_tokens: entry.max_output_tokens,
        capabilities: entry.capabilities.iter().map(|it| it.as_str().to_owned()).collect(),
        prices: entry.prices.as_ref().map(PriceTable::from),
        deprecated: entry.is_deprecated,
        deprecated_on: entry.deprecated_on.map(str::to_owned),
        source: format!("genai-prices {} of {}", source.release, source.date),
    }
}

/// Which entries to list.
#[derive(Clone, Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct CatalogFilters {
    #[deserr(default)]
    #[param(inline)]
    vendor: Option<Line<1, 50>>,
    #[deserr(default)]
    capability: Option<Capability>,
    /// The beginning of key, name or shown name, in any case.
    #[deserr(default)]
    #[param(inline)]
    q: Option<Line<1, 100>>,
}

/// List the catalogue
///
/// By key. No call.
#[utoipa::path(get, path = "/api/v1/ai/catalog", tag = "Catalogue")]
pub async fn catalog_list(
    caller: Allowed<ModelRead>,
    State(_): State<AiService>,
    listing: Listing<CatalogFilters>,
) -> Answered<Listed<CatalogEntry>> {
    let filters = &listing.filters;
    let prefix = filters.q.as_ref().map(Line::as_str).unwrap_or_default();
    let from = listing.from.as_ref().map(Position::sort_key);
    let mut found = catalogue::search(prefix)
        .filter(|entry| from.is_none_or(|from| entry.key.as_str() > from))
        .filter(|entry| filters.vendor.as_ref().is_none_or(|it| entry.vendor == it.as_str()))
        .filter(|entry| filters.capability.is_none_or(|it| entry.capabilities.contains(&it)));
    let page: Vec<_> = found.by_ref().take(listing.limit).collect();
    let more = found.next().is_some();
    let last = page.last().filter(|_| more);
    let place = |entry: &&catalogue::Entry| {
        let partition = Partition::of(&caller.tenant()).and("CATALOGUE");
        Position::behind(&partition.at(&entry.key))
    };
    let next = last.map(place);
    Ok(listing.page(page.into_iter().map(shown).collect(), next).await?)
}

/// Which entry to read.
#[derive(Clone, Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct CatalogKey {
    /// `<vendor>:<model>`
    #[param(inline)]
    key: Line<1, 200>,
}

/// Read an entry of the catalogue
///
/// No call.
#[utoipa::path(get, path = "/api/v1/ai/catalog/entry", tag = "Catalogue")]
pub async fn catalog_get(
    _caller: Allowed<ModelRead>,
    State(_): State<AiService>,
    Parameters(parameters): Parameters<CatalogKey>,
) -> Answered<Plain<CatalogEntry>> {
    let entry = catalogue::get(parameters.key.as_str());
    Ok(Plain(shown(entry.ok_or_else(|| Error::not_found("entry of the catalogue"))?)))
}

/// Where official SDKs point their base URL.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Endpoints {
    openai_base_url: String,
    anthropic_base_url: String,
}

/// Read the base URLs
///
/// For the official SDKs of OpenAI and Anthropic: change base URL and key, and nothing else. No call.
#[utoipa::path(get, path = "/api/v1/ai/endpoints", tag = "Catalogue")]
pub async fn endpoint_list(
    _caller: Allowed<ModelRead>,
    State(app): State<AiService>,
) -> Answered<Plain<Endpoints>> {
    let origin = app.completions_origin();
    Ok(Plain(Endpoints {
        openai_base_url: format!("{origin}/api/v1/ai/openai/v1"),
        // Anthropic's SDKs add `/v1` themselves.
        anthropic_base_url: format!("{origin}/api/v1/ai/anthropic"),
    }))
}
