//! How far a job has come, how it ends, and what went wrong.

use millwright_core::{Error, Kind, wire_enum};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

wire_enum! {
    /// How far a job has come.
    pub enum JobStatus {
        Queued = "queued",
        Running = "running",
        Completed = "completed",
        Failed = "failed",
        Cancelled = "cancelled",
    }
}

impl JobStatus {
    /// True once nothing changes any more.
    pub fn is_final(self) -> bool {
        matches!(self, JobStatus::Completed | JobStatus::Failed | JobStatus::Cancelled)
    }
}

/// How a job ends.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// Also when some of what it worked on failed.
    Completed,
    Failed(JobProblem),
    Cancelled,
}

/// What went wrong, as a problem of the API would say it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobProblem {
    /// A problem code of this service.
    pub code: String,
    pub title: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<JobFault>,
}

/// One thing wrong with a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobFault {
    /// JSON Pointer into the row.
    pub pointer: String,
    pub code: String,
    pub detail: String,
}

impl JobProblem {
    /// Failures of ours say nothing of the inside.
    pub fn of(error: &Error) -> JobProblem {
        const MAX_DETAIL: usize = 500;
        const MAX_ERRORS: usize = 20;
        let is_ours = error.kind() == Kind::Internal;
        let detail = if is_ours { "" } else { error.detail() };
        let faults = error.faults().iter().take(MAX_ERRORS);
        JobProblem {
            code: error.code().name.to_owned(),
            title: error.code().title.to_owned(),
            detail: detail.chars().take(MAX_DETAIL).collect(),
            errors: faults
                .map(|fault| JobFault {
                    pointer: fault.pointer.clone(),
                    code: fault.code.as_str().to_owned(),
                    detail: fault.detail.clone(),
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_of_ours_tell_nothing_of_the_inside() {
        let problem = JobProblem::of(&Error::internal("table test-planning"));
        assert_eq!((problem.code.as_str(), problem.detail.as_str()), ("internal", ""));
    }
}
