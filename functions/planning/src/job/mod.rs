//! Jobs and uploads: handlers, and how other operations start a job.

mod cancel;
mod read;
mod rows;
mod start;
mod upload;

pub use cancel::{__path_job_cancel, job_cancel};
pub use read::{
    __path_job_get, __path_job_list, __path_job_result_get, job_get, job_list, job_result_get,
};
pub use rows::{__path_job_row_list, job_row_list};
pub use start::NewJob;
pub use upload::{__path_upload_create, upload_create};

use millwright_core::{Error, Result, Tenant};
use millwright_http::Representation;

use crate::{
    app::Planning,
    domain::{Job, JobId},
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

/// A job that has not expired, of a project that is there. One GetItem, with a warm project cache.
///
/// # Errors
/// `not_found`.
async fn job_head(planning: &Planning, tenant: &Tenant, id: JobId) -> Result<JobHead> {
    let head: Option<JobHead> = planning.store.get(&JobHead::place(tenant, id)).await?;
    let now = planning.store.clock().now();
    let head = head.filter(|head| head.summary.expires_at.is_none_or(|at| at > now));
    let head = head.ok_or_else(|| Error::not_found("job"))?;
    planning.project_head(tenant, head.summary.project_id).await?;
    Ok(head)
}
