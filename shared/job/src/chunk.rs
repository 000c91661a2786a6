//! A piece of a job: one transaction.

use std::ops::{Deref, DerefMut};

use millwright_core::Result;
use millwright_event::Effects;
use millwright_store::{MAX_TRANSACTION_ITEMS, Outcome};
use serde::Serialize;

use crate::{Halt, JobHead, Jobs, Run, Slice, StoredResult, items::JobCheckpoint};

/// Effects, events, progress and checkpoint of one piece of work, written together. Dereferences to
/// the [`Effects`].
#[must_use = "nothing is written before commit"]
pub struct Chunk<J: Jobs> {
    effects: Effects,
    /// As it will be.
    head: JobHead<J>,
}

impl<J: Jobs> Chunk<J> {
    /// The effects a chunk has room for: head, checkpoint and outbox are items, too.
    pub const ROOM: usize = MAX_TRANSACTION_ITEMS - 3;

    pub(crate) fn begin(run: &Run<J>) -> Chunk<J> {
        Chunk { effects: Effects::new(&run.store, run.cause.clone()), head: run.head.clone() }
    }

    /// What the job is doing now, a few words in snake_case.
    pub fn stage(&mut self, stage: &str) {
        stage.clone_into(&mut self.head.summary.stage);
    }

    /// How much of the whole work is done after this chunk, in any unit; percent and remaining time
    /// follow from it.
    pub fn done(&mut self, done: u64, total: Option<u64>) {
        (self.head.summary.done, self.head.summary.total) = (done, total);
    }

    /// What the service tells of the job.
    pub fn details(&mut self) -> &mut J::Details {
        &mut self.head.summary.details
    }

    /// What the service tells of the job, but not in lists.
    pub fn extra(&mut self) -> &mut J::Extra {
        &mut self.head.extra
    }

    /// The file the job leaves; it must be stored already, under a key that another worker of the
    /// same job would write as well.
    pub fn result(&mut self, result: StoredResult) {
        self.head.result = Some(result);
    }

    /// Writes everything, and remembers `checkpoint` as the place to go on from. One transaction.
    /// [`Outcome::Refused`] tells which effects were refused; nothing was written then.
    ///
    /// # Errors
    /// [`Halt::Superseded`] if the job is not ours any more.
    pub async fn commit(
        mut self,
        run: &mut Run<J>,
        checkpoint: &impl Serialize,
    ) -> Result<Outcome, Halt> {
        if run.has_handed_on {
            return Err(Halt::Superseded);
        }
        let now = run.store.clock().now();
        let before = &run.head;
        let mut summary = self.head.summary;
        summary.advance(now);
        let (extra, result) = (self.head.extra, self.head.result);
        let mut after = JobHead { extra, result, attempts: 0, ..before.with(summary) };
        let hands_on = run.hands_on || now >= run.ends_at;
        if hands_on {
            after.slice += 1;
            after.lease = None;
            let next = Slice::<J>::of(&run.tenant, after.summary.id, after.slice);
            self.effects.send(J::FUNCTION, &next)?;
        }
        let checkpoint = JobCheckpoint::<J>::of(after.summary.id, checkpoint)?;
        let head = after.replace(&mut self.effects, before);
        self.effects.put(&checkpoint);
        let outcome = self.effects.attempt().await?;
        match &outcome {
            Outcome::Done => {
                run.head = after;
                run.checkpoint = Some(checkpoint);
                run.has_handed_on = hands_on;
            }
            Outcome::Refused(refusals) if refusals.at(head).is_some() => {
                return Err(Halt::Superseded);
            }
            Outcome::Refused(_) => {}
        }
        Ok(outcome)
    }
}

impl<J: Jobs> Deref for Chunk<J> {
    type Target = Effects;

    fn deref(&self) -> &Effects {
        &self.effects
    }
}

impl<J: Jobs> DerefMut for Chunk<J> {
    fn deref_mut(&mut self) -> &mut Effects {
        &mut self.effects
    }
}
