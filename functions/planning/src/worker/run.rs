//! One slice of a job, as its work sees it.

use millwright_core::{Error, Result, Tenant, Timestamp};
use millwright_event::Cause;
use millwright_files::{FileKey, Files};
use millwright_store::Store;
use serde::de::DeserializeOwned;

use super::{Chunk, Delivery, Worker};
use crate::{
    domain::JobSummary,
    store::{JobCheckpoint, JobHead, JobRequest, result_key, upload_key},
};

/// One slice of a job.
pub struct Run {
    pub(super) store: Store,
    pub(super) files: Files,
    pub(super) tenant: Tenant,
    pub(super) cause: Cause,
    pub(super) head: JobHead,
    pub(super) checkpoint: Option<JobCheckpoint>,
    pub(super) ends_at: Timestamp,
    /// The next chunk also sends the message for the next slice.
    pub(super) hands_on: bool,
    pub(super) has_handed_on: bool,
    request: JobRequest,
}

impl Run {
    /// One BatchGetItem.
    pub(super) async fn begin(worker: &Worker, delivery: &Delivery, head: JobHead) -> Result<Run> {
        let (store, tenant) = (worker.store.clone(), delivery.tenant);
        let id = head.summary.id;
        let keys = [JobRequest::place(&tenant, id), JobCheckpoint::place(&tenant, id)];
        let items = store.get_many(&keys).await?;
        let request = items.iter().find(|item| item.is::<JobRequest>());
        let request = request.ok_or_else(|| Error::internal(format!("{id} has no request")))?;
        let checkpoint = items.iter().find(|item| item.is::<JobCheckpoint>());
        Ok(Run {
            request: request.decode()?,
            checkpoint: checkpoint.map(|item| item.decode()).transpose()?,
            ends_at: store.clock().now().plus(worker.times.slice),
            store,
            files: worker.files.clone(),
            tenant,
            cause: delivery.cause.clone(),
            head,
            // Its last worker died: what is done now must not count as the same message's work.
            hands_on: delivery.receive_count > 1,
            has_handed_on: false,
        })
    }

    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    pub fn files(&self) -> &Files {
        &self.files
    }

    pub fn job(&self) -> &JobSummary {
        &self.head.summary
    }

    /// What the job is to do.
    ///
    /// # Errors
    /// `internal` if it has another form.
    pub fn request<T: DeserializeOwned>(&self) -> Result<T> {
        self.request.read()
    }

    /// Where to go on; none at the beginning.
    ///
    /// # Errors
    /// `internal` if it has another form.
    pub fn checkpoint<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        self.checkpoint.as_ref().map(JobCheckpoint::read).transpose()
    }

    /// The file the job was given, if it was given one.
    pub fn upload(&self) -> Option<FileKey> {
        self.head.upload.map(|id| upload_key(&self.tenant, id))
    }

    /// Where the file belongs that the job leaves; [`Chunk::result`] makes it known.
    pub fn result_key(&self) -> FileKey {
        result_key(&self.tenant, self.head.summary.id)
    }

    /// Begins the transaction of the next piece.
    pub fn chunk(&self) -> Chunk {
        Chunk::begin(self)
    }

    pub(super) fn head(&self) -> &JobHead {
        &self.head
    }

    pub(super) fn has_handed_on(&self) -> bool {
        self.has_handed_on
    }
}
