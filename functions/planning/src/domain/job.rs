//! Jobs: work that outlives its request, and what is told of it.

use millwright_core::{ProjectId, Timestamp, wire_enum};
pub use millwright_job::{JobFault, JobProblem, JobStatus};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ActorId, UploadId};

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

/// What is stored of a job, beside what all jobs have, and lists show.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobDetails {
    pub project_id: ProjectId,
    /// What it works on.
    pub subject_id: String,
    pub progress: JobProgress,
}

/// What is stored of a job and lists do not show.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobExtra {
    /// The file it is given, removed when it ends.
    pub upload: Option<UploadId>,
    /// Columns of an import that no field takes.
    pub unmapped_columns: Vec<String>,
}

/// A job, as lists show it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
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
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
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
