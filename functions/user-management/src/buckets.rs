//! How often links are tried: a token bucket per function instance, without storage.

use std::{net::IpAddr, num::NonZeroU32};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock};
use millwright_core::{Error, Result, UserId, codes};

/// Tries within a minute; as many at once after a rest.
const PER_MINUTE: NonZeroU32 = NonZeroU32::MIN.saturating_add(29);
/// Buckets are swept when there are more.
const SWEEP_AT: usize = 10_000;

/// The buckets of an instance.
pub struct Buckets {
    previews: DefaultKeyedRateLimiter<Option<IpAddr>>,
    acceptances: DefaultKeyedRateLimiter<UserId>,
}

impl Buckets {
    pub fn new() -> Buckets {
        let quota = Quota::per_minute(PER_MINUTE);
        Buckets { previews: RateLimiter::keyed(quota), acceptances: RateLimiter::keyed(quota) }
    }

    /// One more look at an invitation, from an address.
    ///
    /// # Errors
    /// `rate_limited`, with the wait.
    pub fn preview(&self, from: Option<IpAddr>) -> Result<()> {
        take(&self.previews, &from)
    }

    /// One more acceptance, by a user.
    ///
    /// # Errors
    /// `rate_limited`, with the wait.
    pub fn accept(&self, user: UserId) -> Result<()> {
        take(&self.acceptances, &user)
    }
}

fn take<K: std::hash::Hash + Eq + Clone>(
    buckets: &DefaultKeyedRateLimiter<K>,
    key: &K,
) -> Result<()> {
    if buckets.len() > SWEEP_AT {
        buckets.retain_recent();
    }
    buckets.check_key(key).map_err(|not_until| {
        let wait = not_until.wait_time_from(governor::clock::DefaultClock::default().now());
        let detail = format!("more than {PER_MINUTE} a minute");
        Error::new(codes::RATE_LIMITED, detail).retry_after(wait)
    })
}
