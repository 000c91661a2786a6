//! Tasks of a project, read for an export.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
};

use millwright_core::{Error, Result, TaskId, Tenant};
use millwright_store::{Assembled, Query, RawItem};

use super::create::ExportOrder;
use crate::{
    app::Planning,
    domain::{RelationKind, Task, TaskReference},
    store::{
        Comment, CommentItem, HistoryEntry, HistoryItem, MAX_COMMENTS, Subject, TaskBody, TaskHead,
        TaskKeyMarker, TaskRelations, keys_of_project, task_partition,
    },
    transfer::{
        CsvColumns, ExportComment, ExportFormat, ExportLinks, ExportTask, ExternalReference,
        ExternalRelations, export_identity, write_task,
    },
};

/// The longest history an export tells.
const MAX_HISTORY: usize = 10_000;

/// Reads tasks, and remembers how they are called.
pub struct Exporter {
    planning: Planning,
    /// None for what is in no export: deleted, or of another project.
    identities: BTreeMap<TaskId, Option<ExternalReference>>,
}

/// What one part came to.
pub struct Part {
    pub tasks: u64,
    pub last_number: u64,
    /// The highest number that was given when it was read.
    pub last_in_project: u64,
    pub is_last: bool,
}

impl Exporter {
    pub fn new(planning: Planning) -> Exporter {
        Exporter { planning, identities: BTreeMap::new() }
    }

    /// Writes the tasks of at most `count` numbers after `after`. Two Query, a BatchGetItem per 33
    /// tasks and one per 100 tasks they point to, all strongly consistent; with comments or history
    /// one Query for each task.
    pub async fn part(
        &mut self,
        tenant: &Tenant,
        order: &ExportOrder,
        after: u64,
        count: usize,
        out: &mut impl Write,
    ) -> Result<Part> {
        let keys = Query::partition(keys_of_project(tenant, &order.key));
        let from = keys.clone().from_sort_key(TaskKeyMarker::sort_key(after + 1));
        let markers = self.planning.store.collect(&from, count).await?;
        let last = self.planning.store.page(&keys.descending(true), 1, None).await?;
        let number = |item: &RawItem| item.sort_key().parse::<u64>().unwrap_or_default();
        let last_in_project = last.items.first().map(number).unwrap_or_default();
        let last_number = markers.last().map_or(after, number);
        let ids: Result<Vec<TaskId>> =
            markers.iter().map(|item| Ok(item.decode::<TaskKeyMarker>()?.task_id)).collect();
        let tasks = self.tasks(tenant, &ids?).await?;
        self.learn(tenant, &tasks).await?;
        for task in &tasks {
            let mut exported = ExportTask::of(task.clone(), self.links(task))?;
            if order.comments {
                exported.comments = self.comments(tenant, task.summary.id).await?;
            }
            if order.history {
                exported.history = self.history(tenant, task.summary.id).await?;
            }
            let columns = CsvColumns { comments: order.comments, history: order.history };
            match order.format {
                ExportFormat::JsonLines => write_task(&exported, out),
                ExportFormat::Csv => columns.write_task(&exported, out),
            }
            .map_err(Error::internal)?;
        }
        let is_last = markers.len() < count;
        Ok(Part { tasks: tasks.len() as u64, last_number, last_in_project, is_last })
    }

    /// The tasks that are not deleted, in the order of the ids.
    async fn tasks(&self, tenant: &Tenant, ids: &[TaskId]) -> Result<Vec<Task>> {
        let mut tasks = Vec::with_capacity(ids.len());
        for some in ids.chunks(33) {
            let keys: Vec<_> = some
                .iter()
                .flat_map(|id| {
                    let body = task_partition(tenant, *id).at(TaskBody::SORT_KEY);
                    [TaskHead::place(tenant, *id), body, TaskRelations::place(tenant, *id)]
                })
                .collect();
            let items = self.planning.store.get_many(&keys).await?;
            for of_one in items.chunk_by(|a, b| a.partition_key() == b.partition_key()) {
                let task = match Task::assemble(of_one)? {
                    Assembled::Whole(task) => task,
                    Assembled::Nothing => continue,
                    // Met between two halves of a write: read it alone.
                    Assembled::Torn => {
                        let Some(item) = of_one.iter().find(|item| item.is::<TaskHead>()) else {
                            continue;
                        };
                        let id = TaskReference::Id(item.decode::<TaskHead>()?.summary.id);
                        self.planning.task_or_deleted(tenant, &id).await?
                    }
                };
                if task.summary.deleted_at.is_none() {
                    tasks.push(task);
                }
            }
        }
        Ok(tasks)
    }

    /// How the tasks are called that these point to.
    async fn learn(&mut self, tenant: &Tenant, tasks: &[Task]) -> Result<()> {
        let mut unknown = BTreeSet::new();
        for task in tasks {
            let summary = &task.summary;
            let own =
                export_identity(summary.id, summary.source.clone(), summary.external_id.clone())?;
            self.identities.insert(summary.id, Some(own));
            let project = summary.project_id;
            let related = task.relations.edges().iter().filter(|edge| edge.project_id == project);
            unknown.extend(related.map(|edge| edge.task_id).chain(summary.parent_id));
        }
        unknown.retain(|id| !self.identities.contains_key(id));
        let places: Vec<_> = unknown.iter().map(|id| TaskHead::place(tenant, *id)).collect();
        for item in self.planning.store.get_many(&places).await? {
            let task = item.decode::<TaskHead>()?.summary;
            let identity = match task.deleted_at {
                None => Some(export_identity(task.id, task.source, task.external_id)?),
                Some(_) => None,
            };
            self.identities.insert(task.id, identity);
        }
        Ok(())
    }

    fn links(&self, task: &Task) -> ExportLinks {
        let name = |id: TaskId| self.identities.get(&id).cloned().flatten();
        let named = |kind| -> Vec<ExternalReference> {
            task.relations.of(kind).filter_map(|edge| name(edge.task_id)).collect()
        };
        ExportLinks {
            parent: task.summary.parent_id.and_then(name),
            relations: ExternalRelations {
                blocks: named(RelationKind::Blocks),
                blocked_by: Vec::new(),
                relates_to: named(RelationKind::RelatesTo),
                duplicate_of: named(RelationKind::DuplicateOf).pop(),
            },
        }
    }

    async fn comments(&self, tenant: &Tenant, id: TaskId) -> Result<Vec<ExportComment>> {
        let query = Query::partition(task_partition(tenant, id)).starting_with("CMT#");
        let most = usize::try_from(MAX_COMMENTS).unwrap_or(usize::MAX);
        let items = self.planning.store.collect(&query, most).await?;
        let comment = |item: &RawItem| -> Result<ExportComment> {
            let Comment { author_id, author_name, body, created_at, edited_at, .. } =
                item.decode::<CommentItem>()?.comment;
            Ok(ExportComment { author_id, author_name, body, created_at, edited_at })
        };
        items.iter().map(comment).collect()
    }

    async fn history(&self, tenant: &Tenant, id: TaskId) -> Result<Vec<HistoryEntry>> {
        let partition = Subject::Task(id).partition(tenant);
        let query = Query::partition(partition).starting_with("HIST#");
        let items = self.planning.store.collect(&query, MAX_HISTORY).await?;
        items.iter().map(|item| Ok(item.decode::<HistoryItem>()?.entry)).collect()
    }
}
