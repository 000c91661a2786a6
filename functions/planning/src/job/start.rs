//! Starting a job: what operations that answer 202 do.

use millwright_core::{ProjectId, Result};
use millwright_store::Transaction;
use serde::Serialize;

use crate::{
    app::project_archived,
    domain::{Job, JobId, JobKind, Stamp, UploadId},
    events::JobSlice,
    store::{Counter, JobHead, JobRequest, JobSlots, RunningJobs},
};

/// A job to be done.
///
/// ```text
/// let mut write = submission.write(&planning.store, &caller);
/// let job = new_job.add_to(&mut write, planning.store.ids().next(), &planning.stamp(&caller))?;
/// write.send(PLANNING_JOBS, &NewJob::first_slice(&job))?;
/// Ok(write.commit(Accepted(job)).await?)
/// ```
#[derive(Clone, Debug)]
pub struct NewJob<R> {
    pub kind: JobKind,
    pub project_id: ProjectId,
    /// What it works on.
    pub subject_id: String,
    /// The file it is given, removed when it ends.
    pub upload: Option<UploadId>,
    /// What it is to do; [`crate::worker::Run::request`] reads it.
    pub request: R,
}

impl<R: Serialize> NewJob<R> {
    /// Adds the job to a transaction: five items. Refused as `job_limit`, or `project_archived`.
    ///
    /// # Errors
    /// `internal` if the request is no JSON.
    pub fn add_to(self, transaction: &mut Transaction, id: JobId, stamp: &Stamp) -> Result<Job> {
        let job = Job::queued(id, self.kind, self.project_id, self.subject_id, stamp);
        let active = Counter::check_active(transaction, self.project_id);
        transaction.refused_as(active, project_archived());
        JobSlots::take(transaction, self.kind);
        RunningJobs::one_more(transaction, self.project_id);
        transaction.create(&JobHead {
            version: job.summary.version,
            summary: job.summary.clone(),
            unmapped_columns: Vec::new(),
            revision: 1,
            slice: 1,
            lease: None,
            attempts: 0,
            upload: self.upload,
            result: None,
        });
        transaction.create(&JobRequest::of(id, &self.request)?);
        Ok(job)
    }
}

impl NewJob<()> {
    /// The message that sets the worker to it.
    pub fn first_slice(job: &Job) -> JobSlice {
        JobSlice { job_id: job.summary.id, slice: 1 }
    }
}
