//! Items of a job.

use std::time::Duration;

use millwright_core::{Error, ProjectId, Result, Tenant, Timestamp};
use millwright_files::{FileKey, Folder};
use millwright_store::{
    Condition, Index, IndexKeys, Item, Key, Partition, Step, Transaction, Update,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::project_partition;
use crate::{
    codes,
    domain::{Job, JobId, JobKind, JobRow, JobSummary, MAX_JOBS, Sha256, UploadId},
};

/// What jobs leave for download.
pub const RESULTS: Folder = Folder { name: "results", keep_days: 30 };

/// Where the result of a job lies.
pub fn result_key(tenant: &Tenant, id: JobId) -> FileKey {
    FileKey::of(tenant, &RESULTS, id)
}

pub fn job_partition(tenant: &Tenant, id: JobId) -> Partition {
    Partition::of(tenant).and("JOB").and(id)
}

pub fn jobs_of_project(tenant: &Tenant, id: ProjectId) -> Partition {
    project_partition(tenant, id).and("JOB")
}

pub fn jobs_of_organization(tenant: &Tenant) -> Partition {
    Partition::of(tenant).and("JOB")
}

/// One worker at a time: nobody else begins before it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    pub until: Timestamp,
}

/// The file a job has left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredResult {
    pub file_name: String,
    pub size_bytes: u64,
    pub sha256: Sha256,
}

/// A job, and what its workers agree by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobHead {
    pub version: u64,
    pub summary: JobSummary,
    pub unmapped_columns: Vec<String>,
    /// Rises with every write of this item. Whoever writes requires the one that was read: so
    /// nobody writes after somebody else took the lease, or after the job was cancelled.
    pub revision: u64,
    /// The slice that is to be done, from 1 on; a message for an earlier one is done.
    pub slice: u64,
    pub lease: Option<Lease>,
    /// How often the lease was taken since a chunk was last done.
    pub attempts: u32,
    pub upload: Option<UploadId>,
    pub result: Option<StoredResult>,
}

impl JobHead {
    pub fn place(tenant: &Tenant, id: JobId) -> Key {
        job_partition(tenant, id).at("HEAD")
    }

    pub fn job(&self) -> Job {
        let JobHead { summary, unmapped_columns, .. } = self.clone();
        Job { summary, unmapped_columns }
    }

    /// The successor of this item.
    #[must_use]
    pub fn with(&self, job: Job) -> JobHead {
        JobHead {
            version: job.summary.version,
            summary: job.summary,
            unmapped_columns: job.unmapped_columns,
            revision: self.revision + 1,
            ..self.clone()
        }
    }

    /// Writes this item if `before` still stands.
    pub fn replace(&self, transaction: &mut Transaction, before: &JobHead) -> Step {
        transaction.put_when(self, Condition::default().equals("revision", before.revision))
    }
}

impl Item for JobHead {
    const KIND: &'static str = "job";

    fn key(&self, tenant: &Tenant) -> Key {
        JobHead::place(tenant, self.summary.id)
    }

    fn index_keys(&self, tenant: &Tenant) -> IndexKeys {
        let JobSummary { id, project_id, created_at, .. } = &self.summary;
        let sort_key = format!("{created_at}#{id}");
        IndexKeys::default().on(Index::Gsi1, jobs_of_project(tenant, *project_id), &sort_key).on(
            Index::Gsi2,
            jobs_of_organization(tenant),
            &sort_key,
        )
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        self.summary.expires_at
    }
}

/// What a job is to do; its kind knows the form.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobRequest {
    pub job_id: JobId,
    /// JSON.
    pub request: String,
}

/// Where a job goes on; its kind knows the form.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobCheckpoint {
    pub job_id: JobId,
    /// JSON.
    pub checkpoint: String,
}

macro_rules! json_item {
    ($($item:ident.$field:ident = $kind:literal at $sort_key:literal;)+) => {$(
        impl $item {
            /// # Errors
            /// `internal` if it is no JSON.
            pub fn of(job_id: JobId, value: &impl Serialize) -> Result<$item> {
                let $field = serde_json::to_string(value).map_err(Error::internal)?;
                Ok($item { job_id, $field })
            }

            pub fn place(tenant: &Tenant, id: JobId) -> Key {
                job_partition(tenant, id).at($sort_key)
            }

            /// # Errors
            /// `internal` if it has another form.
            pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
                serde_json::from_str(&self.$field)
                    .map_err(|error| Error::internal(format!("{} of {}: {error}", $kind, self.job_id)))
            }
        }

        impl Item for $item {
            const KIND: &'static str = $kind;

            fn key(&self, tenant: &Tenant) -> Key {
                $item::place(tenant, self.job_id)
            }
        }
    )+};
}

