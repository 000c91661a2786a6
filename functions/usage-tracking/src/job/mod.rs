//! Jobs: what they are, reading them, and the works. How they are worked off is told in `shared/job`.

mod again;
mod days;
mod export;
mod export_rows;
mod hourly;
mod read;
mod rewrite;
mod roll_up;
mod works;

use millwright_core::Result;
use millwright_event::Effects;
use millwright_job::{JobStatus, JobSummary, Jobs, Limit, jobs_of};
use millwright_store::{Index, IndexKeys};

pub use self::{
    again::{
        __path_category_reclassify, __path_repricing_start, MAX_PAST, category_reclassify,
        order_repricing, repricing_start,
    },
    export::{__path_export_create, export_create},
    hourly::order_due,
    read::{__path_job_get, __path_job_list, JobView, job_get, job_list},
    works::works,
};
use crate::{
    codes,
    domain::{JobDetails, JobKind, JobNoun},
    events::{ExportCompleted, JobData, JobFailed},
};

/// The function that works off jobs, and its queue.
pub const JOBS: &str = "usage-tracking-jobs";

/// The most jobs of an organization at once, of those that somebody asked for.
const MAX_JOBS: u64 = 3;

/// The jobs of usage-tracking.
#[derive(Clone, Debug, PartialEq)]
pub struct UsageJobs;

/// One slice of a job.
pub type Run = millwright_job::Run<UsageJobs>;

/// Works off jobs.
pub type Worker = millwright_job::Worker<UsageJobs>;

impl Jobs for UsageJobs {
    type Noun = JobNoun;
    type Kind = JobKind;
    type Details = JobDetails;
    type Extra = ();
    const SERVICE: &'static str = "usage-tracking";
    const FUNCTION: &'static str = JOBS;
    const SLICE_DUE: &'static str = "usage.job.slice_due";

    fn limit(kind: JobKind) -> Option<Limit> {
        let limit = Limit { counter: "jobs", most: MAX_JOBS, code: codes::JOB_RUNNING };
        (kind != JobKind::RollUp).then_some(limit)
    }

    /// Nobody lists what runs every hour.
    fn index_keys(job: &JobSummary<UsageJobs>, tenant: &millwright_core::Tenant) -> IndexKeys {
        match job.kind {
            JobKind::RollUp => IndexKeys::default(),
            _ => {
                let all = jobs_of::<UsageJobs>(tenant);
                IndexKeys::default().on(Index::Gsi2, all, job.sort_key())
            }
        }
    }

    /// One event, if there is anything to say.
    fn ending(effects: &mut Effects, job: &JobSummary<UsageJobs>) -> Result<()> {
        let data = JobData {
            job_id: job.id.to_string(),
            kind: job.kind.to_string(),
            rows: job.details.rows,
            code: job.problem.as_ref().map(|problem| problem.code.clone()),
        };
        match (job.status, job.kind) {
            (JobStatus::Completed, JobKind::Export) => effects.emit(&ExportCompleted(data)),
            (JobStatus::Completed, _) => Ok(()),
            _ => effects.emit(&JobFailed(data)),
        }
    }
}
