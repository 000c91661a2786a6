//! planning-jobs: works off jobs, a slice per message.
//!
//! A message says "slice n of this job". Its worker takes the lease of the job, so that there is
//! one at a time, and lets the [`Work`] of the job's kind do one [`Chunk`] after the other. A chunk
//! is one transaction: effects, row results, progress and the checkpoint from which to go on, on
//! the condition that nobody else has touched the job since. So whatever crashes, and however often
//! a message comes, each chunk happens once. When the time of the slice is up, the last chunk also
//! gives the lease back and sends the message for the next slice.
//!
//! A message that comes again, since its worker died, does one chunk and sends a new message with
//! it; one that comes for the last time only sends itself anew. So no message is given up, and what
//! ends a job that gets nowhere is the job's own count of attempts since its last chunk.

mod chunk;
mod kinds;
mod run;

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use millwright_core::{Error, FaultCode, Kind, Result, Tenant};
use millwright_event::{Cause, Effects, batch::Message};
use millwright_files::Files;
use millwright_runtime::Worked;
use millwright_store::{Outcome, Step, Store, Transaction};

use crate::{
    domain::{End, JobKind, JobProblem, JobStatus, Stamp},
    events::{JobCancelled, JobCompleted, JobData, JobFailed, JobSlice},
    store::{JobCheckpoint, JobHead, JobRequest, JobSlots, Lease, RunningJobs, upload_key},
};

pub use chunk::Chunk;
pub use kinds::works;
pub use run::Run;

/// The function that works off jobs, and its queue.
pub const PLANNING_JOBS: &str = "planning-jobs";

/// A job whose lease was taken so often without a chunk getting done will get nowhere.
const MAX_ATTEMPTS: u32 = 5;

/// How long things take; tests take less.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Longer than the function's timeout.
    pub lease: Duration,
    /// How long a slice begins new chunks; shorter than the function's timeout.
    pub slice: Duration,
    /// The first wait after a failure that may pass; the second is twice that, and so on.
    pub retry: Duration,
}

impl Default for Times {
    fn default() -> Times {
        Times {
            lease: Duration::from_secs(90),
            slice: Duration::from_secs(45),
            retry: Duration::from_secs(15),
        }
    }
}

/// What a kind of job does.
pub trait Work: Send + Sync {
    /// Does the next piece: reads the checkpoint, and commits at most one [`Chunk`], which says
    /// where to go on. Called again until it answers [`Advance::Finished`], perhaps by another
    /// process, and at least once after the last chunk.
    ///
    /// # Errors
    /// What may pass (`unavailable`, `internal`) is tried again, up to five times; any other error
    /// ends the job as failed, with that problem. Errors of rows are no errors: count them.
    fn advance<'a>(&'a self, run: &'a mut Run) -> BoxFuture<'a, Result<Advance, Halt>>;
}

/// What is left to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advance {
    More,
    Finished,
}

/// Why the work stops.
#[derive(Debug)]
pub enum Halt {
    /// Somebody else took the job over, or cancelled it: nothing more is written.
    Superseded,
    Failed(Error),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Halt {
        Halt::Failed(error)
    }
}

/// The works by kind; a job of a kind without one fails.
pub type Works = Arc<dyn Fn(JobKind) -> Option<Arc<dyn Work>> + Send + Sync>;

/// Works off jobs. Cheap to clone.
#[derive(Clone)]
pub struct Worker {
    store: Store,
    files: Files,
    works: Works,
    times: Times,
}

impl Worker {
    pub fn new(store: Store, files: Files, works: Works, times: Times) -> Worker {
        Worker { store, files, works, times }
    }

    /// Works on one message. Two calls and those of its chunks.
    ///
    /// # Errors
    /// `unavailable` if DynamoDB is; then the message comes again.
    pub async fn work(&self, message: &Message) -> Result<Worked> {
        let Some(slice) = message.envelope.event::<JobSlice>() else {
            let detail = format!("{} is no message for {PLANNING_JOBS}", message.envelope.kind);
            return Err(unreadable(detail));
        };
        let slice = slice.map_err(|error| unreadable(error.to_string()))?;
        let delivery = Delivery {
            tenant: message.envelope.tenant(),
            cause: Cause::from(&message.envelope),
            receive_count: message.receive_count,
            is_last: message.is_last_delivery(),
            slice,
        };
        match self.begin(&delivery).await? {
            Begun::Now(head) => self.run(&delivery, *head).await,
            Begun::Not(worked) => Ok(worked),
        }
    }

