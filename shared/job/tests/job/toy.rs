//! A job of the tests: so many pieces, so many at a time, each counted where it can be seen.

use std::sync::Arc;

use futures::future::BoxFuture;
use millwright_core::{Error, Id, Result, Tenant, codes};
use millwright_event::{Cause, Effects, Event};
use millwright_job::{
    Advance, Halt, JobHead, JobProblem, JobStatus, JobSummary, Jobs, Limit, NewJob, Run, Work,
    Works,
};
use millwright_store::{Key, Outcome, Partition, Transaction, Update};
use millwright_testkit::Database;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use utoipa::ToSchema;

millwright_core::id! {
    /// A job.
    ToyId = ToyNoun("top");
}

millwright_core::wire_enum! {
    pub enum ToyKind {
        Limited = "limited",
        Unlimited = "unlimited",
        Unknown = "unknown",
    }
}

/// The jobs of the tests.
#[derive(Clone, Debug, PartialEq)]
pub struct Toys;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Details {
    pub name: String,
    pub pieces_done: u64,
}

/// The end of a job.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ToyEnded {
    pub job_id: ToyId,
    pub status: JobStatus,
    pub problem: Option<JobProblem>,
}

impl Event for ToyEnded {
    const TYPE: &'static str = "toys.job.ended";
    const SERVICE: &'static str = "toys";
    const IN_ORGANIZATION: bool = false;

    fn subject(&self) -> String {
        self.job_id.to_string()
    }

    fn example() -> ToyEnded {
        let job_id = Id::from_uuid(uuid::Uuid::nil());
        ToyEnded { job_id, status: JobStatus::Completed, problem: None }
    }
}

impl Jobs for Toys {
    type Noun = ToyNoun;
    type Kind = ToyKind;
    type Details = Details;
    type Extra = Option<u64>;
    const SERVICE: &'static str = "toys";
    const FUNCTION: &'static str = "toys-jobs";
    const SLICE_DUE: &'static str = "toys.job.slice_due";

    fn limit(kind: ToyKind) -> Option<Limit> {
        let limit = Limit { counter: "toys", most: 3, code: codes::LIMIT_REACHED };
        (kind == ToyKind::Limited).then_some(limit)
    }

    fn starting(effects: &mut Effects, _job: &JobSummary<Toys>) -> Result<()> {
        count_running(effects, 1);
        Ok(())
    }

    fn ending(effects: &mut Effects, job: &JobSummary<Toys>) -> Result<()> {
        count_running(effects, -1);
        effects.emit(&ToyEnded { job_id: job.id, status: job.status, problem: job.problem.clone() })
    }
}

fn count_running(effects: &mut Effects, change: i64) {
    let key = Partition::of(effects.tenant()).and("COUNT").at("RUNNING");
    effects.update(&key, &Update::new().add("running", change));
}

/// What the toy is to do.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Request {
    pub pieces: u64,
    pub per_chunk: u64,
    /// The error before this piece: `final` or `passing`.
    pub error_at: Option<(u64, String)>,
}

pub fn pieces(pieces: u64, per_chunk: u64) -> Request {
    Request { pieces, per_chunk, ..Request::default() }
}

/// Where a worker stands still before its first chunk.
#[derive(Default)]
pub struct Pause {
    pub reached: Notify,
    pub go_on: Notify,
}

struct Toy {
    database: Database,
    pause: Option<Arc<Pause>>,
}

impl Work<Toys> for Toy {
    fn advance<'a>(&'a self, run: &'a mut Run<Toys>) -> BoxFuture<'a, Result<Advance, Halt>> {
        Box::pin(async move {
            let request: Request = run.request()?;
            let next: u64 = run.checkpoint()?.unwrap_or(1);
            if next > request.pieces {
                return Ok(Advance::Finished);
            }
            let last = request.pieces.min(next + request.per_chunk - 1);
            if let Some((piece, kind)) = &request.error_at
                && (next..=last).contains(piece)
            {
                return Err(match kind.as_str() {
                    "final" => Error::new(codes::NAME_TAKEN, "taken"),
                    _ => Error::unavailable("the table of the tests"),
                }
                .into());
            }
            let mut chunk = run.chunk();
            chunk.stage("pieces");
            for number in next..=last {
                let key = counted_at(&chunk, number);
                chunk.update(&key, &Update::new().add("times", 1));
            }
            chunk.details().pieces_done += last + 1 - next;
            *chunk.extra() = Some(last);
            chunk.done(last, Some(request.pieces));
            if let Some(pause) = &self.pause {
                pause.reached.notify_one();
                pause.go_on.notified().await;
            }
            match chunk.commit(run, &(last + 1)).await? {
                Outcome::Done => Ok(Advance::More),
                Outcome::Refused(refusals) => Err(refusals.into_error().into()),
            }
        })
    }

