//! Tasks: input, handlers.

mod alter;
mod batch;
mod block;
mod change;
mod create;
mod effects;
mod list;
mod neighbors;
mod order;
mod placement;
mod read;
mod state;
mod subtasks;

pub use alter::Deleted;
pub use batch::{__path_task_batch, task_batch};
pub use change::{
    __path_task_delete, __path_task_restore, __path_task_update, task_delete, task_restore,
    task_update,
};
pub use create::{__path_task_create, Numbers, task_create};
pub use effects::{Surroundings, TaskChange};
pub use list::{__path_task_list, task_list};
pub use neighbors::Neighbors;
pub use order::{__path_task_move, task_move};
pub use read::{__path_task_get, task_get};
pub use state::{__path_task_claim, __path_task_transition, task_claim, task_transition};
pub use subtasks::{__path_task_subtask_list, task_subtask_list};

use millwright_http::Representation;

use crate::domain::Task;

impl Representation for Task {
    fn version(&self) -> u64 {
        self.summary.version
    }

    fn location(&self) -> String {
        format!("/api/v1/planning/tasks/{}", self.summary.id)
    }
}