    /// Takes the lease.
    async fn begin(&self, delivery: &Delivery) -> Result<Begun> {
        const MOST_LOSSES: u32 = 10;
        let (job_id, tenant) = (delivery.slice.job_id, &delivery.tenant);
        for _ in 0..MOST_LOSSES {
            let head: Option<JobHead> = self.store.get(&JobHead::place(tenant, job_id)).await?;
            let Some(head) = head else {
                tracing::warn!(%job_id, "a message for a job that is gone");
                return Ok(Begun::Not(Worked::Done));
            };
            if head.summary.status.is_final() {
                self.clear(tenant, &head).await?;
                return Ok(Begun::Not(Worked::Done));
            }
            if delivery.slice.slice < head.slice {
                return Ok(Begun::Not(Worked::Done));
            }
            let now = self.store.clock().now();
            if delivery.is_last {
                return self.send_again(delivery).await.map(Begun::Not);
            }
            if let Some(lease) = head.lease
                && lease.until > now
            {
                return Ok(Begun::Not(Worked::Later(lease.until.since(now))));
            }
            if head.attempts >= MAX_ATTEMPTS {
                let error = Error::internal(format!("every worker of {job_id} died"));
                return self.fail(delivery, &head, &error).await.map(Begun::Not);
            }
            let mut job = head.job();
            job.started(now);
            let lease = Some(Lease { until: now.plus(self.times.lease) });
            let taken = JobHead { lease, attempts: head.attempts + 1, ..head.with(job) };
            let mut transaction = self.store.transaction(tenant);
            taken.replace(&mut transaction, &head);
            if let Outcome::Done = transaction.attempt().await? {
                return Ok(Begun::Now(Box::new(taken)));
            }
        }
        Ok(Begun::Not(Worked::Later(self.times.retry)))
    }

    async fn run(&self, delivery: &Delivery, head: JobHead) -> Result<Worked> {
        let kind = head.summary.kind;
        let Some(work) = (self.works)(kind) else {
            let error = Error::internal(format!("nothing works off jobs of kind {kind}"));
            return self.fail(delivery, &head, &error).await;
        };
        let mut run = Run::begin(self, delivery, head).await?;
        loop {
            match work.advance(&mut run).await {
                Ok(Advance::More) if run.has_handed_on() => return Ok(Worked::Done),
                Ok(Advance::More) => {}
                Ok(Advance::Finished) => {
                    return match self.end(delivery, run.head(), End::Completed).await? {
                        true => Ok(Worked::Done),
                        false => self.superseded(delivery).await,
                    };
                }
                Err(Halt::Superseded) => return self.superseded(delivery).await,
                Err(Halt::Failed(error))
                    if may_pass(&error) && run.head().attempts < MAX_ATTEMPTS =>
                {
                    let job_id = delivery.slice.job_id;
                    tracing::error!(%job_id, %error, "the slice failed and is tried again");
                    self.give_lease_back(&delivery.tenant, run.head()).await;
                    return Ok(Worked::Later(self.times.retry * delivery.receive_count));
                }
                Err(Halt::Failed(error)) => return self.fail(delivery, run.head(), &error).await,
            }
        }
    }

    async fn fail(&self, delivery: &Delivery, head: &JobHead, error: &Error) -> Result<Worked> {
        tracing::error!(job_id = %head.summary.id, %error, "the job failed");
        match self.end(delivery, head, End::Failed(JobProblem::of(error))).await? {
            true => Ok(Worked::Done),
            false => self.superseded(delivery).await,
        }
    }

