//! Reading jobs.

use axum::extract::State;
use millwright_core::Timestamp;
use millwright_http::{Allowed, Answered, OrOperator, PathParameter, Representation, Versioned};
use millwright_job::{JobHead, JobProblem, JobStatus};
use serde::Serialize;
use utoipa::ToSchema;

use super::{JobKind, SecretJobs};
use crate::{app::SecretManagement, domain::JobId, permissions::SecretRead};

/// Work that goes on behind an answer.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    #[schema(inline)]
    id: JobId,
    kind: JobKind,
    /// The secret or the data key.
    subject_id: String,
    state: JobStatus,
    /// Steps of a purge; values that were moved; secrets that were looked through for another key.
    done: u64,
    /// Null as long as nobody knows.
    left: Option<u64>,
    /// Why it failed.
    problem: Option<JobProblem>,
    version: u64,
    created_at: Timestamp,
    created_by: String,
    finished_at: Option<Timestamp>,
}

impl Job {
    pub fn of(head: JobHead<SecretJobs>) -> Job {
        let summary = head.summary;
        Job {
            id: summary.id,
            kind: summary.kind,
            left: summary.left(),
            subject_id: summary.details.subject_id,
            state: summary.status,
            done: summary.done,
            problem: summary.problem,
            version: summary.version,
            created_at: summary.created_at,
            created_by: summary.created_by,
            finished_at: summary.finished_at,
        }
    }
}

impl Representation for Job {
    fn version(&self) -> u64 {
        self.version
    }

    fn location(&self) -> String {
        format!("/api/v1/secrets/jobs/{}", self.id)
    }
}

/// Read a job
///
/// Until 30 days after its end. Operators read those of the platform. One read.
#[utoipa::path(get, path = "/api/v1/secrets/jobs/{jobId}", tag = "Jobs")]
pub async fn secret_job_get(
    caller: OrOperator<Allowed<SecretRead>>,
    State(app): State<SecretManagement>,
    PathParameter((id,)): PathParameter<(JobId,)>,
) -> Answered<Versioned<Job>> {
    let head = JobHead::<SecretJobs>::read(&app.store, &caller.tenant(), id).await?;
    Ok(Versioned(Job::of(head)))
}
