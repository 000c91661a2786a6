//! Items of a task.

use std::time::Duration;

use millwright_core::{ProjectId, Result, TaskId, Tenant, Timestamp};
use millwright_store::{
    Assembled, GlobalPartition, Index, IndexKeys, Item, Key, Partition, RawItem,
};
use serde::{Deserialize, Serialize};

use crate::domain::{
    AcceptanceCriteria, BlockedReason, ItemKey, Task, TaskDescription, TaskState, TaskSummary,
};

/// How long a deleted task can be restored.
pub const RESTORABLE: Duration = Duration::from_secs(30 * 24 * 3600);

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

fn digits(number: u64) -> String {
    format!("{number:010}")
}

/// The summary of a task and its small private fields.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskHead {
    pub version: u64,
    pub summary: TaskSummary,
    pub blocked_reason: Option<BlockedReason>,
    pub body_version: u64,
}

impl TaskHead {
    pub fn of(task: &Task) -> TaskHead {
        TaskHead {
            version: task.summary.version,
            summary: task.summary.clone(),
            blocked_reason: task.blocked_reason.clone(),
            body_version: task.body_version,
        }
    }

    pub fn place(tenant: &Tenant, id: TaskId) -> Key {
        task_partition(tenant, id).at("HEAD")
    }
}

impl Item for TaskHead {
    const KIND: &'static str = "task";

    fn key(&self, tenant: &Tenant) -> Key {
        TaskHead::place(tenant, self.summary.id)
    }

    /// A deleted task is in no list.
    fn index_keys(&self, tenant: &Tenant) -> IndexKeys {
        let TaskSummary { id, project_id, state, number, rank, deleted_at, .. } = &self.summary;
        if deleted_at.is_some() {
            return IndexKeys::default();
        }
        let column = tasks_of_state(tenant, *project_id, *state);
        IndexKeys::default()
            .on(Index::Gsi1, tasks_by_number(tenant, *project_id), digits(*number))
            .on(Index::Gsi2, column, format!("{}#{id}", rank.as_str()))
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

impl Item for TaskBody {
    const KIND: &'static str = "task_body";

    fn key(&self, tenant: &Tenant) -> Key {
        task_partition(tenant, self.task_id).at("HEAD#BODY")
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
        if body.body_version != head.body_version {
            return Ok(Assembled::Torn);
        }
        Ok(Assembled::Whole(Task {
            summary: head.summary,
            description: body.description,
            acceptance_criteria: body.acceptance_criteria,
            blocked_reason: head.blocked_reason,
            body_version: head.body_version,
        }))
    }

    pub fn body(&self) -> TaskBody {
        TaskBody {
            task_id: self.summary.id,
            body_version: self.body_version,
            description: self.description.clone(),
            acceptance_criteria: self.acceptance_criteria.clone(),
        }
    }
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
        Partition::of(tenant).and("KEY").and(&key.project).at(digits(key.number))
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

/// Something to purge on a day; stage 2 works it off.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DuePurge {
    pub organization: String,
    pub task_id: TaskId,
    pub due_at: Timestamp,
}

struct DueDay(String);

impl GlobalPartition for DueDay {
    fn partition(&self) -> String {
        format!("DUE#{}", self.0)
    }
}

impl DuePurge {
    pub fn of(tenant: &Tenant, task: TaskId, deleted_at: Timestamp) -> DuePurge {
        DuePurge {
            organization: tenant.organization().to_string(),
            task_id: task,
            due_at: deleted_at.plus(RESTORABLE),
        }
    }
}

impl Item for DuePurge {
    const KIND: &'static str = "due_purge";

    fn key(&self, _tenant: &Tenant) -> Key {
        let day: String = self.due_at.to_string().chars().take(10).collect();
        Partition::global(&DueDay(day)).at(format!("task#{}", self.task_id))
    }
}
