//! planning-jobs: works off jobs. How is told in `shared/job`; here are the kinds, and what a chunk
//! of planning is beside.

mod chunk;
mod kinds;

pub use millwright_job::{Advance, Halt, StoredResult, Times, Work};

pub use chunk::Chunk;
pub use kinds::works;

use crate::job::PlanningJobs;

/// The function that works off jobs, and its queue.
pub const PLANNING_JOBS: &str = "planning-jobs";

/// One slice of a job.
pub type Run = millwright_job::Run<PlanningJobs>;

/// The works by kind.
pub type Works = millwright_job::Works<PlanningJobs>;

/// Works off jobs.
pub type Worker = millwright_job::Worker<PlanningJobs>;