    /// Ends the job, unless somebody has touched it since `head` was read. One transaction of seven
    /// items, then what is left in the bucket.
    async fn end(&self, delivery: &Delivery, head: &JobHead, end: End) -> Result<bool> {
        let by = head.summary.created_by.clone();
        let mut effects = Effects::new(&self.store, delivery.cause.clone());
        let stamp = Stamp { at: self.store.clock().now(), by };
        let (ended, _) = ended(&mut effects, head, end, &stamp)?;
        let data = JobData::of(&ended.summary);
        match ended.summary.status {
            JobStatus::Completed => effects.emit(&JobCompleted(data))?,
            JobStatus::Cancelled => effects.emit(&JobCancelled(data))?,
            _ => effects.emit(&JobFailed(data))?,
        }
        if let Outcome::Refused(_) = effects.attempt().await? {
            return Ok(false);
        }
        self.clear(&delivery.tenant, &ended).await?;
        Ok(true)
    }

    /// Removes the file an ended job was given; again and again if need be.
    async fn clear(&self, tenant: &Tenant, head: &JobHead) -> Result<()> {
        if let Some(upload) = head.upload {
            self.files.delete(&upload_key(tenant, upload)).await?;
        }
        Ok(())
    }

    /// Somebody else holds the lease, or the job has ended. The message stays until one of them is
    /// sure: if the other dies, it is what goes on.
    async fn superseded(&self, delivery: &Delivery) -> Result<Worked> {
        let place = JobHead::place(&delivery.tenant, delivery.slice.job_id);
        let head: Option<JobHead> = self.store.get(&place).await?;
        let now = self.store.clock().now();
        match head {
            Some(head) if head.summary.status.is_final() => {
                self.clear(&delivery.tenant, &head).await?;
                Ok(Worked::Done)
            }
            Some(head) if head.slice <= delivery.slice.slice => {
                let rest = head.lease.map(|lease| lease.until.since(now));
                Ok(Worked::Later(rest.unwrap_or_default().max(Duration::from_secs(1))))
            }
            _ => Ok(Worked::Done),
        }
    }

    /// The message goes on as a new one, which may be delivered five times. One transaction.
    async fn send_again(&self, delivery: &Delivery) -> Result<Worked> {
        let mut effects = Effects::new(&self.store, delivery.cause.clone());
        effects.send(PLANNING_JOBS, &delivery.slice)?;
        effects.commit().await?;
        Ok(Worked::Done)
    }

    /// If it fails, the lease ends by itself.
    async fn give_lease_back(&self, tenant: &Tenant, head: &JobHead) {
        let free = JobHead { lease: None, ..head.with(head.job()) };
        let mut transaction = self.store.transaction(tenant);
        free.replace(&mut transaction, head);
        if let Err(error) = transaction.attempt().await {
            tracing::warn!(job_id = %head.summary.id, %error, "a lease was not given back");
        }
    }
}

/// A message, read.
struct Delivery {
    tenant: Tenant,
    cause: Cause,
    receive_count: u32,
    is_last: bool,
    slice: JobSlice,
}

enum Begun {
    Now(Box<JobHead>),
    Not(Worked),
}

fn may_pass(error: &Error) -> bool {
    matches!(error.kind(), Kind::Unavailable | Kind::Internal | Kind::RateLimited)
}

fn unreadable(detail: String) -> Error {
    Error::fault("", FaultCode::BadFormat, detail)
}

/// Adds the end of a job to a transaction: head, counters, and no more request and checkpoint; five
/// items. The step requires that nobody has touched the job since `head` was read.
///
/// # Errors
/// `invalid_state` if it has ended already.
pub(crate) fn ended(
    transaction: &mut Transaction,
    head: &JobHead,
    end: End,
    stamp: &Stamp,
) -> Result<(JobHead, Step)> {
    let mut job = head.job();
    job.ended(end, stamp)?;
    let after = JobHead { lease: None, ..head.with(job) };
    let step = after.replace(transaction, head);
    JobSlots::give_back(transaction, head.summary.kind);
    RunningJobs::one_less(transaction, head.summary.project_id);
    let tenant = *transaction.tenant();
    transaction.delete(&JobRequest::place(&tenant, head.summary.id));
    transaction.delete(&JobCheckpoint::place(&tenant, head.summary.id));
    Ok((after, step))
}
