//! The work of an export job: parts of some hundred tasks, joined at the end.

use futures::future::BoxFuture;
use millwright_core::{Error, Result, codes};
use millwright_store::Outcome as Written;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::{create::ExportOrder, tasks::Exporter};
use crate::{
    app::Planning,
    domain::UploadId,
    job::PlanningJobs,
    store::{result_key, upload_key},
    transfer::{CsvColumns, ExportFormat},
    worker::{Advance, Chunk, Halt, Run, StoredResult, Work},
};

/// What one export has at most; it is joined in memory.
const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// Tasks of one part: some seconds of work.
const PART_TASKS: usize = 500;

/// Where an export goes on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Checkpoint {
    /// The last number that was looked at.
    last_number: u64,
    /// The parts so far, in their order.
    parts: Vec<UploadId>,
    bytes: u64,
    stored: bool,
}

/// Exports a project.
pub struct ExportWork {
    planning: Planning,
    exporter: Mutex<Exporter>,
}

impl ExportWork {
    pub fn new(planning: Planning) -> ExportWork {
        ExportWork { exporter: Mutex::new(Exporter::new(planning.clone())), planning }
    }

    async fn step(&self, run: &mut Run) -> Result<Advance, Halt> {
        let order: ExportOrder = run.request()?;
        let mut checkpoint: Checkpoint = run.checkpoint()?.unwrap_or_default();
        if checkpoint.stored {
            return Ok(Advance::Finished);
        }
        let mut exporter = self.exporter.lock().await;
        let mut bytes = Vec::new();
        let columns = CsvColumns { comments: order.comments, history: order.history };
        if order.format == ExportFormat::Csv && checkpoint.last_number == 0 {
            columns.write_header(&mut bytes).map_err(Error::internal)?;
        }
        let tenant = *run.tenant();
        let from = checkpoint.last_number;
        let part = exporter.part(&tenant, &order, from, PART_TASKS, &mut bytes).await?;
        checkpoint.last_number = part.last_number;
        checkpoint.bytes += bytes.len() as u64;
        if checkpoint.bytes > MAX_BYTES {
            let detail = format!("the export has over {MAX_BYTES} bytes: leave out the history");
            return Err(Error::new(codes::TOO_LARGE, detail).into());
        }
        let mut chunk = Chunk::begin(run);
        chunk.stage(if part.is_last { "storing" } else { "reading" });
        let progress = chunk.progress();
        progress.processed += part.tasks;
        progress.total = part.is_last.then_some(progress.processed);
        let all = part.last_in_project;
        let done = if part.is_last { all } else { part.last_number };
        chunk.done(done, all.max(1));
        if part.is_last {
            let whole = self.joined(run, &checkpoint.parts, bytes).await?;
            let media_type = match order.format {
                ExportFormat::JsonLines => "application/x-ndjson",
                ExportFormat::Csv => "text/csv; charset=utf-8",
            };
            let stored = self
                .planning
                .files()
                .put(&result_key(&tenant, run.job().id), media_type, whole)
                .await?;
            chunk.result(StoredResult::of(format!("{}.{}", order.key, order.format), stored));
            checkpoint.stored = true;
        } else if !bytes.is_empty() {
            let id: UploadId = self.planning.store.ids().next();
            let key = upload_key(&tenant, id);
            self.planning.files().put(&key, "application/octet-stream", bytes).await?;
            checkpoint.parts.push(id);
        }
        match chunk.commit(run, &checkpoint).await? {
            Written::Done => Ok(Advance::More),
            Written::Refused(refusals) => Err(refusals.into_error().into()),
        }
    }

    /// The parts before, and the last one. One GetObject for each; they expire by themselves.
    async fn joined(&self, run: &Run, parts: &[UploadId], last: Vec<u8>) -> Result<Vec<u8>> {
        let mut whole = Vec::new();
        for part in parts {
            let key = upload_key(run.tenant(), *part);
            let bytes = self.planning.files().read_whole(&key, MAX_BYTES).await?;
            let bytes = bytes.ok_or_else(|| Error::internal("a part of an export is gone"))?;
            whole.extend(bytes);
        }
        whole.extend(last);
        Ok(whole)
    }
}

impl Work<PlanningJobs> for ExportWork {
    fn advance<'a>(&'a self, run: &'a mut Run) -> BoxFuture<'a, Result<Advance, Halt>> {
        Box::pin(self.step(run))
    }
}
