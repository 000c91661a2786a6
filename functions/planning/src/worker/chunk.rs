//! A piece of a job: one transaction.

use std::ops::{Deref, DerefMut};

use millwright_job::{Chunk as JobChunk, StoredResult};
use millwright_store::Outcome;
use serde::Serialize;

use super::{Halt, Run};
use crate::{
    domain::{JobProgress, JobRow},
    job::PlanningJobs,
    store::JobRows,
};

/// Effects, events, row results, progress and checkpoint of one piece of work, written together.
/// Dereferences to the `Effects`.
#[must_use = "nothing is written before commit"]
pub struct Chunk {
    chunk: JobChunk<PlanningJobs>,
    rows: Vec<JobRow>,
    units: Option<(u64, u64)>,
}

impl Chunk {
    /// The effects a chunk has room for: its rows are an item, too.
    pub const ROOM: usize = JobChunk::<PlanningJobs>::ROOM - 1;

    /// Begins the transaction of the next piece.
    pub fn begin(run: &Run) -> Chunk {
        Chunk { chunk: run.chunk(), rows: Vec::new(), units: None }
    }

    /// What the job is doing now, a few words in snake_case.
    pub fn stage(&mut self, stage: &str) {
        self.chunk.stage(stage);
    }

    pub fn progress(&mut self) -> &mut JobProgress {
        &mut self.chunk.details().progress
    }

    /// How much of the whole work is done, in any unit; by default the processed rows of all.
    pub fn done(&mut self, done: u64, all: u64) {
        self.units = Some((done, all));
    }

    /// What became of the next row of the input; counts it.
    pub fn row(&mut self, row: JobRow) {
        self.progress().count(row.status);
        self.rows.push(row);
    }

    /// Columns that no field takes.
    pub fn unmapped_columns(&mut self, columns: Vec<String>) {
        const MOST: usize = 50;
        const LONGEST: usize = 100;
        let columns = columns.into_iter().take(MOST);
        self.chunk.extra().unmapped_columns =
            columns.map(|name| name.chars().take(LONGEST).collect()).collect();
    }

    /// The file the job leaves; it must be stored already.
    pub fn result(&mut self, result: StoredResult) {
        self.chunk.result(result);
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
        let JobProgress { processed, total, .. } = *self.progress();
        match self.units {
            Some((done, all)) => self.chunk.done(done, Some(all)),
            None => self.chunk.done(processed, total),
        }
        if !self.rows.is_empty() {
            let (job_id, written_at) = (run.job().id, run.store().clock().now());
            self.chunk.put(&JobRows { job_id, rows: self.rows, written_at });
        }
        self.chunk.commit(run, checkpoint).await
    }
}

impl Deref for Chunk {
    type Target = JobChunk<PlanningJobs>;

    fn deref(&self) -> &JobChunk<PlanningJobs> {
        &self.chunk
    }
}

impl DerefMut for Chunk {
    fn deref_mut(&mut self) -> &mut JobChunk<PlanningJobs> {
        &mut self.chunk
    }
}
