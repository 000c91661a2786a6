//! Exports: raw events or series as a file.

use std::collections::BTreeMap;

use axum::extract::State;
use deserr::Deserr;
use futures::future::BoxFuture;
use millwright_core::{Error, FaultCode, Faults, Result, Tenant, Timestamp, codes as shared};
use millwright_files::Files;
use millwright_http::{Accepted, Allowed, Answered, Submission};
use millwright_job::{Advance, Halt, NewJob, StoredResult, Work};
use millwright_store::Outcome;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    JobView, Run, UsageJobs,
    export_rows::{EVENT_COLUMNS, Rows, SERIES_COLUMNS, SeriesRow},
    rewrite::{Cursor, events_of},
};
use crate::{
    app::Usage,
    domain::{
        COST, COUNT, CategoryPattern, Cost, JobDetails, JobId, JobKind, Quantity, ScopeType, Window,
    },
    permissions::ExportCreate,
    query::{Question, ask, categories_of},
    store::{EventItem, EventSummary, export_key},
};

millwright_core::wire_enum! {
    /// What an export holds.
    pub enum ExportKind {
        /// Raw events with their data.
        Events = "events",
        /// What was counted, by UTC day, category and dimension values.
        Series = "series",
    }
}

millwright_core::wire_enum! {
    /// How a file is written.
    pub enum ExportFormat {
        Csv = "csv",
        Jsonl = "jsonl",
    }
}

/// The longest span of an export: that of raw events, and of hours.
const MAX_DAYS: i64 = 90;
const DAY: i64 = 24 * 3_600 * 1_000;
/// What one export has at most; it is joined in memory.
const MAX_BYTES: u64 = 128 * 1024 * 1024;
const MAX_ROWS: u64 = 5_000_000;
/// Events of one query.
const PAGE: usize = 500;
/// Events of one part: some seconds of work.
const PART: usize = 4_000;

/// What is to be exported.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "kind": "series", "format": "csv", "from": "2026-11-01T00:00:00Z", "to": "2026-11-23T00:00:00Z",
}))]
pub struct ExportIn {
    kind: ExportKind,
    format: ExportFormat,
    /// Of a series a full UTC day.
    from: Timestamp,
    to: Timestamp,
    /// All of them, if not given.
    #[deserr(default = CategoryPattern::Any)]
    #[schema(required = false)]
    category_pattern: CategoryPattern,
}

/// What the worker is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExportOrder {
    kind: ExportKind,
    format: ExportFormat,
    from: Timestamp,
    to: Timestamp,
    category_pattern: CategoryPattern,
}

/// Export usage
///
/// Raw events with their data, or what was counted by UTC day, as CSV or JSON Lines. Follow the job
/// that `Location` names; it has the link. At most three jobs of an organization at once, 5,000,000
/// rows and 128 MB each. One transaction of five items.
#[utoipa::path(post, path = "/api/v1/usage/exports", tag = "Jobs")]
pub async fn export_create(
    caller: Allowed<ExportCreate>,
    State(usage): State<Usage>,
    submission: Submission<ExportIn>,
) -> Answered<Accepted<JobView>> {
    let (submission, input) = submission.take();
    let days = (input.to.as_millisecond() - input.from.as_millisecond()).div_euclid(DAY);
    if input.to <= input.from || days > MAX_DAYS {
        let detail = format!("must be after from, and at most {MAX_DAYS} days");
        return Err(Error::fault("/to", FaultCode::TooLarge, detail).into());
    }
    let is_day = |at: Timestamp| at.as_millisecond().rem_euclid(DAY) == 0;
    if input.kind == ExportKind::Series && !(is_day(input.from) && is_day(input.to)) {
        let detail = "a series is of full UTC days";
        return Err(Error::fault("/from", FaultCode::BadFormat, detail).into());
    }
    let ExportIn { kind, format, from, to, category_pattern } = input;
    let new = NewJob::<UsageJobs, ExportOrder> {
        kind: JobKind::Export,
        details: JobDetails::default(),
        extra: (),
        request: ExportOrder { kind, format, from, to, category_pattern },
    };
    let mut write = submission.write(&usage.store, &caller);
    let head = new.start(&mut write, caller.actor())?;
    Ok(write.commit(Accepted(JobView::of(head.summary, None))).await?)
}

