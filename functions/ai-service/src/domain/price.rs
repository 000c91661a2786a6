//! Prices as an organization writes them.

use deserr::Deserr;
use millwright_core::Faults;
use millwright_model::{Prices, Rates, Tier};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Few, UpTo};

/// Micro-dollars, at most a million dollars.
pub type Micros = UpTo<1_000_000_000_000>;

/// Micro-dollars per million tokens, and per request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Deserr, ToSchema)]
#[serde(rename_all = "camelCase")]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase")]
pub struct PriceTable {
    #[schema(inline)]
    pub input_micros_per_m_tok: Micros,
    #[schema(inline)]
    pub output_micros_per_m_tok: Micros,
    /// As input, if not given.
    #[deserr(default)]
    #[schema(inline, required = false)]
    pub cache_read_micros_per_m_tok: Option<Micros>,
    /// As input, if not given.
    #[deserr(default)]
    #[schema(inline, required = false)]
    pub cache_write_micros_per_m_tok: Option<Micros>,
    #[deserr(default)]
    #[schema(inline, required = false)]
    pub request_micros: Micros,
    // Of long inputs: the highest that is exceeded holds for all tokens of the request.
    #[deserr(default)]
    #[schema(inline, required = false)]
    pub tiers: Few<PriceTier, 0, 5>,
}

/// Prices of requests with more input than `aboveInputTokens`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Deserr, ToSchema)]
#[serde(rename_all = "camelCase")]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase")]
pub struct PriceTier {
    #[schema(inline)]
    pub above_input_tokens: UpTo<10_000_000>,
    #[schema(inline)]
    pub input_micros_per_m_tok: Micros,
    #[schema(inline)]
    pub output_micros_per_m_tok: Micros,
    #[deserr(default)]
    #[schema(inline, required = false)]
    pub cache_read_micros_per_m_tok: Option<Micros>,
    #[deserr(default)]
    #[schema(inline, required = false)]
    pub cache_write_micros_per_m_tok: Option<Micros>,
    #[deserr(default)]
    #[schema(inline, required = false)]
    pub request_micros: Micros,
}

/// Two tiers with the same beginning are the same twice.
impl std::fmt::Display for PriceTier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.above_input_tokens.get())
    }
}

impl From<&PriceTable> for Prices {
    fn from(table: &PriceTable) -> Prices {
        let tier = |tier: &PriceTier| Tier {
            above_input_tokens: tier.above_input_tokens.get(),
            rates: Rates {
                input_micros_per_m_tok: tier.input_micros_per_m_tok.get(),
                output_micros_per_m_tok: tier.output_micros_per_m_tok.get(),
                cache_read_micros_per_m_tok: tier.cache_read_micros_per_m_tok.map(UpTo::get),
                cache_write_micros_per_m_tok: tier.cache_write_micros_per_m_tok.map(UpTo::get),
                request_micros: tier.request_micros.get(),
            },
        };
        Prices {
            base: Rates {
                input_micros_per_m_tok: table.input_micros_per_m_tok.get(),
                output_micros_per_m_tok: table.output_micros_per_m_tok.get(),
                cache_read_micros_per_m_tok: table.cache_read_micros_per_m_tok.map(UpTo::get),
                cache_write_micros_per_m_tok: table.cache_write_micros_per_m_tok.map(UpTo::get),
                request_micros: table.request_micros.get(),
            },
            tiers: table.tiers.as_slice().iter().map(tier).collect(),
        }
    }
}

impl From<&Prices> for PriceTable {
    fn from(prices: &Prices) -> PriceTable {
        let tier = |tier: &Tier| PriceTier {
            above_input_tokens: UpTo::saturating(tier.above_input_tokens),
            input_micros_per_m_tok: UpTo::saturating(tier.rates.input_micros_per_m_tok),
            output_micros_per_m_tok: UpTo::saturating(tier.rates.output_micros_per_m_tok),
            cache_read_micros_per_m_tok: tier
                .rates
                .cache_read_micros_per_m_tok
                .map(UpTo::saturating),
            cache_write_micros_per_m_tok: tier
                .rates
                .cache_write_micros_per_m_tok
                .map(UpTo::saturating),
            request_micros: UpTo::saturating(tier.rates.request_micros),
        };
        let base = &prices.base;
        PriceTable {
            input_micros_per_m_tok: UpTo::saturating(base.input_micros_per_m_tok),
            output_micros_per_m_tok: UpTo::saturating(base.output_micros_per_m_tok),
            cache_read_micros_per_m_tok: base.cache_read_micros_per_m_tok.map(UpTo::saturating),
            cache_write_micros_per_m_tok: base.cache_write_micros_per_m_tok.map(UpTo::saturating),
            request_micros: UpTo::saturating(base.request_micros),
            tiers: Few::of(prices.tiers.iter().map(tier).collect()),
        }
    }
}