    /// Marks that it was here.
    fn clear<'a>(
        &'a self,
        tenant: &'a Tenant,
        job: &'a JobHead<Toys>,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let key = Partition::of(tenant).and("CLEARED").at(job.summary.id);
            let mut transaction = self.database.store().transaction(tenant);
            transaction.update(&key, &Update::new().set("cleared", true));
            transaction.commit().await
        })
    }
}

/// Nothing works off jobs of the kind `unknown`.
pub fn works(process: &Database) -> Works<Toys> {
    works_with(process, None)
}

pub fn works_with(process: &Database, pause: Option<Arc<Pause>>) -> Works<Toys> {
    let database = process.clone();
    Arc::new(move |kind| {
        let toy = Toy { database: database.clone(), pause: pause.clone() };
        (kind != ToyKind::Unknown).then(|| Arc::new(toy) as Arc<dyn Work<Toys>>)
    })
}

fn counted_at(transaction: &Transaction, number: u64) -> Key {
    Partition::of(transaction.tenant()).and("TOY").at(format!("{number:07}"))
}

/// How often each piece happened.
pub async fn counts(database: &Database) -> Vec<u64> {
    let items = database.items().await;
    let toys = items.iter().filter(|item| item.partition_key().ends_with("#TOY"));
    toys.map(|item| item.number("times").unwrap()).collect()
}

pub fn effects(database: &Database, tenant: Tenant) -> Effects {
    let cause = Cause {
        tenant,
        actor_id: "usr_of_the_tests".into(),
        traceparent: None,
        correlation_id: "a-test".into(),
        causation_id: None,
    };
    Effects::new(&database.store(), cause)
}

/// Starts a job as an operation would.
pub async fn try_start(
    database: &Database,
    tenant: Tenant,
    kind: ToyKind,
    request: Request,
) -> Result<JobHead<Toys>> {
    let mut effects = effects(database, tenant);
    let details = Details { name: "a toy".into(), pieces_done: 0 };
    let new = NewJob::<Toys, _> { kind, details, extra: None, request };
    let head = new.start(&mut effects, "usr_of_the_tests")?;
    effects.commit().await?;
    Ok(head)
}

pub async fn start(database: &Database, tenant: Tenant, request: Request) -> ToyId {
    let head = try_start(database, tenant, ToyKind::Limited, request).await.expect("room");
    head.summary.id
}

/// Cancels a job as an operation would.
pub async fn cancel(database: &Database, tenant: Tenant, id: ToyId) -> Result<JobHead<Toys>> {
    let store = database.store();
    let attempt = || async {
        let head = JobHead::<Toys>::read(&store, &tenant, id).await?;
        let mut effects = effects(database, tenant);
        let ended = head.cancel(&mut effects, "usr_of_another")?;
        effects.commit().await?;
        Ok(ended)
    };
    millwright_store::Contention::new(&store).settle(&store, attempt).await
}

/// What was said of the end of jobs.
pub async fn ends(database: &Database) -> Vec<ToyEnded> {
    let events = database.said_to(&millwright_event::Destination::Bus).await;
    events.iter().map(|event| event.event::<ToyEnded>().unwrap().unwrap()).collect()
}

/// Nothing but jobs is left, each cleared, and their places are free.
pub async fn assert_tidy(database: &Database) {
    let items = database.items().await;
    for item in &items {
        assert!(!["job_request", "job_checkpoint"].contains(&item.kind()), "{item:?}");
        if item.partition_key().ends_with("#COUNT") {
            let left = item.signed_number("count").or(item.signed_number("running"));
            assert_eq!(left, Some(0), "{item:?}");
        }
    }
    let with = |what: &str| items.iter().filter(|i| i.partition_key().ends_with(what)).count();
    let heads = items.iter().filter(|item| item.kind() == "job").count();
    assert_eq!(with("#CLEARED"), heads);
}