/// Where an export goes on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Checkpoint {
    /// None before the first part.
    cursor: Option<Cursor>,
    /// Days of a series that are done.
    days: i64,
    /// The parts so far, in their order.
    parts: Vec<JobId>,
    bytes: u64,
    rows: u64,
    stored: bool,
}

/// Writes exports.
pub struct ExportWork {
    usage: Usage,
    files: Files,
}

/// One part of a file.
struct Part {
    bytes: Vec<u8>,
    rows: u64,
    next: Option<(Option<Cursor>, i64)>,
    done: (u64, u64),
}

impl Part {
    fn of(rows: Rows, next: Option<(Option<Cursor>, i64)>, done: (u64, u64)) -> Part {
        Part { bytes: rows.bytes, rows: rows.rows, next, done }
    }
}

impl ExportWork {
    pub fn new(usage: Usage, files: Files) -> ExportWork {
        ExportWork { usage, files }
    }

    async fn step(&self, run: &mut Run) -> Result<Advance, Halt> {
        let order: ExportOrder = run.request()?;
        let mut checkpoint: Checkpoint = run.checkpoint()?.unwrap_or_default();
        if checkpoint.stored {
            return Ok(Advance::Finished);
        }
        let tenant = *run.tenant();
        let part = match order.kind {
            ExportKind::Events => self.events(&tenant, &order, &checkpoint).await?,
            ExportKind::Series => self.series(&tenant, &order, &checkpoint).await?,
        };
        checkpoint.bytes += part.bytes.len() as u64;
        checkpoint.rows += part.rows;
        if checkpoint.bytes > MAX_BYTES || checkpoint.rows > MAX_ROWS {
            let detail = "the export has too many rows: ask for less time or fewer categories";
            return Err(Error::new(shared::TOO_LARGE, detail).into());
        }
        let mut chunk = run.chunk();
        chunk.stage(if part.next.is_some() { "reading" } else { "storing" });
        chunk.details().rows = checkpoint.rows;
        chunk.done(part.done.0, Some(part.done.1));
        match part.next {
            Some((cursor, days)) => {
                (checkpoint.cursor, checkpoint.days) = (cursor, days);
                if !part.bytes.is_empty() {
                    let id: JobId = self.usage.store.ids().next();
                    let key = export_key(&tenant, id);
                    self.files.put(&key, "application/octet-stream", part.bytes).await?;
                    checkpoint.parts.push(id);
                }
            }
            None => {
                let whole = self.joined(&tenant, &checkpoint.parts, part.bytes).await?;
                let media_type = match order.format {
                    ExportFormat::Jsonl => "application/x-ndjson",
                    ExportFormat::Csv => "text/csv; charset=utf-8",
                };
                let key = export_key(&tenant, run.job().id);
                let stored = self.files.put(&key, media_type, whole).await?;
                let name = format!("usage-{}.{}", order.kind, order.format);
                chunk.result(StoredResult::of(name, stored));
                checkpoint.stored = true;
            }
        }
        match chunk.commit(run, &checkpoint).await? {
            Outcome::Done => Ok(Advance::More),
            Outcome::Refused(refusals) => Err(refusals.into_error().into()),
        }
    }

    /// The parts before, and the last one. One GetObject for each; they expire by themselves.
    async fn joined(&self, tenant: &Tenant, parts: &[JobId], last: Vec<u8>) -> Result<Vec<u8>> {
        let mut whole = Vec::new();
        for part in parts {
            let bytes = self.files.read_whole(&export_key(tenant, *part), MAX_BYTES).await?;
            whole.extend(bytes.ok_or_else(|| Error::internal("a part of an export is gone"))?);
        }
        whole.extend(last);
        Ok(whole)
    }

