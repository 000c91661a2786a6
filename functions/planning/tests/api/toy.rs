//! A job of the tests: so many rows, so many at a time, each counted where it can be seen.

use std::sync::Arc;

use futures::future::BoxFuture;
use millwright_core::{Error, Result};
use millwright_event::{Cause, Effects};
use millwright_store::{Key, Outcome, Partition, Transaction, Update};
use millwright_testkit::{Client, Files, TestApp};
use planning::{
    domain::{JobKind, JobProblem, JobRow, RowStatus},
    job::{NewJob, PlanningJobs},
    store::result_key,
    worker::{Advance, Chunk, Halt, Run, StoredResult, Work, Works},
};
use serde::{Deserialize, Serialize};

/// What the toy is to do.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Request {
    pub rows: u64,
    pub per_chunk: u64,
    /// The error before this row: `final` or `passing`.
    pub error_at: Option<(u64, String)>,
    /// Leaves a file.
    pub result: bool,
}

pub fn rows(rows: u64, per_chunk: u64) -> Request {
    Request { rows, per_chunk, ..Request::default() }
}

struct Toy {
    files: Files,
}

impl Work<PlanningJobs> for Toy {
    fn advance<'a>(&'a self, run: &'a mut Run) -> BoxFuture<'a, Result<Advance, Halt>> {
        Box::pin(async move {
            let request: Request = run.request()?;
            let next: u64 = run.checkpoint()?.unwrap_or(1);
            if next > request.rows {
                return Ok(Advance::Finished);
            }
            let last = request.rows.min(next + request.per_chunk - 1);
            match &request.error_at {
                Some((row, kind)) if (next..=last).contains(row) => {
                    return Err(match kind.as_str() {
                        "final" => Error::new(planning::codes::UPLOAD_MISSING, "no file"),
                        _ => Error::unavailable("the table of the tests"),
                    }
                    .into());
                }
                _ => {}
            }
            let mut chunk = Chunk::begin(run);
            chunk.stage("rows");
            chunk.progress().total = Some(request.rows);
            for number in next..=last {
                count(&mut chunk, number);
                chunk.row(row(number));
            }
            if request.result && last == request.rows {
                let key = result_key(run.tenant(), run.job().id);
                let stored = self.files.put(&key, "text/csv", b"a;b\r\n".to_vec()).await?;
                chunk.result(StoredResult::of("tasks.csv", stored));
            }
            match chunk.commit(run, &(last + 1)).await? {
                Outcome::Done => Ok(Advance::More),
                Outcome::Refused(refusals) => Err(Error::internal(format!("{refusals:?}")).into()),
            }
        })
    }
}

/// Every tenth row fails.
pub fn row(number: u64) -> JobRow {
    let failed = number.is_multiple_of(10);
    JobRow {
        row: number,
        line: number + 1,
        external_id: Some(number.to_string()),
        status: if failed { RowStatus::Failed } else { RowStatus::Created },
        entity_id: None,
        key: None,
        problem: failed.then(|| JobProblem::of(&Error::not_found("row"))),
        warnings: Vec::new(),
    }
}

/// Every job is a toy.
pub fn works(app: &TestApp) -> Works {
    let files = app.files.client();
    Arc::new(move |_| Some(Arc::new(Toy { files: files.clone() })))
}

fn counted_at(transaction: &Transaction, number: u64) -> Key {
    Partition::of(transaction.tenant()).and("TOY").at(format!("{number:07}"))
}

fn count(transaction: &mut Transaction, number: u64) {
    let key = counted_at(transaction, number);
    transaction.update(&key, &Update::new().add("times", 1));
}

/// How often each row happened.
pub async fn counts(app: &TestApp) -> Vec<u64> {
    let items = app.database.items().await;
    let toys = items.iter().filter(|item| item.partition_key().ends_with("#TOY"));
    toys.map(|item| item.number("times").unwrap()).collect()
}

/// Starts a job as an operation would; gives its path.
pub async fn try_start(
    app: &TestApp,
    client: &Client,
    project: &str,
    request: Request,
) -> Result<String> {
    let (store, tenant) = (app.database.store(), client.tenant());
    let cause = Cause {
        tenant,
        actor_id: client.user.to_string(),
        traceparent: None,
        correlation_id: "a-test".into(),
        causation_id: None,
    };
    let mut effects = Effects::new(&store, cause);
    let new_job = NewJob {
        kind: JobKind::TaskImport,
        project_id: project.parse().unwrap(),
        subject_id: project.to_owned(),
        upload: None,
        request,
    };
    let job = new_job.start(&mut effects, &client.user.to_string())?;
    effects.commit().await?;
    Ok(format!("/api/v1/planning/jobs/{}", job.summary.id))
}

pub async fn start(app: &TestApp, client: &Client, project: &str, request: Request) -> String {
    try_start(app, client, project, request).await.expect("room for a job")
}
