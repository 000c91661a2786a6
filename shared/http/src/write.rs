//! The one transaction of a request.

use std::ops::{Deref, DerefMut};

use millwright_core::Result;
use millwright_event::{Destination, Event, Outbox};
use millwright_store::{Outcome, Step, Store, Transaction};

use crate::{Answer, Caller, idempotency::Claim};

/// Effects, events and the idempotency record of one request, written together. Dereferences to
/// the [`Transaction`], which collects the effects.
#[must_use = "nothing is written before commit"]
pub struct Write<'s> {
    store: &'s Store,
    transaction: Transaction,
    outbox: Outbox,
    claim: Option<Claim>,
}

impl<'s> Write<'s> {
    pub(crate) fn new(store: &'s Store, caller: &Caller, claim: Option<Claim>) -> Write<'s> {
        Write {
            store,
            transaction: store.transaction(&caller.tenant()),
            outbox: Outbox::new(caller.cause()),
            claim,
        }
    }

    /// Announces an event with the write: one outbox item holds all of them.
    pub fn emit(&mut self, event: &impl Event) -> Result<()> {
        self.outbox.emit(self.store, event)
    }

    /// Sends a job or command with the write, to the queue of that function.
    pub fn send(&mut self, function: &str, message: &impl Event) -> Result<()> {
        self.outbox.send(self.store, Destination::Queue(function.to_owned()), message)
    }

    /// Writes everything and gives the answer back: one transaction.
    ///
    /// # Errors
    /// As [`Transaction::commit`].
    pub async fn commit<A: Answer>(mut self, answer: A) -> Result<A> {
        let completion = self.complete(&answer)?;
        self.transaction.commit().await?;
        if let Some((claim, _)) = completion {
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
        let outcome = self.transaction.attempt().await?;
        match (&outcome, completion) {
            (Outcome::Done, Some((claim, _))) => claim.settle(),
            (Outcome::Refused(refusals), Some((_, step))) if refusals.at(step).is_some() => {
                return Err(Claim::taken_over());
            }
            _ => {}
        }
        Ok(outcome)
    }

    fn complete(&mut self, answer: &impl Answer) -> Result<Option<(Claim, Step)>> {
        self.outbox.clone().write(self.store, &mut self.transaction)?;
        let Some(claim) = self.claim.take() else { return Ok(None) };
        let rendered = answer.render()?;
        let step = claim.complete(&mut self.transaction, &rendered);
        Ok(Some((claim, step)))
    }
}

impl Caller {
    /// Begins the one transaction of a request that carries no idempotency key: PATCH, PUT, DELETE.
    pub fn write<'s>(&self, store: &'s Store) -> Write<'s> {
        Write::new(store, self, None)
    }
}

impl Deref for Write<'_> {
    type Target = Transaction;

    fn deref(&self) -> &Transaction {
        &self.transaction
    }
}

impl DerefMut for Write<'_> {
    fn deref_mut(&mut self) -> &mut Transaction {
        &mut self.transaction
    }
}