    /// One Query per 500 events and one BatchGetItem per hundred.
    async fn events(
        &self,
        tenant: &Tenant,
        order: &ExportOrder,
        checkpoint: &Checkpoint,
    ) -> Result<Part> {
        let mut out = Rows::new(order.format);
        if checkpoint.cursor.is_none() {
            out.header(&EVENT_COLUMNS)?;
        }
        let mut cursor = checkpoint.cursor.clone().unwrap_or_default();
        let mut seen = 0;
        loop {
            let span = (order.from, order.to);
            let piece = events_of(&self.usage, tenant, span, &cursor, PAGE).await?;
            let wanted = |it: &&EventSummary| order.category_pattern.matches(&it.category_code);
            let wanted: Vec<&EventSummary> = piece.events.iter().filter(wanted).collect();
            let places: Vec<_> = wanted.iter().map(|it| EventItem::place(tenant, it.id)).collect();
            for item in self.usage.store.get_many(&places).await? {
                out.event(&item.decode()?)?;
            }
            // A page of an empty shard is read in no time, but not for nothing.
            seen += piece.events.len().max(PAGE / 50);
            let done = (piece.days_done, piece.days);
            match piece.next {
                Some(next) if seen < PART => cursor = next,
                next => return Ok(Part::of(out, next.map(|next| (Some(next), 0)), done)),
            }
        }
    }

    /// The queries of one day of each category.
    async fn series(
        &self,
        tenant: &Tenant,
        order: &ExportOrder,
        checkpoint: &Checkpoint,
    ) -> Result<Part> {
        let mut out = Rows::new(order.format);
        if checkpoint.days == 0 {
            out.header(&SERIES_COLUMNS)?;
        }
        let begin = order.from.as_millisecond() + checkpoint.days * DAY;
        let window = Window {
            start: Timestamp::from_millisecond(begin),
            end: Timestamp::from_millisecond(begin + DAY),
        };
        let defined = self.usage.defined(tenant).await?;
        let categories =
            categories_of(&self.usage, tenant, &order.category_pattern, window).await?;
        for code in categories {
            let dimensions: Vec<String> = defined
                .category(&code)
                .map(|it| it.dimensions.0.iter().map(|it| it.name.to_string()).collect())
                .unwrap_or_default();
            let question = Question {
                group_by: dimensions,
                scope: ScopeType::Organization,
                ..Question::of_organization(&code, window)
            };
            for row in ask(&self.usage, tenant, &defined, &question).await? {
                let sum = |name: &str| row.sums.get(name).copied().unwrap_or(0);
                let metrics =
                    row.sums.iter().filter(|(name, _)| !name.starts_with('#') && *name != COST);
                let dimensions = row.group.clone();
                let cost = Cost::from_pico(sum(COST)).micros();
                let mut metrics: BTreeMap<String, Quantity> =
                    metrics.map(|(name, it)| (name.clone(), Quantity::from_nano(*it))).collect();
                metrics.entry(COUNT.to_owned()).or_default();
                out.series(&SeriesRow {
                    day: window.start,
                    category_code: code.clone(),
                    dimensions,
                    quantities: metrics,
                    cost_micros: cost,
                })?;
            }
        }
        let days = checkpoint.days + 1;
        let all = (order.to.as_millisecond() - order.from.as_millisecond()) / DAY;
        let done = |days: i64| u64::try_from(days).unwrap_or(0);
        Ok(Part::of(out, (days < all).then_some((None, days)), (done(days), done(all))))
    }
}

impl Work<UsageJobs> for ExportWork {
    fn advance<'a>(&'a self, run: &'a mut Run) -> BoxFuture<'a, Result<Advance, Halt>> {
        Box::pin(self.step(run))
    }
}
