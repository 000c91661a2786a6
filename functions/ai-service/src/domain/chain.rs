//! Fallback chains: models that stand in for one another.

use deserr::Deserr;
use millwright_core::{Bounded, Faults, Line};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ChainId, Common, Few, ModelId, Slug, TimeoutOverrides};

millwright_core::wire_enum! {
    /// In which order the members of a chain are tried.
    pub enum Strategy {
        Ordered = "ordered",
        /// The first by weight, the others in order.
        Weighted = "weighted",
        Cheapest = "cheapest",
        /// By the median time to the first token in the last 15 minutes.
        Fastest = "fastest",
    }
}

millwright_core::wire_enum! {
    /// What failure of a member lets the next one try.
    pub enum Trigger {
        Connect = "connect",
        Timeout = "timeout",
        RateLimit = "rate_limit",
        ServerError = "server_error",
        Overloaded = "overloaded",
        ContextLength = "context_length",
        ContentFilter = "content_filter",
    }
}

impl Trigger {
    /// Of chains that say nothing.
    pub const DEFAULT: [Trigger; 5] = [
        Trigger::Connect,
        Trigger::Timeout,
        Trigger::RateLimit,
        Trigger::ServerError,
        Trigger::Overloaded,
    ];
}

/// One model of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Deserr, ToSchema)]
#[serde(rename_all = "camelCase")]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase")]
pub struct ChainMember {
    pub model_id: ModelId,
    /// Of `weighted` chains; 1 if not given.
    #[deserr(default)]
    #[schema(inline, required = false)]
    pub weight: Option<Bounded<0, 100>>,
    /// Instead of the provider's.
    #[deserr(default)]
    #[schema(required = false)]
    pub timeouts: Option<TimeoutOverrides>,
}

impl ChainMember {
    pub fn weight(&self) -> u32 {
        self.weight.map_or(1, Bounded::get)
    }
}

/// The same model twice is the same member twice.
impl std::fmt::Display for ChainMember {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.model_id.fmt(f)
    }
}

/// A fallback chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Chain {
    pub id: ChainId,
    #[serde(flatten)]
    pub common: Common,
    // Can be used as `model`.
    #[schema(inline)]
    pub slug: Slug<2, 41>,
    #[schema(inline)]
    pub name: Line<1, 80>,
    pub strategy: Strategy,
    #[schema(inline)]
    pub members: Few<ChainMember, 1, 8>,
    #[schema(inline)]
    pub trigger_on: Few<Trigger, 0, 7>,
    /// Of all tries together.
    pub max_total_seconds: u32,
    pub enabled: bool,
}
