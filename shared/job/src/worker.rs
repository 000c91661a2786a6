//! Works off jobs, a slice per message.

use std::{sync::Arc, time::Duration};

use millwright_core::{Error, Kind, Result, Tenant};
use millwright_event::{Cause, Effects, Event, batch::Message};
use millwright_runtime::Worked;
use millwright_store::{Outcome, Store};

use crate::{Advance, End, Halt, JobHead, JobProblem, Jobs, Lease, Run, Slice, Work, Works};

/// A job whose lease was taken so often without a chunk getting done will get nowhere.
const MAX_ATTEMPTS: u32 = 5;

/// How long things take; tests take less. The default fits a function with a timeout of 60 s.
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

/// Works off jobs. Cheap to clone.
#[derive(Clone)]
pub struct Worker<J: Jobs> {
    store: Store,
    works: Works<J>,
    times: Times,
}

impl<J: Jobs> Worker<J> {
    pub fn new(store: Store, works: Works<J>, times: Times) -> Worker<J> {
        Worker { store, works, times }
    }

    /// True for a message of these jobs: a queue may take others, too.
    pub fn takes(message: &Message) -> bool {
        message.envelope.kind == Slice::<J>::TYPE
    }

    /// Works on one message: one read, the lease, one read of request and checkpoint, one
    /// transaction per chunk, and one for the end of the job.
    ///
    /// # Errors
    /// `unavailable` if DynamoDB is; then the message comes again. `invalid_request` for what is no
    /// message of these jobs.
    pub async fn work(&self, message: &Message) -> Result<Worked> {
        let envelope = &message.envelope;
        let Some(slice) = envelope.event::<Slice<J>>() else {
            return Err(envelope.unreadable(format_args!("it is no message for {}", J::FUNCTION)));
        };
        let slice = slice?;
        let tenant = slice.tenant(&message.envelope);
        let delivery = Delivery {
            tenant,
            cause: Cause { tenant, ..Cause::from(&message.envelope) },
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
    async fn begin(&self, delivery: &Delivery<J>) -> Result<Begun<J>> {
        const MOST_LOSSES: u32 = 10;
        let (job_id, tenant) = (delivery.slice.job_id, &delivery.tenant);
        for _ in 0..MOST_LOSSES {
            let head: Option<JobHead<J>> =
                self.store.get(&JobHead::<J>::place(tenant, job_id)).await?;
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
            let mut summary = head.summary.clone();
            summary.start(now);
            let lease = Some(Lease { until: now.plus(self.times.lease) });
            let taken = JobHead { lease, attempts: head.attempts + 1, ..head.with(summary) };
            let mut transaction = self.store.transaction(tenant);
            taken.replace(&mut transaction, &head);
            if let Outcome::Done = transaction.attempt().await? {
                return Ok(Begun::Now(Box::new(taken)));
            }
        }
        Ok(Begun::Not(Worked::Later(self.times.retry)))
    }

    async fn run(&self, delivery: &Delivery<J>, head: JobHead<J>) -> Result<Worked> {
        let Some(work) = self.work_of(&head) else {
            let kind = head.summary.kind;
            let error = Error::internal(format!("nothing works off jobs of kind {kind}"));
            return self.fail(delivery, &head, &error).await;
        };
        let mut run = Run::begin(&self.store, &self.times, delivery, head).await?;
        loop {
            match work.advance(&mut run).await {
                Ok(Advance::More) if run.has_handed_on => return Ok(Worked::Done),
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

    fn work_of(&self, head: &JobHead<J>) -> Option<Arc<dyn Work<J>>> {
        (self.works)(head.summary.kind)
    }

    async fn fail(
        &self,
        delivery: &Delivery<J>,
        head: &JobHead<J>,
        error: &Error,
    ) -> Result<Worked> {
        tracing::error!(job_id = %head.summary.id, %error, "the job failed");
        match self.end(delivery, head, End::Failed(JobProblem::of(error))).await? {
            true => Ok(Worked::Done),
            false => self.superseded(delivery).await,
        }
    }

    /// Ends the job, unless somebody has touched it since `head` was read. One transaction, then
    /// what is left outside of the table.
    async fn end(&self, delivery: &Delivery<J>, head: &JobHead<J>, end: End) -> Result<bool> {
        let mut effects = Effects::new(&self.store, delivery.cause.clone());
        let (ended, _) = head.end(&mut effects, end, &head.summary.created_by)?;
        if let Outcome::Refused(_) = effects.attempt().await? {
            return Ok(false);
        }
        self.clear(&delivery.tenant, &ended).await?;
        Ok(true)
    }

    /// Removes what an ended job was given; again and again if need be.
    async fn clear(&self, tenant: &Tenant, head: &JobHead<J>) -> Result<()> {
        match self.work_of(head) {
            Some(work) => work.clear(tenant, head).await,
            None => Ok(()),
        }
    }

    /// Somebody else holds the lease, or the job has ended. The message stays until one of them is
    /// sure: if the other dies, it is what goes on.
    async fn superseded(&self, delivery: &Delivery<J>) -> Result<Worked> {
        let place = JobHead::<J>::place(&delivery.tenant, delivery.slice.job_id);
        let head: Option<JobHead<J>> = self.store.get(&place).await?;
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
    async fn send_again(&self, delivery: &Delivery<J>) -> Result<Worked> {
        let mut effects = Effects::new(&self.store, delivery.cause.clone());
        effects.send(J::FUNCTION, &delivery.slice)?;
        effects.commit().await?;
        Ok(Worked::Done)
    }

    /// If it fails, the lease ends by itself.
    async fn give_lease_back(&self, tenant: &Tenant, head: &JobHead<J>) {
        let free = JobHead { lease: None, ..head.with(head.summary.clone()) };
        let mut transaction = self.store.transaction(tenant);
        free.replace(&mut transaction, head);
        if let Err(error) = transaction.attempt().await {
            tracing::warn!(job_id = %head.summary.id, %error, "a lease was not given back");
        }
    }
}

/// A message, read.
pub(crate) struct Delivery<J: Jobs> {
    pub(crate) tenant: Tenant,
    pub(crate) cause: Cause,
    pub(crate) receive_count: u32,
    is_last: bool,
    slice: Slice<J>,
}

enum Begun<J: Jobs> {
    Now(Box<JobHead<J>>),
    Not(Worked),
}

fn may_pass(error: &Error) -> bool {
    matches!(error.kind(), Kind::Unavailable | Kind::Internal | Kind::RateLimited)
}
