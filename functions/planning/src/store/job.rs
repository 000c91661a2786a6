//! Items of a job, beside those that all jobs have.

use std::time::Duration;

use millwright_core::{Error, ProjectId, Tenant, Timestamp};
use millwright_files::{FileKey, Folder};
use millwright_store::{Condition, Item, Key, Partition, Step, Transaction, Update};
use serde::{Deserialize, Serialize};

use super::project_partition;
use crate::{
    codes,
    domain::{JobId, JobRow},
    job::PlanningJobs,
};

/// A job, and what its workers agree by.
pub type JobHead = millwright_job::JobHead<PlanningJobs>;

/// What jobs leave for download.
pub const RESULTS: Folder = Folder { name: "results", keep_days: 30 };

/// Where the result of a job lies.
pub fn result_key(tenant: &Tenant, id: JobId) -> FileKey {
    FileKey::of(tenant, &RESULTS, id)
}

pub fn job_partition(tenant: &Tenant, id: JobId) -> Partition {
    millwright_job::job_partition::<PlanningJobs>(tenant, id)
}

pub fn jobs_of_project(tenant: &Tenant, id: ProjectId) -> Partition {
    project_partition(tenant, id).and("JOB")
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
