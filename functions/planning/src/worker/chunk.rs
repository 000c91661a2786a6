//! A piece of a job: one transaction.

use std::ops::{Deref, DerefMut};

use millwright_core::Result;
use millwright_event::Effects;
use millwright_store::{MAX_TRANSACTION_ITEMS, Outcome};
use serde::Serialize;

use super::{Halt, PLANNING_JOBS, Run};
use crate::{
    domain::{Job, JobProgress, JobRow},
    events::JobSlice,
    store::{JobCheckpoint, JobRows, StoredResult},
};

/// Effects, events, row results, progress and checkpoint of one piece of work, written together.
/// Dereferences to the [`Effects`].
#[must_use = "nothing is written before commit"]
pub struct Chunk {
    effects: Effects,
    job: Job,
    result: Option<StoredResult>,
    rows: Vec<JobRow>,
    units: Option<(u64, u64)>,
}

impl Chunk {
    /// The effects a chunk has room for: head, checkpoint, rows and outbox are items, too.
    pub const ROOM: usize = MAX_TRANSACTION_ITEMS - 4;

    pub(super) fn begin(run: &Run) -> Chunk {
        Chunk {
            effects: Effects::new(&run.store, run.cause.clone()),
            job: run.head.job(),
            result: run.head.result.clone(),
            rows: Vec::new(),
            units: None,
        }
    }

    /// What the job is doing now, a few words in snake_case.
    pub fn stage(&mut self, stage: &str) {
        stage.clone_into(&mut self.job.summary.stage);
    }

    pub fn progress(&mut self) -> &mut JobProgress {
        &mut self.job.summary.progress
    }

    /// How much of the whole work is done, in any unit; by default the processed rows of all.
    pub fn done(&mut self, done: u64, all: u64) {
        self.units = Some((done, all));
    }

    /// What became of the next row of the input; counts it.
    pub fn row(&mut self, row: JobRow) {
        self.job.summary.progress.count(row.status);
        self.rows.push(row);
    }

    /// Columns that no field takes.
    pub fn unmapped_columns(&mut self, columns: Vec<String>) {
        const MOST: usize = 50;
        const LONGEST: usize = 100;
        let columns = columns.into_iter().take(MOST);
        self.job.unmapped_columns =
            columns.map(|name| name.chars().take(LONGEST).collect()).collect();
    }

    /// The file the job leaves; it must be stored already.
    pub fn result(&mut self, result: StoredResult) {
        self.result = Some(result);
    }

    /// Writes everything, and remembers `checkpoint` as the place to go on from. One transaction.
    /// [`Outcome::Refused`] tells which effects were refused; nothing was written then.
    ///
    /// # Errors
    /// [`Halt::Superseded`] if the job is not ours any more.
    pub async fn commit(
        mut self,
        run: &mut Run,
        checkpoint: &impl Serialize,
    ) -> Result<Outcome, Halt> {
        if run.has_handed_on {
            return Err(Halt::Superseded);
        }
        let now = run.store.clock().now();
        let JobProgress { processed, total, .. } = self.job.summary.progress;
        let (done, all) = self.units.unwrap_or((processed, total.unwrap_or_default()));
        self.job.advanced(done, all, now);
        let before = &run.head;
        let mut after = before.with(self.job);
        after.result = self.result;
        after.attempts = 0;
        let hands_on = run.hands_on || now >= run.ends_at;
        if hands_on {
            after.slice += 1;
            after.lease = None;
            let next = JobSlice { job_id: after.summary.id, slice: after.slice };
            self.effects.send(PLANNING_JOBS, &next)?;
        }
        let checkpoint = JobCheckpoint::of(after.summary.id, checkpoint)?;
        let head = after.replace(&mut self.effects, before);
        self.effects.put(&checkpoint);
        if !self.rows.is_empty() {
            let job_id = after.summary.id;
            self.effects.put(&JobRows { job_id, rows: self.rows, written_at: now });
        }
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

impl Deref for Chunk {
    type Target = Effects;

    fn deref(&self) -> &Effects {
        &self.effects
    }
}

impl DerefMut for Chunk {
    fn deref_mut(&mut self) -> &mut Effects {
        &mut self.effects
    }
}
