//! Tasks: input, handlers.

mod change;
mod create;
mod list;
mod read;

pub use change::{
    __path_task_delete, __path_task_restore, __path_task_transition, __path_task_update,
    task_delete, task_restore, task_transition, task_update,
};
pub use create::{__path_task_create, task_create};
pub use list::{__path_task_list, task_list};
pub use read::{__path_task_get, task_get};

use millwright_http::Representation;

use crate::{
    domain::{Task, TaskSummary},
    store::{FieldChange, HistoryItem, Subject},
};

impl Representation for Task {
    fn version(&self) -> u64 {
        self.summary.version
    }

    fn location(&self) -> String {
        format!("/api/v1/planning/tasks/{}", self.summary.id)
    }
}

fn history_item(
    task: &Task,
    operation: &str,
    changes: Vec<FieldChange>,
    note: Option<String>,
) -> HistoryItem {
    let TaskSummary { id, version, updated_at, updated_by, .. } = &task.summary;
    let subject = Subject::Task(*id);
    HistoryItem::new(subject, *version, *updated_at, updated_by, operation, changes, note)
}
