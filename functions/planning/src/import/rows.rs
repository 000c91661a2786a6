//! Pass 1: rows become tasks.

use std::collections::BTreeMap;

use millwright_core::{Error, Result, TaskId};
use millwright_store::{Contention, Outcome as Written};

use super::{
    comments::{missing_comments, pending_comments},
    task::{imported, is_newer, overwritten, unknown_people},
    work::{Checkpoint, Step, Stepped},
};
use crate::{
    domain::{
        Force, JobFault, JobProblem, JobRow, RowStatus, RowWarning, Task, TaskReference,
        TaskSummary,
    },
    store::{Counter, ExternalIdMarker, TaskHead},
    task::{Numbers, Surroundings, TaskChange},
    transfer::{ExternalReference, ImportRow, OnConflict, Outcome, Row, RowProblem, Warning},
    worker::{Chunk, Halt, Run},
};

/// The operation that history names.
pub const OPERATION: &str = "import_create";

/// The most rows one transaction tells of: their results are one item of at most 400 KB, and pass 2
/// adds to them.
const MAX_ROWS: usize = 40;

/// The most bytes of what is told of one thing that was noticed.
const MAX_DETAIL_BYTES: usize = 200;

/// Of the 4 MB of a transaction, so much for texts.
const MAX_TEXT_BYTES: usize = 1_500_000;

/// What becomes of a row.
enum Planned<'a> {
    /// It needs nothing written but its result.
    Told(JobRow),
    Created(&'a Row, &'a ImportRow),
}

/// What is known of the tasks that rows name.
pub type Known = BTreeMap<ExternalReference, TaskSummary>;