json_item! {
    JobRequest.request = "job_request" at "REQUEST";
    JobCheckpoint.checkpoint = "job_checkpoint" at "CHECKPOINT";
}

/// What became of the rows of one transaction, in the order of the input.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobRows {
    pub job_id: JobId,
    /// Not empty.
    pub rows: Vec<JobRow>,
    pub written_at: Timestamp,
}

/// Longer than any job runs and is kept.
const ROWS_KEPT: Duration = Duration::from_secs(60 * 24 * 3600);

impl JobRows {
    pub const PREFIX: &'static str = "ROWS#";

    pub fn place(tenant: &Tenant, id: JobId, first_row: u64) -> Key {
        job_partition(tenant, id).at(format!("{}{first_row:07}", JobRows::PREFIX))
    }
}

impl Item for JobRows {
    const KIND: &'static str = "job_rows";

    fn key(&self, tenant: &Tenant) -> Key {
        let first_row = self.rows.first().map(|row| row.row).unwrap_or_default();
        JobRows::place(tenant, self.job_id, first_row)
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        Some(self.written_at.plus(ROWS_KEPT))
    }
}

/// How many jobs of a kind an organization has queued or running.
pub struct JobSlots;

impl JobSlots {
    /// Seconds after which a refused client tries again.
    const RETRY_AFTER: Duration = Duration::from_secs(30);

    fn place(tenant: &Tenant, kind: JobKind) -> Key {
        Partition::of(tenant).and("COUNT").at(format!("JOBS#{kind}"))
    }

    /// One more, within the limit.
    pub fn take(transaction: &mut Transaction, kind: JobKind) {
        let key = JobSlots::place(transaction.tenant(), kind);
        let free = Condition::default().less_than("count", MAX_JOBS).or_attribute_absent("count");
        let step = transaction.update(&key, &Update::when(free).add("count", 1));
        let detail = format!("{MAX_JOBS} jobs of kind {kind} are queued or running");
        let error = Error::new(codes::JOB_LIMIT, detail)
            .with("limit", "jobs queued or running")
            .with("max", MAX_JOBS)
            .retry_after(JobSlots::RETRY_AFTER);
        transaction.refused_as(step, error);
    }

    pub fn give_back(transaction: &mut Transaction, kind: JobKind) {
        let key = JobSlots::place(transaction.tenant(), kind);
        transaction.update(&key, &Update::new().add("count", -1));
    }
}

/// How many jobs of a project are queued or running. Their creation requires in the same
/// transaction that the project is not archived, so archiving and creating exclude each other.
pub struct RunningJobs;

impl RunningJobs {
    const COUNT: &'static str = "running";

    fn place(tenant: &Tenant, id: ProjectId) -> Key {
        project_partition(tenant, id).at("JOBS")
    }

    fn add(transaction: &mut Transaction, id: ProjectId, change: i64) {
        let key = RunningJobs::place(transaction.tenant(), id);
        transaction.update(&key, &Update::new().add(RunningJobs::COUNT, change));
    }

    pub fn one_more(transaction: &mut Transaction, id: ProjectId) {
        RunningJobs::add(transaction, id, 1);
    }

    pub fn one_less(transaction: &mut Transaction, id: ProjectId) {
        RunningJobs::add(transaction, id, -1);
    }

    /// Requires that there is none at this very moment; refused as `project_busy`.
    pub fn none(transaction: &mut Transaction, id: ProjectId) -> Step {
        let key = RunningJobs::place(transaction.tenant(), id);
        let none = Condition::default().less_than(RunningJobs::COUNT, 1);
        let step = transaction.check(&key, none.or_attribute_absent(RunningJobs::COUNT));
        let detail = "a job of the project is queued or running: wait for it, or cancel it";
        transaction.refused_as(step, Error::new(codes::PROJECT_BUSY, detail))
    }
}
