//! What a completion costs, in integers.

use serde::{Deserialize, Serialize};

use crate::common::Usage;

/// Micro-dollars (10^-6 USD) for a million tokens, and for the request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rates {
    pub input_micros_per_m_tok: u64,
    pub output_micros_per_m_tok: u64,
    /// None: as input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_read_micros_per_m_tok: Option<u64>,
    /// None: as input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_micros_per_m_tok: Option<u64>,
    /// Of each request, whatever its tokens.
    #[serde(default)]
    pub request_micros: u64,
}

/// The rates of long inputs, for all tokens of such a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tier {
    /// Holds for requests with more input than this, cached or not.
    pub above_input_tokens: u64,
    #[serde(flatten)]
    pub rates: Rates,
}

/// The prices of a model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Prices {
    #[serde(flatten)]
    pub base: Rates,
    /// In any order.
    #[serde(default)]
    pub tiers: Vec<Tier>,
}

/// Tokens that rates are for.
const TOKENS: u128 = 1_000_000;

impl Prices {
    /// The rates for an input of so many tokens: of the highest tier that it exceeds.
    #[must_use]
    pub fn rates(&self, all_input_tokens: u64) -> &Rates {
        let exceeded = self.tiers.iter().filter(|tier| all_input_tokens > tier.above_input_tokens);
        exceeded.max_by_key(|tier| tier.above_input_tokens).map_or(&self.base, |tier| &tier.rates)
    }

    /// The cost in micro-dollars, rounded once, half up; saturates.
    ///
    /// `round((input * in + read * cr + write * cw + output * out) / 10^6) + request`
    #[must_use]
    pub fn cost_micros(&self, usage: &Usage) -> u64 {
        let rates = self.rates(usage.all_input());
        let input = rates.input_micros_per_m_tok;
        // Four products of 64 bits each fit into 130 bits, so the sum saturates.
        let sum = [
            (usage.input_tokens, input),
            (usage.cache_read_tokens, rates.cache_read_micros_per_m_tok.unwrap_or(input)),
            (usage.cache_write_tokens, rates.cache_write_micros_per_m_tok.unwrap_or(input)),
            (usage.output_tokens, rates.output_micros_per_m_tok),
        ]
        .into_iter()
        .fold(0_u128, |sum, (tokens, rate)| {
            sum.saturating_add(u128::from(tokens).saturating_mul(u128::from(rate)))
        });
        let rounded = sum.saturating_add(TOKENS / 2) / TOKENS;
        let cost = rounded.saturating_add(u128::from(rates.request_micros));
        u64::try_from(cost).unwrap_or(u64::MAX)
    }

    /// The most that a request can cost, before it is made: all input uncached and in its tier, and
    /// as much output as the request and the model allow, of each of its `n` answers. Never less
    /// than a cost of such a request, unless caching costs more than not caching.
    #[must_use]
    pub fn worst_case_micros(
        &self,
        input_estimate: u64,
        requested_output: Option<u64>,
        model_maximum: u64,
        answers: u64,
    ) -> u64 {
        let output = requested_output.map_or(model_maximum, |asked| asked.min(model_maximum));
        let usage = Usage {
            input_tokens: input_estimate,
            output_tokens: output.saturating_mul(answers.max(1)),
            ..Usage::default()
        };
        self.cost_micros(&usage)
    }
}