impl Step<'_> {
    /// As many rows from `next` on as fit one transaction.
    pub async fn import_rows(&self, run: &mut Run, next: u32) -> Result<Stepped, Halt> {
        let rows = self.rows_from(next);
        if rows.is_empty() {
            return Ok(match self.order.dry_run {
                true if run.job().details.progress.total.is_some() => Stepped::Finished,
                false if run.job().details.progress.total.is_some() => {
                    Stepped::Passed(Checkpoint::links_from(1))
                }
                // An empty file: its total is told, too.
                _ => self.commit_rows(run, &[], next).await?,
            });
        }
        let rows = rows.get(..MAX_ROWS).unwrap_or(rows);
        let known = self.known(rows.iter().filter_map(reference)).await?;
        let mut planned = Vec::new();
        let (mut items, mut bytes) = (1, 0);
        for row in rows {
            match self.plan(row, &known).await? {
                Plan::Told(status, warnings) => {
                    let task = reference(row).and_then(|reference| known.get(&reference));
                    planned.push(Planned::Told(told(row, status, task, warnings)));
                }
                Plan::Failed(problem) => planned.push(Planned::Told(failed(row, &problem))),
                Plan::Create(task) => {
                    items += 5 + task.labels.as_slice().len();
                    bytes += text_bytes(task);
                    let fits = items <= Chunk::ROOM && bytes <= MAX_TEXT_BYTES;
                    if !fits && !planned.is_empty() {
                        break;
                    }
                    planned.push(Planned::Created(row, task));
                }
                Plan::Overwrite(task, id) if planned.is_empty() => {
                    return self.overwrite(run, row, task, id).await;
                }
                Plan::Overwrite(..) => break,
            }
        }
        self.commit_rows(run, &planned, next).await
    }

    /// The tasks that are known by these references, deleted ones too. Two BatchGetItem per 100.
    pub async fn known(
        &self,
        references: impl IntoIterator<Item = ExternalReference>,
    ) -> Result<Known> {
        let (tenant, project) = (&self.tenant, self.importing.project);
        let mut references: Vec<ExternalReference> = references.into_iter().collect();
        references.sort();
        references.dedup();
        let place = |reference: &ExternalReference| {
            let source = reference.source.as_ref().unwrap_or(&self.importing.source);
            ExternalIdMarker::place(tenant, project, source, &reference.external_id)
        };
        let mut places: Vec<_> = references.iter().map(place).collect();
        let by_place: Vec<_> = places.iter().cloned().zip(references).collect();
        places.sort();
        places.dedup();
        let mut ids: BTreeMap<(String, String), TaskId> = BTreeMap::new();
        for item in self.planning.store.get_many(&places).await? {
            let place = (item.partition_key().to_owned(), item.sort_key().to_owned());
            ids.insert(place, item.decode::<ExternalIdMarker>()?.task_id);
        }
        let mut heads: Vec<_> = ids.values().map(|id| TaskHead::place(tenant, *id)).collect();
        heads.sort();
        heads.dedup();
        let mut tasks: BTreeMap<TaskId, TaskSummary> = BTreeMap::new();
        for item in self.planning.store.get_many(&heads).await? {
            let summary = item.decode::<TaskHead>()?.summary;
            tasks.insert(summary.id, summary);
        }
        let find = |(place, reference): (millwright_store::Key, ExternalReference)| {
            let place = (place.partition().to_owned(), place.sort_key().to_owned());
            Some((reference, tasks.get(ids.get(&place)?)?.clone()))
        };
        Ok(by_place.into_iter().filter_map(find).collect())
    }

    async fn plan<'r>(&self, row: &'r Row, known: &Known) -> Result<Plan<'r>> {
        let task = reference(row).and_then(|reference| known.get(&reference));
        Ok(match &row.outcome {
            Outcome::Failed(problem) => Plan::Failed(problem.clone()),
            Outcome::Skipped(why) => Plan::Told(RowStatus::Skipped, Some(("skipped", *why))),
            Outcome::Comments(_) if task.is_none() => {
                let why = "no row and no earlier import has this task";
                Plan::Told(RowStatus::Skipped, Some(("unknown_reference", why)))
            }
            Outcome::Task(new) if task.is_none() => Plan::Create(new),
            Outcome::Task(_) | Outcome::Comments(_) => match task {
                Some(task) => self.plan_known(row, task).await?,
                None => Plan::Told(RowStatus::Skipped, None),
            },
        })
    }

    async fn plan_known<'r>(&self, row: &'r Row, task: &TaskSummary) -> Result<Plan<'r>> {
        if task.deleted_at.is_some() {
            let why = "the task was deleted: restore it to import it again";
            return Ok(Plan::Told(RowStatus::Skipped, Some(("task_deleted", why))));
        }
        if self.order.on_conflict == OnConflict::Skip {
            return Ok(Plan::Told(RowStatus::Skipped, None));
        }
        if let Outcome::Task(new) = &row.outcome
            && is_newer(new, task)
        {
            return Ok(match self.order.dry_run {
                true => Plan::Told(RowStatus::Updated, None),
                false => Plan::Overwrite(new, task.id),
            });
        }
        let missing = missing_comments(self, task, row).await?;
        let status = if missing { RowStatus::Updated } else { RowStatus::Unchanged };
        Ok(Plan::Told(status, None))
    }

    async fn commit_rows(
        &self,
        run: &mut Run,
        planned: &[Planned<'_>],
        next: u32,
    ) -> Result<Stepped, Halt> {
        let project = self.importing.project;
        let creations: Vec<(&Row, &ImportRow)> = planned
            .iter()
            .filter_map(|planned| match planned {
                Planned::Created(row, task) => Some((*row, *task)),
                Planned::Told(_) => None,
            })
            .collect();
        let last = next + u32::try_from(planned.len()).unwrap_or_default();
        let rows = self.rows_from(next).get(..planned.len()).unwrap_or_default();
        let after = match pending_comments(rows) {
            Some(row) if !self.order.dry_run => {
                Checkpoint::Comments { row, position: 0, next: last }
            }
            _ => Checkpoint::Rows { next: last },
        };
        let ids: Vec<TaskId> = creations.iter().map(|_| self.planning.store.ids().next()).collect();
        let mut numbers = Numbers::begin(self.planning, &self.tenant, project).await?;
        let mut contention = Contention::new(&self.planning.store);
        loop {
            let mut chunk = self.chunk(run, "rows");
            let writes = !creations.is_empty() && !self.order.dry_run;
            let counter = writes
                .then(|| Counter::take(&mut chunk, project, numbers.last, creations.len() as u64));
            let keys = numbers.next_keys(creations.len())?;
            let mut new = keys.iter().zip(&ids);
            for planned in planned {
                match planned {
                    Planned::Told(row) => chunk.row(row.clone()),
                    Planned::Created(row, _) if self.order.dry_run => {
                        chunk.row(told(row, RowStatus::Created, None, None));
                    }
                    Planned::Created(row, task) => {
                        let Some((key, id)) = new.next() else { continue };
                        let created = imported(task, self.importing, *id, key);
                        self.write_new(&mut chunk, task, &created)?;
                        chunk.row(told(row, RowStatus::Created, Some(&created.summary), None));
                    }
                }
            }
            let refusals = match chunk.commit(run, &after).await? {
                Written::Done => {
                    if writes {
                        let last = keys.last().map_or(numbers.last, |key| key.number);
                        self.planning.remember_number(project, last);
                    }
                    return Ok(Stepped::Committed);
                }
                Written::Refused(refusals) => refusals,
            };
            match counter.and_then(|counter| refusals.at(counter)) {
                Some(refusal) => numbers.lost(refusal.item.as_ref())?,
                // Somebody has made one of the tasks meanwhile: look again.
                None => return Err(Error::lost_race().because("a row was taken").into()),
            }
            if contention.lost(&self.planning.store).await? {
                numbers.read(self.planning, &self.tenant).await?;
            }
        }
    }

    /// The next transaction, with how far the work has come.
    pub fn chunk(&self, run: &Run, stage: &str) -> Chunk {
        let mut chunk = Chunk::begin(run);
        chunk.stage(stage);
        chunk.progress().total = Some(self.total.into());
        chunk.unmapped_columns(self.unmapped.to_vec());
        chunk
    }

    fn write_new(&self, chunk: &mut Chunk, row: &ImportRow, task: &Task) -> Result<()> {
        let change = TaskChange {
            before: None,
            after: task,
            operation: OPERATION,
            note: unknown_people(row),
            force: Force::No,
            imported_at: Some(self.importing.stamp.at),
        };
        change.write(chunk, Surroundings::default())
    }

    /// Brings a task that an earlier import made up to date: a transaction of its own.
    async fn overwrite(
        &self,
        run: &mut Run,
        row: &Row,
        new: &ImportRow,
        id: TaskId,
    ) -> Result<Stepped, Halt> {
        let mut contention = Contention::new(&self.planning.store);
        loop {
            let before = self.planning.task(&self.tenant, &TaskReference::Id(id)).await?;
            let after = overwritten(&before, new, self.importing);
            let around =
                Surroundings::read(self.planning, &self.tenant, Some(&before), &after).await?;
            let mut chunk = self.chunk(run, "rows");
            let change = TaskChange {
                before: Some(&before),
                after: &after,
                operation: OPERATION,
                note: None,
                force: Force::No,
                imported_at: Some(self.importing.stamp.at),
            };
            change.write(&mut chunk, around)?;
            chunk.row(told(row, RowStatus::Updated, Some(&after.summary), None));
            let next = match new.comments.is_empty() {
                true => Checkpoint::Rows { next: row.number + 1 },
                false => {
                    Checkpoint::Comments { row: row.number, position: 0, next: row.number + 1 }
                }
            };
            match chunk.commit(run, &next).await? {
                Written::Done => return Ok(Stepped::Committed),
                Written::Refused(_) => contention.lost(&self.planning.store).await?,
            };
        }
    }
}

