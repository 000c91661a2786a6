//! Jobs: work that outlives its request, and what is told of it.

use millwright_core::{Error, Kind, ProjectId, Result, Timestamp, codes, wire_enum};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ActorId, Stamp};

millwright_core::id! {
    /// A job.
    JobId = JobNoun("pjob");
}

/// The most jobs of one kind that an organization has queued or running at once.
pub const MAX_JOBS: u64 = 5;

wire_enum! {
    /// What a job does.
    pub enum JobKind {
        TaskImport = "task_import",
        TaskExport = "task_export",
    }
}

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

/// Rows worked on so far, by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobProgress {
    /// Null until known.
    pub total: Option<u64>,
    pub processed: u64,
    pub created: u64,
    pub updated: u64,
    pub unchanged: u64,
    pub skipped: u64,
    pub failed: u64,
}

impl JobProgress {
    /// One row more.
    pub fn count(&mut self, status: RowStatus) {
        self.processed += 1;
        match status {
            RowStatus::Created => self.created += 1,
            RowStatus::Updated => self.updated += 1,
            RowStatus::Unchanged => self.unchanged += 1,
            RowStatus::Skipped => self.skipped += 1,
            RowStatus::Failed => self.failed += 1,
        }
    }
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

/// A job, as lists show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobSummary {
    pub id: JobId,
    pub project_id: ProjectId,
    pub kind: JobKind,
    pub status: JobStatus,
    /// What it is doing, a few words in snake_case.
    pub stage: String,
    pub progress: JobProgress,
    /// 0-100; never decreases.
    #[schema(maximum = 100)]
    pub percent: u8,
    /// An estimate; null while there is nothing to estimate from.
    pub remaining_seconds: Option<u64>,
    /// What it works on.
    pub subject_id: String,
    /// Why it failed.
    pub problem: Option<JobProblem>,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    /// From then on the job is not found, nor are its rows and result.
    pub expires_at: Option<Timestamp>,
    pub version: u64,
    pub created_at: Timestamp,
    pub created_by: ActorId,
    pub updated_at: Timestamp,
    pub updated_by: ActorId,
}

/// A job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "pjob_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "projectId": "prj_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "kind": "task_import",
    "status": "running",
    "stage": "rows",
    "progress": {
        "total": 120, "processed": 57, "created": 55, "updated": 0, "unchanged": 0, "skipped": 0,
        "failed": 2,
    },
    "percent": 47,
    "remainingSeconds": 4,
    "subjectId": "prj_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "problem": null,
    "startedAt": "2026-11-23T01:05:01.000Z",
    "finishedAt": null,
    "expiresAt": null,
    "unmappedColumns": ["Sprint"],
    "version": 4,
    "createdAt": "2026-11-23T01:04:58.000Z",
    "createdBy": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "updatedAt": "2026-11-23T01:05:04.000Z",
    "updatedBy": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b",
}))]
pub struct Job {
    #[serde(flatten)]
    pub summary: JobSummary,
    /// Columns of an import that no field takes, at most 50.
    pub unmapped_columns: Vec<String>,
}

impl Job {
    /// A job that waits for its worker.
    pub fn queued(
        id: JobId,
        kind: JobKind,
        project_id: ProjectId,
        subject_id: String,
        stamp: &Stamp,
    ) -> Job {
        let summary = JobSummary {
            id,
            project_id,
            kind,
            status: JobStatus::Queued,
            stage: JobStatus::Queued.to_string(),
            progress: JobProgress::default(),
            percent: 0,
            remaining_seconds: None,
            subject_id,
            problem: None,
            started_at: None,
            finished_at: None,
            expires_at: None,
            version: 1,
            created_at: stamp.at,
            created_by: stamp.by.clone(),
            updated_at: stamp.at,
            updated_by: stamp.by.clone(),
        };
        Job { summary, unmapped_columns: Vec::new() }
    }

    /// Its worker has begun; nothing changes if it had before.
    pub fn started(&mut self, now: Timestamp) {
        let summary = &mut self.summary;
        if summary.status == JobStatus::Queued {
            summary.status = JobStatus::Running;
            summary.stage = JobStatus::Running.to_string();
            summary.started_at = Some(now);
            self.changed(now);
        }
    }

    /// Some of the work is done, `done` of `all` units of it; 100 percent is for the end alone.
    pub fn advanced(&mut self, done: u64, all: u64, now: Timestamp) {
        let summary = &mut self.summary;
        let percent = (done.min(all) * 100).checked_div(all).unwrap_or_default().min(99);
        let percent = u8::try_from(percent).unwrap_or(99);
        summary.percent = summary.percent.max(percent);
        let percent = u64::from(summary.percent);
        let spent = summary.started_at.map(|at| now.since(at).as_secs()).unwrap_or_default();
        summary.remaining_seconds = (spent * (100 - percent)).checked_div(percent);
        self.changed(now);
    }

