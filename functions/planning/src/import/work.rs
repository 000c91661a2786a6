//! The work of an import job, one transaction at a time.

use futures::future::BoxFuture;
use millwright_core::{Error, Result, Tenant, codes as shared_codes};
use millwright_files::FileKey;
use millwright_store::Outcome as Written;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::{create::ImportOrder, task::Importing};
use crate::{
    app::Planning,
    codes,
    domain::Stamp,
    job::PlanningJobs,
    store::{JobHead, upload_key},
    transfer::{Outcome, Reader, Reading, Row, UnreadableCode, Warning, limits},
    worker::{Advance, Halt, Run, Work},
};

/// Where an import goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "stage")]
pub enum Checkpoint {
    /// Tasks, from a row on.
    Rows { next: u32 },
    /// Comments of the rows before `next`, from one of a row on.
    Comments { row: u32, position: u32, next: u32 },
    /// Parents and relations, from one of a row on; with what was noticed of the row so far.
    Links { row: u32, link: usize, changed: bool, warnings: Vec<Warning> },
}

impl Checkpoint {
    /// The first row that is still needed.
    fn first_row(&self) -> u32 {
        match self {
            Checkpoint::Rows { next } => *next,
            Checkpoint::Comments { row, .. } | Checkpoint::Links { row, .. } => *row,
        }
    }

    pub fn links_from(row: u32) -> Checkpoint {
        Checkpoint::Links { row, link: 0, changed: false, warnings: Vec::new() }
    }
}

/// So many times there may be nothing to write before the way so far is saved: a file that is
/// known already is passed in slices like any other.
const MAX_PASSED: usize = 50;

/// Imports a file. One for each slice: it keeps the rows it has read.
pub struct ImportWork {
    planning: Planning,
    file: Mutex<Option<File>>,
}

/// The rows of the file from one on.
struct File {
    first: u32,
    total: u32,
    rows: Vec<Row>,
    unmapped: Vec<String>,
}

/// One step of the work, with what it is about.
pub struct Step<'a> {
    pub planning: &'a Planning,
    pub tenant: Tenant,
    pub order: &'a ImportOrder,
    pub importing: &'a Importing,
    /// The rows from `first` on, in their order.
    rows: &'a [Row],
    first: u32,
    pub total: u32,
    pub unmapped: &'a [String],
}

impl Step<'_> {
    /// The rows from `number` on; none behind the last.
    pub fn rows_from(&self, number: u32) -> &[Row] {
        let skipped = number.saturating_sub(self.first) as usize;
        self.rows.get(skipped..).unwrap_or_default()
    }

    /// Writes nothing but where to go on.
    async fn save(&self, run: &mut Run, checkpoint: &Checkpoint) -> Result<Advance, Halt> {
        let stage = run.job().stage.clone();
        match self.chunk(run, &stage).commit(run, checkpoint).await? {
            Written::Done => Ok(Advance::More),
            Written::Refused(refusals) => Err(refusals.into_error().into()),
        }
    }
}

/// What one step came to.
pub enum Stepped {
    /// A transaction was written.
    Committed,
    /// There was nothing to write up to here.
    Passed(Checkpoint),
    Finished,
}

impl ImportWork {
    pub fn new(planning: Planning) -> ImportWork {
        ImportWork { planning, file: Mutex::default() }
    }

    async fn step(&self, run: &mut Run) -> Result<Advance, Halt> {
        let order: ImportOrder = run.request()?;
        let mut checkpoint = run.checkpoint()?.unwrap_or(Checkpoint::Rows { next: 1 });
        let job = run.job();
        let importing = Importing {
            project: job.details.project_id,
            source: order.options.source.clone(),
            stamp: Stamp { at: job.created_at, by: job.created_by.clone() },
        };
        let mut file = self.file.lock().await;
        let mut passed = 0;
        loop {
            let first = checkpoint.first_row();
            if file.as_ref().is_none_or(|file| file.first > first) {
                *file = Some(read(&self.planning, run, &order, first).await?);
            }
            let Some(file) = file.as_ref() else { return Ok(Advance::Finished) };
            let step = Step {
                planning: &self.planning,
                tenant: *run.tenant(),
                order: &order,
                importing: &importing,
                rows: &file.rows,
                first: file.first,
                total: file.total,
                unmapped: &file.unmapped,
            };
            if passed == MAX_PASSED {
                return step.save(run, &checkpoint).await;
            }
            let stepped = match &checkpoint {
                Checkpoint::Rows { next } => step.import_rows(run, *next).await?,
                Checkpoint::Comments { row, position, next } => {
                    step.import_comments(run, (*row, *position), *next).await?
                }
                Checkpoint::Links { .. } => step.import_links(run, checkpoint.clone()).await?,
            };
            match stepped {
                Stepped::Committed => return Ok(Advance::More),
                Stepped::Finished => return Ok(Advance::Finished),
                Stepped::Passed(next) => {
                    checkpoint = next;
                    passed += 1;
                }
            }
        }
    }
}

impl Work<PlanningJobs> for ImportWork {
    fn advance<'a>(&'a self, run: &'a mut Run) -> BoxFuture<'a, Result<Advance, Halt>> {
        Box::pin(self.step(run))
    }

    /// Removes the file.
    fn clear<'a>(&'a self, tenant: &'a Tenant, job: &'a JobHead) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            match upload_of(tenant, job) {
                Some(key) => self.planning.files().delete(&key).await,
                None => Ok(()),
            }
        })
    }
}

/// The file the job was given.
fn upload_of(tenant: &Tenant, job: &JobHead) -> Option<FileKey> {
    job.extra.upload.map(|id| upload_key(tenant, id))
}

/// Reads the file and its rows from `first` on. One GetObject; a second or so of CPU for 50 MB.
///
/// # Errors
/// `upload_missing`, `import_unreadable`, `too_large`.
async fn read(planning: &Planning, run: &Run, order: &ImportOrder, first: u32) -> Result<File> {
    let missing = || Error::new(codes::UPLOAD_MISSING, "the file was never sent, or is gone");
    let key = upload_of(run.tenant(), run.head()).ok_or_else(missing)?;
    let max = limits::MAX_BYTES as u64;
    let bytes = planning.files().read_whole(&key, max).await?.ok_or_else(missing)?;
    let reading = Reading { options: &order.options, now: run.job().created_at };
    let mut reader = Reader::open(&bytes, reading).map_err(|unreadable| {
        let code = match unreadable.code {
            UnreadableCode::ImportUnreadable => codes::IMPORT_UNREADABLE,
            UnreadableCode::TooLarge => shared_codes::TOO_LARGE,
        };
        Error::new(code, unreadable.detail)
    })?;
    let total = reader.total();
    reader.skip_to(first);
    let rows: Vec<Row> = reader.by_ref().collect();
    let unmapped = reader.unmapped_columns().map(str::to_owned).collect();
    Ok(File { first, total, rows, unmapped })
}

/// What a row has to say of other tasks.
pub fn has_links(row: &Row) -> bool {
    match &row.outcome {
        Outcome::Task(task) => task.parent.is_some() || !task.relations.is_empty(),
        _ => false,
    }
}
