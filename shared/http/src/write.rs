//! The one transaction of a request.

use std::ops::{Deref, DerefMut};

use millwright_core::Result;
use millwright_event::Effects;
use millwright_store::{Outcome, Step, Store};

use crate::{Answer, Caller, idempotency::Claim};

/// Effects, events and the idempotency record of one request, written together. Dereferences to
/// the [`Effects`], which collect what is written and said.
#[must_use = "nothing is written before commit"]
pub struct Write {
    effects: Effects,
    claim: Option<ClaimUse>,
}

/// What a transaction means for the idempotency record of its request.
#[derive(Clone, Debug)]
pub(crate) enum ClaimUse {
    /// It is all there was to do.
    Complete(Claim),
    /// It is one of several; its answer is kept under this number.
    Step(Claim, usize),
}

impl Write {
    pub(crate) fn new(store: &Store, caller: &Caller, claim: Option<ClaimUse>) -> Write {
        Write { effects: Effects::new(store, caller.cause()), claim }
    }

    /// Writes everything and gives the answer back: one transaction.
    ///
    /// # Errors
    /// As [`millwright_store::Transaction::commit`].
    pub async fn commit<A: Answer>(mut self, answer: A) -> Result<A> {
        let completion = self.complete(&answer)?;
        self.effects.commit().await?;
        if let Some((ClaimUse::Complete(claim), _)) = completion {
            claim.settle();
        }
        Ok(answer)
    }

    /// As [`Write::commit`], but tells which steps were refused.
    ///
    /// # Errors
    /// `unavailable` if DynamoDB is; `idempotency_in_flight` if the key was lost meanwhile.
    pub async fn attempt<A: Answer>(mut self, answer: &A) -> Result<Outcome> {
        let completion = self.complete(answer)?;
        let outcome = self.effects.attempt().await?;
        match (&outcome, completion) {
            (Outcome::Done, Some((ClaimUse::Complete(claim), _))) => claim.settle(),
            (Outcome::Refused(refusals), Some((_, step))) if refusals.at(step).is_some() => {
                return Err(Claim::taken_over());
            }
            _ => {}
        }
        Ok(outcome)
    }

    fn complete(&mut self, answer: &impl Answer) -> Result<Option<(ClaimUse, Step)>> {
        self.effects.announce()?;
        let Some(claim) = self.claim.take() else { return Ok(None) };
        let rendered = answer.render()?;
        let step = match &claim {
            ClaimUse::Complete(claim) => claim.complete(&mut self.effects, &rendered),
            ClaimUse::Step(claim, number) => claim.keep_step(&mut self.effects, *number, &rendered),
        };
        Ok(Some((claim, step)))
    }
}

impl Caller {
    /// Begins the one transaction of a request that carries no idempotency key: PATCH, PUT, DELETE.
    pub fn write(&self, store: &Store) -> Write {
        Write::new(store, self, None)
    }
}

impl Deref for Write {
    type Target = Effects;

    fn deref(&self) -> &Effects {
        &self.effects
    }
}

impl DerefMut for Write {
    fn deref_mut(&mut self) -> &mut Effects {
        &mut self.effects
    }
}
