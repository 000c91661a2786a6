//! One slice of a job, as its work sees it.

use millwright_core::{Error, Result, Tenant, Timestamp};
use millwright_event::Cause;
use millwright_store::Store;
use serde::de::DeserializeOwned;

use crate::{
    Chunk, JobHead, JobSummary, Jobs, Times,
    items::{JobCheckpoint, JobRequest},
    worker::Delivery,
};

/// One slice of a job.
pub struct Run<J: Jobs> {
    pub(crate) store: Store,
    pub(crate) tenant: Tenant,
    pub(crate) cause: Cause,
    pub(crate) head: JobHead<J>,
    pub(crate) checkpoint: Option<JobCheckpoint<J>>,
    pub(crate) ends_at: Timestamp,
    /// The next chunk also sends the message for the next slice.
    pub(crate) hands_on: bool,
    pub(crate) has_handed_on: bool,
    request: JobRequest<J>,
}

impl<J: Jobs> Run<J> {
    /// One BatchGetItem.
    pub(crate) async fn begin(
        store: &Store,
        times: &Times,
        delivery: &Delivery<J>,
        head: JobHead<J>,
    ) -> Result<Run<J>> {
        let (tenant, id) = (delivery.tenant, head.summary.id);
        let keys = [JobRequest::<J>::place(&tenant, id), JobCheckpoint::<J>::place(&tenant, id)];
        let items = store.get_many(&keys).await?;
        let request = items.iter().find(|item| item.is::<JobRequest<J>>());
        let request = request.ok_or_else(|| Error::internal(format!("{id} has no request")))?;
        let checkpoint = items.iter().find(|item| item.is::<JobCheckpoint<J>>());
        Ok(Run {
            request: request.decode()?,
            checkpoint: checkpoint.map(|item| item.decode()).transpose()?,
            ends_at: store.clock().now().plus(times.slice),
            store: store.clone(),
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

    /// The job as it stands after the last chunk.
    pub fn job(&self) -> &JobSummary<J> {
        &self.head.summary
    }

    /// The same, with what lists do not show.
    pub fn head(&self) -> &JobHead<J> {
        &self.head
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

    /// Begins the transaction of the next piece.
    pub fn chunk(&self) -> Chunk<J> {
        Chunk::begin(self)
    }
}
