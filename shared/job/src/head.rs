//! The item of a job.

use millwright_core::{Error, Result, Tenant, Timestamp};
use millwright_files::{Sha256, Stored};
use millwright_store::{Condition, IndexKeys, Item, Key, Partition, Step, Store, Transaction};
use serde::{Deserialize, Serialize};

use crate::{JobId, JobSummary, Jobs};

/// Where a job lies with all that belongs to it; services put items of their own beside, such as
/// what became of its rows.
pub fn job_partition<J: Jobs>(tenant: &Tenant, id: JobId<J>) -> Partition {
    jobs_of::<J>(tenant).and(id)
}

/// The jobs of a tenant, in an index.
pub fn jobs_of<J: Jobs>(tenant: &Tenant) -> Partition {
    Partition::of(tenant).and(J::PARTITION)
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
    /// As browsers save it.
    pub file_name: String,
    pub size_bytes: u64,
    pub sha256: Sha256,
}

impl StoredResult {
    pub fn of(file_name: impl Into<String>, stored: Stored) -> StoredResult {
        StoredResult {
            file_name: file_name.into(),
            size_bytes: stored.size_bytes,
            sha256: Sha256(stored.sha256),
        }
    }
}

/// A job, and what its workers agree by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", bound = "")]
pub struct JobHead<J: Jobs> {
    pub version: u64,
    pub summary: JobSummary<J>,
    /// What the service adds, but for lists.
    pub extra: J::Extra,
    /// Rises with every write of this item. Whoever writes requires the one that was read: so
    /// nobody writes after somebody else took the lease, or after the job was cancelled.
    pub revision: u64,
    /// The slice that is to be done, from 1 on; a message for an earlier one is done.
    pub slice: u64,
    pub lease: Option<Lease>,
    /// How often the lease was taken since a chunk was last done.
    pub attempts: u32,
    pub result: Option<StoredResult>,
}

impl<J: Jobs> JobHead<J> {
    pub fn place(tenant: &Tenant, id: JobId<J>) -> Key {
        job_partition::<J>(tenant, id).at("HEAD")
    }

    /// A job that has not expired. One GetItem, strongly consistent.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn read(store: &Store, tenant: &Tenant, id: JobId<J>) -> Result<JobHead<J>> {
        let head: Option<JobHead<J>> = store.get(&JobHead::<J>::place(tenant, id)).await?;
        let now = store.clock().now();
        let head = head.filter(|head| !head.summary.is_expired(now));
        head.ok_or_else(|| Error::not_found("job"))
    }

    /// A new job.
    pub(crate) fn queued(summary: JobSummary<J>, extra: J::Extra) -> JobHead<J> {
        JobHead {
            version: summary.version,
            summary,
            extra,
            revision: 1,
            slice: 1,
            lease: None,
            attempts: 0,
            result: None,
        }
    }

    /// The successor of this item.
    #[must_use]
    pub(crate) fn with(&self, summary: JobSummary<J>) -> JobHead<J> {
        JobHead { version: summary.version, summary, revision: self.revision + 1, ..self.clone() }
    }

    /// Writes this item if `before` still stands.
    pub(crate) fn replace(&self, transaction: &mut Transaction, before: &JobHead<J>) -> Step {
        transaction.put_when(self, Condition::default().equals("revision", before.revision))
    }
}

impl<J: Jobs> Item for JobHead<J> {
    const KIND: &'static str = "job";

    fn key(&self, tenant: &Tenant) -> Key {
        JobHead::<J>::place(tenant, self.summary.id)
    }

    fn index_keys(&self, tenant: &Tenant) -> IndexKeys {
        J::index_keys(&self.summary, tenant)
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        self.summary.expires_at
    }
}
