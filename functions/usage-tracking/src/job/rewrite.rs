//! The work of reclassifying and repricing: one raw event after the other, each in a transaction of
//! its own that changes nothing a second time. So a chunk that is done twice is done once.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt, future::BoxFuture};
use millwright_core::{Error, Result, Tenant, Timestamp};
use millwright_job::{Advance, Halt, Work};
use millwright_store::{Index, Outcome, Query};
use serde::{Deserialize, Serialize};

use super::{Run, UsageJobs};
use crate::{
    app::Usage,
    domain::JobKind,
    ingest::{Again, Ingest},
    store::{EventItem, EventSummary, TIME_SHARDS, by_time, day_of},
};

/// Events of one chunk.
const CHUNK: usize = 200;
/// Events at once.
const PARALLEL: usize = 8;
/// Definitions are remembered for ten seconds.
const SETTLED: Duration = Duration::from_secs(12);
const DAY: i64 = 24 * 3_600 * 1_000;

/// What is to be done anew.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RewriteOrder {
    pub category_code: String,
    pub from: Timestamp,
    pub to: Timestamp,
}

/// Where in the raw events of a span somebody is: day by day, and each in the shards of its index.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cursor {
    day: u64,
    shard: u8,
    /// The last sort key that was looked at.
    after: Option<String>,
}

/// Some raw events.
pub struct Piece {
    pub events: Vec<EventSummary>,
    /// None: these are the last.
    pub next: Option<Cursor>,
    pub days_done: u64,
    pub days: u64,
}

/// The next raw events of a span, as the index has them. One Query.
///
/// # Errors
/// `unavailable`.
pub async fn events_of(
    usage: &Usage,
    tenant: &Tenant,
    (from, to): (Timestamp, Timestamp),
    cursor: &Cursor,
    most: usize,
) -> Result<Piece> {
    let first = from.as_millisecond().div_euclid(DAY);
    let last = (to.as_millisecond() - 1).div_euclid(DAY).max(first);
    let days = u64::try_from(last - first + 1).unwrap_or(1);
    let at = i64::try_from(cursor.day).unwrap_or(0);
    let day = day_of(Timestamp::from_millisecond((first + at) * DAY));
    let query = Query::index(Index::Gsi1, by_time(tenant, &day, cursor.shard));
    // Nothing lies between a sort key and itself with an exclamation mark.
    let least = match &cursor.after {
        Some(after) => format!("{after}!"),
        None => from.to_string(),
    };
    let page = usage.store.page(&query.from_sort_key(least), most, None).await?;
    let after = page.items.last().map(|item| {
        let name = Index::Gsi1.sort_key();
        item.text(name).unwrap_or_default().to_owned()
    });
    let summaries: Result<Vec<EventSummary>> =
        page.items.iter().map(|item| item.decode_attribute("summary")).collect();
    let is_whole = page.items.len() < most;
    let next = match (is_whole, cursor.shard + 1 < TIME_SHARDS) {
        (false, _) => Some(Cursor { after, ..cursor.clone() }),
        (true, true) => Some(Cursor { day: cursor.day, shard: cursor.shard + 1, after: None }),
        (true, false) => {
            let day = cursor.day + 1;
            (day < days).then_some(Cursor { day, shard: 0, after: None })
        }
    };
    Ok(Piece {
        events: summaries?.into_iter().filter(|it| from <= it.time && it.time < to).collect(),
        days_done: next.as_ref().map_or(days, |next| next.day),
        next,
        days,
    })
}

/// Counts stored events anew.
pub struct RewriteWork {
    usage: Usage,
}

/// Where it goes on; none: it is done.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Checkpoint(Option<Cursor>);

impl RewriteWork {
    pub fn new(usage: Usage) -> RewriteWork {
        RewriteWork { usage }
    }

    /// One Query and one BatchGetItem per hundred events; one transaction for each that changes.
    async fn step(&self, run: &mut Run) -> Result<Advance, Halt> {
        let order: RewriteOrder = run.request()?;
        let checkpoint: Option<Checkpoint> = run.checkpoint()?;
        let is_new = checkpoint.is_none();
        let Some(cursor) = checkpoint.map_or(Some(Cursor::default()), |it| it.0) else {
            return Ok(Advance::Finished);
        };
        let tenant = *run.tenant();
        let now = self.usage.store.clock().now();
        if is_new && now.since(run.job().created_at) < SETTLED {
            // Whoever counts may still remember what was defined before: it would be passed over.
            return Err(Error::unavailable("definitions are too young").into());
        }
        let again = match run.job().kind {
            JobKind::Reclassify => Again::Classify,
            _ => Again::Price,
        };
        let defined = self.usage.defined_now(&tenant).await?;
        let category = defined.require_category(&order.category_code)?;
        self.usage.take_down_days(&tenant, &defined.settings().time_zone, now).await?;
        let piece = events_of(&self.usage, &tenant, (order.from, order.to), &cursor, CHUNK).await?;
        let wanted = |it: &&EventSummary| match again {
            Again::Classify => it.category_code == crate::domain::UNCATEGORIZED,
            Again::Price => it.category_code == order.category_code,
        };
        let places: Vec<_> =
            piece.events.iter().filter(wanted).map(|it| EventItem::place(&tenant, it.id)).collect();
        let items = self.usage.store.get_many(&places).await?;
        let ingest = Ingest::new(self.usage.clone());
        let mut calls: Vec<BoxFuture<'_, Result<bool>>> = Vec::with_capacity(items.len());
        for item in items {
            let (ingest, tenant, defined) = (&ingest, &tenant, &defined);
            calls.push(Box::pin(async move {
                let before: EventItem = item.decode()?;
                ingest.count_again(tenant, defined, category, again, before).await
            }));
        }
        let changed: Vec<bool> =
            futures::stream::iter(calls).buffer_unordered(PARALLEL).try_collect().await?;
        let mut chunk = run.chunk();
        // A worker that died after its events and before this has changed them without a count.
        chunk.details().rows += changed.into_iter().filter(|it| *it).count() as u64;
        chunk.done(piece.days_done, Some(piece.days));
        match chunk.commit(run, &Checkpoint(piece.next)).await? {
            Outcome::Done => Ok(Advance::More),
            Outcome::Refused(refusals) => Err(refusals.into_error().into()),
        }
    }
}

impl Work<UsageJobs> for RewriteWork {
    fn advance<'a>(&'a self, run: &'a mut Run) -> BoxFuture<'a, Result<Advance, Halt>> {
        Box::pin(self.step(run))
    }
}
