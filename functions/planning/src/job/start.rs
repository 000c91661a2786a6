//! Starting a job: what operations that answer 202 do.

use millwright_core::{ProjectId, Result};
use millwright_event::Effects;
use serde::Serialize;

use crate::{
    domain::{Job, JobDetails, JobExtra, JobKind, JobProgress, UploadId},
    job::PlanningJobs,
};

/// A job to be done.
///
/// ```text
/// let mut write = submission.write(&planning.store, &caller);
/// let job = new_job.start(&mut write, caller.actor())?;
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
    /// Adds the job and the message to its worker to a transaction: five items and that of the
    /// outbox. Refused as `job_limit`, or `project_archived`.
    ///
    /// # Errors
    /// `internal` if the request is no JSON.
    pub fn start(self, effects: &mut Effects, by: &str) -> Result<Job> {
        let new = millwright_job::NewJob::<PlanningJobs, R> {
            kind: self.kind,
            details: JobDetails {
                project_id: self.project_id,
                subject_id: self.subject_id,
                progress: JobProgress::default(),
            },
            extra: JobExtra { upload: self.upload, unmapped_columns: Vec::new() },
            request: self.request,
        };
        Ok(Job::of(new.start(effects, by)?))
    }
}
