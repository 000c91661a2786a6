//! Losing a race and trying again.

use std::time::Duration;

use millwright_core::Timestamp;

use crate::{Backoff, Store};

/// The rules of repeating after a lost race: the first time at once, then with full jitter, until
/// the time is up.
#[derive(Debug)]
pub struct Contention {
    began_at: Timestamp,
    losses: u32,
    backoff: Backoff,
}

/// The race was lost for too long.
#[derive(Clone, Copy, Debug)]
pub struct GaveUp;

impl Contention {
    /// Longer than this nobody waits; less than the timeout of an HTTP function.
    const PATIENCE: Duration = Duration::from_secs(10);
    /// A clock that stands still must not make an endless loop.
    const MAX_LOSSES: u32 = 200;

    pub fn new(store: &Store) -> Contention {
        let began_at = store.clock().now();
        Contention { began_at, losses: 0, backoff: Backoff::default() }
    }

    /// Call after each loss. True from the second on: what was learnt at the loss is old by now.
    ///
    /// # Errors
    /// [`GaveUp`] after ten seconds.
    pub async fn lost(&mut self, store: &Store) -> Result<bool, GaveUp> {
        self.losses += 1;
        if self.losses == 1 {
            return Ok(false);
        }
        let waited = store.clock().now().since(self.began_at);
        if waited > Contention::PATIENCE || self.losses > Contention::MAX_LOSSES {
            return Err(GaveUp);
        }
        self.backoff.wait(store.ids()).await;
        Ok(true)
    }
}
