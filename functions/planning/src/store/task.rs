//! Items of a task.

use millwright_core::{Error, HttpUrl, ProjectId, Result, TaskId, Tenant};
use millwright_store::{Assembled, Index, IndexKeys, Item, Key, Partition, RawItem, Transaction};
use serde::{Deserialize, Serialize};

use crate::domain::{
    AcceptanceCriteria, Assignee, BlockedReason, Edge, ItemKey, Parts, Priority, ProjectKey,
    Relations, Task, TaskDescription, TaskState, TaskSummary,
};

/// T = `O#TASK#<task>`.
pub fn task_partition(tenant: &Tenant, id: TaskId) -> Partition {
    Partition::of(tenant).and("TASK").and(id)
}

fn tasks_of_project(tenant: &Tenant, project: ProjectId) -> Partition {
    super::project_partition(tenant, project).and("TASK")
}

pub fn tasks_by_number(tenant: &Tenant, project: ProjectId) -> Partition {
    tasks_of_project(tenant, project)
}

pub fn tasks_of_state(tenant: &Tenant, project: ProjectId, state: TaskState) -> Partition {
    tasks_of_project(tenant, project).and(state)
}

/// Tasks by their last change.
pub fn tasks_by_update(tenant: &Tenant, project: ProjectId) -> Partition {
    tasks_of_project(tenant, project).and("U")
}

/// Tasks in somebody's hands: open ones first, then by priority, due date (none last), id.
pub fn tasks_of_assignee(tenant: &Tenant, assignee: Assignee) -> Partition {
    Partition::of(tenant).and("WHO").and(assignee).and("TASK")
}

/// What the sort keys of [`tasks_of_assignee`] begin with.
pub fn assigned_prefix(open: bool) -> &'static str {
    if open { "0#" } else { "1#" }
}

fn assigned_sort_key(task: &TaskSummary) -> String {
    let open = assigned_prefix(!task.state_category.is_closed());
    let priority = match task.priority {
        Priority::Critical => 0,
        Priority::High => 1,
        Priority::Medium => 2,
        Priority::Low => 3,
    };
    let due = task.due_date.map_or_else(|| "9999-99-99".to_owned(), |due| due.to_string());
    format!("{open}{priority}#{due}#{}", task.id)
}

pub(super) fn digits(number: u64) -> String {
    format!("{number:010}")
}

/// The summary of a task and its small private fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskHead {
    pub version: u64,
    pub summary: TaskSummary,
    pub blocked_reason: Option<BlockedReason>,
    pub external_url: Option<HttpUrl>,
    pub body_version: u64,
    pub relations_version: u64,
}

impl TaskHead {
    pub fn of(task: &Task) -> TaskHead {
        TaskHead {
            version: task.summary.version,
            summary: task.summary.clone(),
            blocked_reason: task.blocked_reason.clone(),
            external_url: task.external_url.clone(),
            body_version: task.parts.body_version,
            relations_version: task.parts.relations_version,
        }
    }

    pub fn place(tenant: &Tenant, id: TaskId) -> Key {
        task_partition(tenant, id).at("HEAD")
    }

    /// Replaces the head it was read as; a lost race if that has changed.
    pub fn replace(&self, transaction: &mut Transaction, expected: u64) {
        let step = transaction.replace(self, expected);
        transaction.refused_as(step, Error::lost_race());
    }
}

impl Item for TaskHead {
    const KIND: &'static str = "task";

    fn key(&self, tenant: &Tenant) -> Key {
        TaskHead::place(tenant, self.summary.id)
    }

    /// A deleted task is in no list.
    fn index_keys(&self, tenant: &Tenant) -> IndexKeys {
        let TaskSummary { id, project_id, state, number, rank, updated_at, .. } = &self.summary;
        if self.summary.deleted_at.is_some() {
            return IndexKeys::default();
        }
        let column = tasks_of_state(tenant, *project_id, *state);
        let by_update = tasks_by_update(tenant, *project_id);
        let keys = IndexKeys::default()
            .on(Index::Gsi1, tasks_by_number(tenant, *project_id), digits(*number))
            .on(Index::Gsi2, column, format!("{}#{id}", rank.as_str()))
            .on(Index::Gsi4, by_update, format!("{updated_at}#{id}"));
        match self.summary.assignee_id {
            Some(assignee) => {
                let by_assignee = tasks_of_assignee(tenant, assignee);
                keys.on(Index::Gsi3, by_assignee, assigned_sort_key(&self.summary))
            }
            None => keys,
        }
    }
}

