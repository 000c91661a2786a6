//! What an attempt consumed, and what that costs.

use millwright_core::wire_enum;
use millwright_model::{Part, Prices, Usage, estimate};

wire_enum! {
    /// Where the counts come from.
    pub enum UsageSource {
        Provider = "provider",
        /// The stream ended early, or the provider does not count.
        Estimated = "estimated",
        /// Nothing was consumed.
        None = "none",
    }
}

/// The sum of a completion's attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bill {
    pub usage: Usage,
    pub source: UsageSource,
    /// Micro-dollars.
    pub cost_micros: u64,
    /// An attempt consumed tokens of a model without prices.
    pub price_unknown: bool,
}

impl Default for Bill {
    fn default() -> Bill {
        let usage = Usage::default();
        Bill { usage, source: UsageSource::None, cost_micros: 0, price_unknown: false }
    }
}

impl Bill {
    /// Charges an attempt: as the provider counted, else as estimated from the request and what was
    /// received of the answer.
    pub fn charge(
        &mut self,
        prices: Option<&Prices>,
        counted: Option<Usage>,
        input_estimate: u64,
        received: &[Part],
    ) {
        let (usage, source) = match counted {
            // A provider that had no time to say how much it wrote.
            Some(usage) if usage.output_tokens == 0 && !received.is_empty() => {
                let output_tokens = estimate::output_tokens(received, &estimate::ByBytes);
                (Usage { output_tokens, ..usage }, UsageSource::Estimated)
            }
            Some(usage) => (usage, UsageSource::Provider),
            None => {
                let output_tokens = estimate::output_tokens(received, &estimate::ByBytes);
                let usage =
                    Usage { input_tokens: input_estimate, output_tokens, ..Usage::default() };
                (usage, UsageSource::Estimated)
            }
        };
        self.usage = self.usage.plus(&usage);
        self.source = match (self.source, source) {
            (UsageSource::Estimated, _) | (_, UsageSource::Estimated) => UsageSource::Estimated,
            (_, source) => source,
        };
        match prices {
            Some(prices) => {
                self.cost_micros = self.cost_micros.saturating_add(prices.cost_micros(&usage));
            }
            None => self.price_unknown = true,
        }
    }
}
