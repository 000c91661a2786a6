//! Waiting before a repeat: full jitter, as the AWS Builders' Library describes it.

use std::time::Duration;

use millwright_core::IdGenerator;

/// Full jitter: the n-th wait is random between 0 and `base * 2^n`, at most `cap`.
#[derive(Clone, Debug)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
    attempt: u32,
}

impl Backoff {
    pub fn new(base: Duration, cap: Duration) -> Backoff {
        Backoff { base, cap, attempt: 0 }
    }

    /// The next wait.
    pub fn next(&mut self, random: &IdGenerator) -> Duration {
        let ceiling = self.base.saturating_mul(1 << self.attempt.min(16)).min(self.cap);
        self.attempt += 1;
        let share = f64::from(u32::from_be_bytes(random.random_bytes())) / f64::from(u32::MAX);
        ceiling.mul_f64(share)
    }

    pub async fn wait(&mut self, random: &IdGenerator) {
        tokio::time::sleep(self.next(random)).await;
    }
}

impl Default for Backoff {
    /// 20 ms doubled each time, at most 800 ms.
    fn default() -> Backoff {
        Backoff::new(Duration::from_millis(20), Duration::from_millis(800))
    }
}