/// The relations of a task, with the project of each other end: whoever walks the graph needs no
/// other item. Not there before the first relation.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskRelations {
    pub task_id: TaskId,
    pub relations_version: u64,
    pub edges: Vec<Edge>,
}

impl TaskRelations {
    pub fn place(tenant: &Tenant, id: TaskId) -> Key {
        task_partition(tenant, id).at("HEAD#REL")
    }
}

impl Item for TaskRelations {
    const KIND: &'static str = "task_relations";

    fn key(&self, tenant: &Tenant) -> Key {
        TaskRelations::place(tenant, self.task_id)
    }
}

/// The long texts of a task.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskBody {
    pub task_id: TaskId,
    pub body_version: u64,
    pub description: TaskDescription,
    pub acceptance_criteria: AcceptanceCriteria,
}

impl TaskBody {
    pub const SORT_KEY: &'static str = "HEAD#BODY";
}

impl Item for TaskBody {
    const KIND: &'static str = "task_body";

    fn key(&self, tenant: &Tenant) -> Key {
        task_partition(tenant, self.task_id).at(TaskBody::SORT_KEY)
    }
}

impl Task {
    /// From what one Query for `HEAD` finds.
    pub fn assemble(items: &[RawItem]) -> Result<Assembled<Task>> {
        let Some(head) = items.iter().find(|item| item.is::<TaskHead>()) else {
            return Ok(Assembled::Nothing);
        };
        let head: TaskHead = head.decode()?;
        let body = items.iter().find(|item| item.is::<TaskBody>());
        let Some(body) = body.map(RawItem::decode::<TaskBody>).transpose()? else {
            return Ok(Assembled::Torn);
        };
        let relations = items.iter().find(|item| item.is::<TaskRelations>());
        let relations = relations.map(RawItem::decode::<TaskRelations>).transpose()?;
        let relations_version = relations.as_ref().map_or(0, |part| part.relations_version);
        if body.body_version != head.body_version || relations_version != head.relations_version {
            return Ok(Assembled::Torn);
        }
        Ok(Assembled::Whole(Task {
            summary: head.summary,
            description: body.description,
            acceptance_criteria: body.acceptance_criteria,
            blocked_reason: head.blocked_reason,
            external_url: head.external_url,
            relations: Relations::new(relations.map(|part| part.edges).unwrap_or_default()),
            parts: Parts { body_version: head.body_version, relations_version },
        }))
    }

    pub fn body(&self) -> TaskBody {
        TaskBody {
            task_id: self.summary.id,
            body_version: self.parts.body_version,
            description: self.description.clone(),
            acceptance_criteria: self.acceptance_criteria.clone(),
        }
    }

    pub fn relations_item(&self) -> TaskRelations {
        TaskRelations {
            task_id: self.summary.id,
            relations_version: self.parts.relations_version,
            edges: self.relations.edges().to_vec(),
        }
    }
}

/// The keys of a project, by number; deleted tasks keep theirs.
pub fn keys_of_project(tenant: &Tenant, project: &ProjectKey) -> Partition {
    Partition::of(tenant).and("KEY").and(project)
}

/// Leads from a key to its task. Stays when the task is deleted: a number is given once.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskKeyMarker {
    pub key: String,
    pub task_id: TaskId,
    pub project_id: ProjectId,
}

impl TaskKeyMarker {
    pub fn of(task: &Task) -> TaskKeyMarker {
        let TaskSummary { key, id, project_id, .. } = &task.summary;
        TaskKeyMarker { key: key.clone(), task_id: *id, project_id: *project_id }
    }

    pub fn place(tenant: &Tenant, key: &ItemKey) -> Key {
        keys_of_project(tenant, &key.project).at(TaskKeyMarker::sort_key(key.number))
    }

    pub fn sort_key(number: u64) -> String {
        digits(number)
    }
}

impl Item for TaskKeyMarker {
    const KIND: &'static str = "task_key";

    fn key(&self, tenant: &Tenant) -> Key {
        match self.key.parse() {
            Ok(key) => TaskKeyMarker::place(tenant, &key),
            // Keys are made by ItemKey, which reads what it writes.
            Err(_) => Partition::of(tenant).and("KEY").at(&self.key),
        }
    }
}
