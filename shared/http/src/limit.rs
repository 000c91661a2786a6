//! Rate limits: a token bucket per function instance and caller, without storage.

use std::{num::NonZeroU32, time::Duration};

use governor::{Quota, RateLimiter, clock::Clock as _, middleware::StateInformationMiddleware};
use millwright_core::{Error, Result, codes};

/// What is left to a caller, for the `RateLimit` headers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowance {
    pub(crate) burst: u32,
    pub(crate) per_second: u32,
    pub(crate) remaining: u32,
}

impl Allowance {
    /// `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers).
    pub(crate) fn policy(&self) -> String {
        let window = self.burst.div_ceil(self.per_second.max(1));
        format!("\"default\";q={};w={window}", self.burst)
    }

    /// `RateLimit`: what is left, and the seconds until the bucket is full again.
    pub(crate) fn state(&self) -> String {
        let refill = self.burst.saturating_sub(self.remaining).div_ceil(self.per_second.max(1));
        format!("\"default\";r={};t={refill}", self.remaining)
    }
}

pub(crate) struct Limiter {
    buckets: RateLimiter<
        String,
        governor::state::keyed::DefaultKeyedStateStore<String>,
        governor::clock::DefaultClock,
        StateInformationMiddleware,
    >,
    per_second: NonZeroU32,
    burst: NonZeroU32,
}

/// Buckets are swept when there are more callers than this.
const SWEEP_AT: usize = 10_000;

impl Limiter {
    /// `per_second` sustained, twice as much in a burst.
    pub(crate) fn new(per_second: u32) -> Limiter {
        let per_second = NonZeroU32::new(per_second).unwrap_or(NonZeroU32::MIN);
        let burst = per_second.saturating_mul(NonZeroU32::MIN.saturating_add(1));
        let quota = Quota::per_second(per_second).allow_burst(burst);
        let buckets = RateLimiter::keyed(quota).with_middleware::<StateInformationMiddleware>();
        Limiter { buckets, per_second, burst }
    }

    /// Takes one token of `caller`'s bucket; what is left, and `rate_limited` with the wait if
    /// there was none.
    pub(crate) fn take(&self, caller: &str) -> (Allowance, Result<()>) {
        if self.buckets.len() > SWEEP_AT {
            self.buckets.retain_recent();
        }
        let allowance = |remaining| Allowance {
            burst: self.burst.get(),
            per_second: self.per_second.get(),
            remaining,
        };
        match self.buckets.check_key(&caller.to_owned()) {
            Ok(snapshot) => (allowance(snapshot.remaining_burst_capacity()), Ok(())),
            Err(not_until) => {
                let wait = not_until.wait_time_from(governor::clock::DefaultClock::default().now());
                let detail = format!("more than {} requests per second", self.per_second);
                let error = Error::new(codes::RATE_LIMITED, detail);
                (allowance(0), Err(error.retry_after(wait.max(Duration::from_secs(1)))))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_caller_has_a_bucket_of_its_own() {
        let limiter = Limiter::new(1);
        assert_eq!(limiter.take("a").0.remaining, 1);
        assert_eq!(limiter.take("a").0.remaining, 0);
        let refused = limiter.take("a").1.expect_err("third");
        assert!(refused.is(codes::RATE_LIMITED));
        assert_eq!(refused.retry_after_seconds(), Some(1));
        assert!(limiter.take("b").1.is_ok());
    }

    #[test]
    fn headers_follow_the_draft() {
        let allowance = Allowance { burst: 200, per_second: 100, remaining: 150 };
        assert_eq!(allowance.policy(), "\"default\";q=200;w=2");
        assert_eq!(allowance.state(), "\"default\";r=150;t=1");
    }
}
