//! Jobs and uploads: handlers, and how other operations start a job.

mod cancel;
mod jobs;
mod read;
mod rows;
mod start;
mod upload;

pub use cancel::{__path_job_cancel, job_cancel};
pub use jobs::PlanningJobs;
pub use read::{
    __path_job_get, __path_job_list, __path_job_result_get, job_get, job_list, job_result_get,
};
pub use rows::{__path_job_row_list, job_row_list};
pub use start::NewJob;
pub use upload::{__path_upload_create, upload_create};

use millwright_core::{Result, Tenant};
use millwright_http::Representation;
use millwright_job::JobSummary as StoredJob;

use crate::{
    app::Planning,
    domain::{Job, JobId, JobSummary},
    store::JobHead,
};

impl Representation for Job {
    fn version(&self) -> u64 {
        self.summary.version
    }

    fn location(&self) -> String {
        format!("/api/v1/planning/jobs/{}", self.summary.id)
    }
}

impl JobSummary {
    /// What is told of a stored job.
    pub fn of(job: StoredJob<PlanningJobs>) -> JobSummary {
        JobSummary {
            id: job.id,
            project_id: job.details.project_id,
            kind: job.kind,
            status: job.status,
            stage: job.stage,
            progress: job.details.progress,
            percent: job.percent,
            remaining_seconds: job.remaining_seconds,
            subject_id: job.details.subject_id,
            problem: job.problem,
            started_at: job.started_at,
            finished_at: job.finished_at,
            expires_at: job.expires_at,
            version: job.version,
            created_at: job.created_at,
            created_by: job.created_by,
            updated_at: job.updated_at,
            updated_by: job.updated_by,
        }
    }
}

impl Job {
    /// What is told of a stored job.
    pub fn of(head: JobHead) -> Job {
        Job { summary: JobSummary::of(head.summary), unmapped_columns: head.extra.unmapped_columns }
    }
}

/// A job that has not expired, of a project that is there. One GetItem, with a warm project cache.
///
/// # Errors
/// `not_found`.
async fn job_head(planning: &Planning, tenant: &Tenant, id: JobId) -> Result<JobHead> {
    let head = JobHead::read(&planning.store, tenant, id).await?;
    planning.project_head(tenant, head.summary.details.project_id).await?;
    Ok(head)
}
