//! Work behind a queue: from the request that orders it, or what lies in the queue, to its last
//! message.

use std::{collections::HashSet, path::Path};

use anyhow::{Context, Result, ensure};
use millwright_bench_driver::{Invoked, Usage};
use millwright_core::Clock;
use millwright_event::{Destination, Envelope, OUTBOX_SHARDS, OutboxItem, OutboxShard};
use millwright_store::{Partition, Query, Store};
use serde_json::{Value, json};

use super::{
    scenario::{Request, Subject, World},
    stage::{Caller, Candidate, Stage, Way},
};
use crate::output;

/// Work that a function with a queue does.
pub struct Work {
    pub name: &'static str,
    /// The function with the queue.
    pub function: &'static str,
    /// How many of what it does.
    pub amount: u32,
    pub of_what: &'static str,
    pub source: Source,
}

/// Where its messages come from.
pub enum Source {
    /// A request orders it, and what it leaves to say says the rest.
    Ordered(fn(&World) -> Request),
    /// These are in the queue; each is delivered alone.
    Queued(fn() -> Result<Vec<String>>),
}

/// What work took, message by message on one process that starts cold.
#[derive(Clone, Debug)]
pub struct Worked {
    pub name: &'static str,
    pub amount: u32,
    pub of_what: &'static str,
    /// Invocations.
    pub messages: usize,
    pub seconds: f64,
    pub cpu_seconds: f64,
    pub peak_bytes: u64,
    pub usage: Usage,
}

/// Orders it twice, on stages of their own: timed, and counted.
pub async fn measure(
    open: impl AsyncFn() -> Result<Stage>,
    subject: &Subject,
    work: &Work,
    program: &Path,
) -> Result<Worked> {
    let worker = Candidate { program, arguments: &[] };
    let timed = run(&open().await?, subject, work, worker, Way::Direct).await?;
    let counted = run(&open().await?, subject, work, worker, Way::Counted).await?;
    let worked = Worked { usage: counted.usage, ..timed };
    output::progress(format_args!(
        "{}: {:.0} {} a second",
        work.name,
        f64::from(work.amount) / worked.seconds,
        work.of_what
    ));
    Ok(worked)
}

async fn run(
    stage: &Stage,
    subject: &Subject,
    work: &Work,
    worker: Candidate<'_>,
    way: Way,
) -> Result<Worked> {
    let store = Store::new(stage.dynamodb()?, stage.table(subject.service), Clock::system());
    let mut queued = Vec::new();
    let mut ordered = Value::Null;
    match work.source {
        Source::Ordered(order) => {
            ordered = Caller::on(stage).call(&order(&stage.world)).await?;
        }
        Source::Queued(bodies) => {
            for (number, body) in bodies()?.into_iter().enumerate() {
                queued.push(delivery(&format!("message-{number}"), &body));
            }
        }
    }
    stage.launch_other(work.function, worker, way).await?;
    let mut worked = Worked {
        name: work.name,
        amount: work.amount,
        of_what: work.of_what,
        messages: 0,
        seconds: 0.0,
        cpu_seconds: 0.0,
        peak_bytes: 0,
        usage: Usage::default(),
    };
    for message in queued {
        worked.take(stage, message).await?;
    }
    let mut delivered = HashSet::new();
    loop {
        let mut said = said(&store, work.function).await?;
        said.retain(|envelope| delivered.insert(envelope.id.clone()));
        if said.is_empty() {
            break;
        }
        for envelope in said {
            let body = serde_json::to_string(&envelope).context("an envelope")?;
            worked.take(stage, delivery(&envelope.id.to_string(), &body)).await?;
        }
    }
    ensure!(worked.messages > 0, "{} left no message: {ordered}", work.name);
    Ok(worked)
}

impl Worked {
    /// Delivers a message.
    async fn take(&mut self, stage: &Stage, event: Value) -> Result<()> {
        let Invoked { answer, usage, seconds, cpu_seconds, peak_bytes } =
            stage.invoke_raw(event).await?;
        let failures = &answer["batchItemFailures"];
        ensure!(failures == &json!([]), "{}: a message failed: {answer}", self.name);
        self.messages += 1;
        self.seconds += seconds;
        self.cpu_seconds += cpu_seconds;
        self.peak_bytes = peak_bytes;
        self.usage.add(&usage);
        Ok(())
    }
}

/// The messages to a function, in order; there is no relay that would carry them.
async fn said(store: &Store, function: &str) -> Result<Vec<Envelope>> {
    let to = Destination::Queue(function.to_owned());
    let now = Clock::system().now();
    let mut hours =
        vec![now.hour_bucket(), now.minus(std::time::Duration::from_secs(3600)).hour_bucket()];
    hours.dedup();
    let mut items = Vec::new();
    for hour in hours {
        for shard in 0..OUTBOX_SHARDS {
            let shard = OutboxShard { hour: hour.clone(), shard };
            let query = Query::partition(Partition::global(&shard));
            let mut from = None;
            loop {
                let page = store.page(&query, 200, from.as_ref()).await?;
                items.extend(page.items);
                from = page.next;
                if from.is_none() {
                    break;
                }
            }
        }
    }
    items.sort_by_key(|item| item.sort_key().to_owned());
    let mut said = Vec::new();
    for item in items {
        let item: OutboxItem = item.decode()?;
        let entries = item.entries.into_iter().filter(|entry| entry.to == to);
        said.extend(entries.map(|entry| entry.envelope));
    }
    Ok(said)
}

/// What Lambda makes of a message of SQS.
fn delivery(id: &str, body: &str) -> Value {
    json!({ "Records": [{
        "messageId": id,
        "receiptHandle": "bench",
        "body": body,
        "attributes": { "ApproximateReceiveCount": "1" },
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-central-1:000000000000:bench",
        "awsRegion": "eu-central-1",
    }] })
}