/// What is to be done with a row.
enum Plan<'a> {
    Told(RowStatus, Option<(&'static str, &'static str)>),
    Failed(RowProblem),
    Create(&'a ImportRow),
    Overwrite(&'a ImportRow, TaskId),
}

/// How the task of a row is called.
pub fn reference(row: &Row) -> Option<ExternalReference> {
    match &row.outcome {
        Outcome::Task(task) => Some(task.reference()),
        Outcome::Comments(comments) => Some(comments.task.clone()),
        Outcome::Skipped(_) | Outcome::Failed(_) => None,
    }
}

/// The description is written twice: cut, into the history.
fn text_bytes(row: &ImportRow) -> usize {
    let criteria = row.acceptance_criteria.0.iter().map(|one| one.text.as_str().len());
    row.description.as_str().len() + criteria.sum::<usize>() + 8 * 1024
}

fn told(
    row: &Row,
    status: RowStatus,
    task: Option<&TaskSummary>,
    warning: Option<(&'static str, &'static str)>,
) -> JobRow {
    let noticed = row.warnings.clone().into_list().into_iter().map(row_warning);
    let more = warning
        .map(|(code, detail)| RowWarning { code: code.to_owned(), detail: detail.to_owned() });
    JobRow {
        row: row.number.into(),
        line: row.line.into(),
        external_id: row.external_id.as_ref().map(ToString::to_string),
        status,
        entity_id: task.map(|task| task.id.to_string()),
        key: task.map(|task| task.key.clone()),
        problem: None,
        warnings: noticed.chain(more).collect(),
    }
}

/// A warning as the result of a row has it.
pub fn row_warning(mut warning: Warning) -> RowWarning {
    if warning.detail.len() > MAX_DETAIL_BYTES {
        warning.detail.truncate(warning.detail.floor_char_boundary(MAX_DETAIL_BYTES));
        warning.detail.push('…');
    }
    RowWarning { code: warning.code.to_string(), detail: warning.detail }
}

fn failed(row: &Row, problem: &RowProblem) -> JobRow {
    let problem = JobProblem {
        code: problem.code.to_string(),
        title: "The row cannot be imported".to_owned(),
        detail: problem.detail.clone(),
        errors: Vec::<JobFault>::new(),
    };
    JobRow { problem: Some(problem), ..told(row, RowStatus::Failed, None, None) }
}