    /// # Errors
    /// `invalid_state` if it has ended already.
    pub fn ended(&mut self, end: End, stamp: &Stamp) -> Result<()> {
        let (status, problem) = match end {
            End::Completed => (JobStatus::Completed, None),
            End::Failed(problem) => (JobStatus::Failed, Some(problem)),
            End::Cancelled => (JobStatus::Cancelled, None),
        };
        let summary = &mut self.summary;
        if summary.status.is_final() {
            let detail = format!("the job is {} already", summary.status);
            return Err(Error::new(codes::INVALID_STATE, detail)
                .with("from", summary.status.as_str())
                .with("to", status.as_str())
                .with("allowed", Vec::<String>::new()));
        }
        summary.status = status;
        summary.stage = status.to_string();
        summary.problem = problem;
        summary.remaining_seconds = None;
        summary.finished_at = Some(stamp.at);
        summary.expires_at = Some(stamp.at.plus(KEPT));
        summary.updated_by.clone_from(&stamp.by);
        if status == JobStatus::Completed {
            summary.percent = 100;
        }
        self.changed(stamp.at);
        Ok(())
    }

    fn changed(&mut self, now: Timestamp) {
        self.summary.version += 1;
        self.summary.updated_at = now;
    }
}

/// How long an ended job can be read.
const KEPT: std::time::Duration = std::time::Duration::from_secs(30 * 24 * 3600);

/// How a job ends.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// Also when some rows failed.
    Completed,
    Failed(JobProblem),
    Cancelled,
}

wire_enum! {
    /// What became of a row.
    pub enum RowStatus {
        Created = "created",
        Updated = "updated",
        Unchanged = "unchanged",
        Skipped = "skipped",
        Failed = "failed",
    }
}

/// What became of one row of a job's input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "row": 3, "line": 5, "externalId": "17", "status": "created",
    "entityId": "task_01jdz7xk2nf5h9vq3w8c6m4t0b", "key": "WEB-3", "problem": null,
    "warnings": [{ "code": "unknown_reference", "detail": "no row has the id 99" }],
}))]
pub struct JobRow {
    /// From 1 on, in the order of the input.
    pub row: u64,
    /// Where it begins in the file, from 1 on.
    pub line: u64,
    pub external_id: Option<String>,
    pub status: RowStatus,
    /// What was made or changed of it.
    pub entity_id: Option<String>,
    pub key: Option<String>,
    /// Why it failed.
    pub problem: Option<JobProblem>,
    pub warnings: Vec<RowWarning>,
}

/// Something to know of a row that did not fail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RowWarning {
    pub code: String,
    pub detail: String,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::UNIX_EPOCH.plus(Duration::from_secs(seconds))
    }

    fn stamp(seconds: u64) -> Stamp {
        Stamp { at: at(seconds), by: "usr_1".to_owned() }
    }

    fn job() -> Job {
        let id = "pjob_01h455vb4pex5vsknk084sn02q".parse().expect("an id");
        let project = "prj_01h455vb4pex5vsknk084sn02q".parse().expect("an id");
        Job::queued(id, JobKind::TaskImport, project, project.to_string(), &stamp(0))
    }

    #[test]
    fn half_of_the_work_in_ten_seconds_leaves_ten() {
        let mut job = job();
        job.started(at(5));
        job.advanced(0, 10, at(5));
        assert_eq!(job.summary.remaining_seconds, None, "nothing to estimate from");
        job.advanced(5, 10, at(15));
        assert_eq!((job.summary.percent, job.summary.remaining_seconds), (50, Some(10)));
        job.advanced(10, 10, at(25));
        assert_eq!(job.summary.percent, 99, "100 is for the end");
        job.ended(End::Completed, &stamp(26)).expect("it runs");
        assert_eq!((job.summary.percent, job.summary.remaining_seconds), (100, None));
        assert_eq!(job.summary.expires_at, Some(at(26 + 30 * 24 * 3600)));
    }

    #[test]
    fn a_job_ends_once() {
        for first in [End::Completed, End::Cancelled] {
            let mut job = job();
            job.ended(first, &stamp(1)).expect("it is queued");
            let before = job.clone();
            let error = job.ended(End::Cancelled, &stamp(2)).expect_err("it has ended");
            assert!(error.is(codes::INVALID_STATE));
            assert_eq!(job, before);
        }
    }

    #[test]
    fn failures_of_ours_tell_nothing_of_the_inside() {
        let problem = JobProblem::of(&Error::internal("table test-planning"));
        assert_eq!((problem.code.as_str(), problem.detail.as_str()), ("internal", ""));
    }

    proptest! {
        #[test]
        fn percent_never_decreases_and_stays_below_100(
            steps in proptest::collection::vec((0u64..200, 0u64..100), 1..50)
        ) {
            let mut job = job();
            job.started(at(0));
            let mut last = 0;
            for (number, (done, all)) in steps.into_iter().enumerate() {
                job.advanced(done, all, at(number as u64));
                prop_assert!(job.summary.percent >= last && job.summary.percent < 100);
                last = job.summary.percent;
            }
        }
    }
}
