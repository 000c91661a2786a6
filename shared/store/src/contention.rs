//! Losing a race and trying again.

use std::time::Duration;

use millwright_core::{Error, Result, Timestamp, codes};

use crate::{Backoff, Store};

/// The rules of repeating after a lost race: the first time at once, then with full jitter, until
/// the time is up.
#[derive(Debug)]
pub struct Contention {
    began_at: Timestamp,
    losses: u32,
    max_losses: u32,
    backoff: Backoff,
}

impl Contention {
    /// Longer than this nobody waits; less than the timeout of an HTTP function.
    const PATIENCE: Duration = Duration::from_secs(10);
    /// A clock that stands still must not make an endless loop.
    const MAX_LOSSES: u32 = 200;

    pub fn new(store: &Store) -> Contention {
        Contention {
            began_at: store.clock().now(),
            losses: 0,
            max_losses: Contention::MAX_LOSSES,
            backoff: Backoff::default(),
        }
    }

    /// Gives up after so many losses, if not for the time.
    #[must_use]
    pub fn at_most(mut self, losses: u32) -> Contention {
        self.max_losses = losses;
        self
    }

    /// Call after each loss. True from the second on: what was learnt at the loss is old by now.
    ///
    /// # Errors
    /// `contention` after ten seconds, or too many losses.
    pub async fn lost(&mut self, store: &Store) -> Result<bool> {
        self.losses += 1;
        let waited = store.clock().now().since(self.began_at);
        if waited > Contention::PATIENCE || self.losses > self.max_losses {
            return Err(Error::lost_race());
        }
        if self.losses == 1 {
            return Ok(false);
        }
        self.backoff.wait(store.ids()).await;
        Ok(true)
    }

    /// Reads, decides, writes; again as long as the attempt ends in [`Error::lost_race`].
    ///
    /// # Errors
    /// Those of the attempt; `contention` after ten seconds, or too many losses.
    pub async fn settle<T, A>(mut self, store: &Store, mut attempt: impl FnMut() -> A) -> Result<T>
    where
        A: Future<Output = Result<T>>,
    {
        loop {
            match attempt().await {
                Err(error) if error.is(codes::CONTENTION) => self.lost(store).await?,
                outcome => return outcome,
            };
        }
    }
}
