//! Relations between tasks.

mod change;
mod edit;
mod list;
mod ready;
mod walk;

pub use change::{
    __path_task_relation_add, __path_task_relation_remove, task_relation_add, task_relation_remove,
};
pub use edit::{Edit, Edited, Ends};
pub use list::{__path_task_relation_list, task_relation_list};
pub use ready::{__path_task_readiness, task_readiness};
