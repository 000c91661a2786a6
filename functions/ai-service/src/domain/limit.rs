//! Rate limits: how much of requests and tokens, by whom.

use deserr::Deserr;
use millwright_core::{Bounded, Faults, Line, OrgId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Common, LimitId};

millwright_core::wire_enum! {
    /// Of whom or what a limit is.
    pub enum LimitScope {
        Organization = "organization",
        User = "user",
        ApiKey = "api_key",
        Model = "model",
        Provider = "provider",
    }
}

/// 1-10^9
pub type Quantity = Bounded<1, 1_000_000_000>;

/// How much; what is not given is not limited. Windows are minutes and days in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Deserr, ToSchema)]
#[serde(rename_all = "camelCase")]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase")]
pub struct RateLimits {
    #[schema(inline)]
    pub requests_per_minute: Option<Quantity>,
    #[schema(inline)]
    pub tokens_per_minute: Option<Quantity>,
    #[schema(inline)]
    pub requests_per_day: Option<Quantity>,
    #[schema(inline)]
    pub tokens_per_day: Option<Quantity>,
    /// At the same time.
    #[schema(inline)]
    pub max_concurrent: Option<Quantity>,
}

impl RateLimits {
    pub fn is_empty(&self) -> bool {
        *self == RateLimits::default()
    }
}

/// A rate limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RateLimit {
    pub id: LimitId,
    #[serde(flatten)]
    pub common: Common,
    pub scope: LimitScope,
    /// Null: each one of the scope has this limit for itself.
    #[schema(inline)]
    pub subject_id: Option<Line<1, 100>>,
    #[serde(flatten)]
    pub limits: RateLimits,
}

/// The limits an organization has from the beginning: 600 requests and 1,000,000 tokens a minute of
/// the organization, 60 and 100,000 of each user. They are written when they are changed.
pub fn seeded_limits(organization: OrgId) -> Vec<RateLimit> {
    let seeds = [(LimitScope::Organization, 600, 1_000_000), (LimitScope::User, 60, 100_000)];
    let of = |(number, (scope, requests, tokens)): (i64, (LimitScope, u64, u64))| {
        // The organization's own bits, at a time of their own: nobody else's limit has this id.
        let mut bits = [0; 10];
        let uuid = organization.uuid();
        let (_, own) = uuid.as_bytes().split_at(6);
        bits.copy_from_slice(own);
        let stamp = super::Stamp { at: Timestamp::UNIX_EPOCH, by: "ai-service".to_owned() };
        RateLimit {
            id: LimitId::derived(Timestamp::from_millisecond(number), &bits),
            common: Common::first(organization, stamp),
            scope,
            subject_id: None,
            limits: RateLimits {
                requests_per_minute: Quantity::new(requests).ok(),
                tokens_per_minute: Quantity::new(tokens).ok(),
                ..RateLimits::default()
            },
        }
    };
    (0..).zip(seeds).map(of).collect()
}
