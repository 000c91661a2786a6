//! Reading a task.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Error, Faults};
use millwright_http::{Allowed, Answered, Flag, Parameters, PathParameter, Versioned};
use utoipa::IntoParams;

use crate::{
    app::Planning,
    domain::{Task, TaskReference},
    permissions::{TaskDelete, TaskRead},
    store::RESTORABLE,
};

/// How to read a task.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct TaskView {
    /// Show it although it is deleted; needs the permission to delete tasks.
    #[deserr(default)]
    #[param(inline, required = false, value_type = bool)]
    include_deleted: Flag,
}

/// Read a task
///
/// By id or key, strongly consistent. One query, whatever the comments; by key one read more.
#[utoipa::path(get, path = "/api/v1/planning/tasks/{id}", tag = "Tasks")]
pub async fn task_get(
    caller: Allowed<TaskRead>,
    State(planning): State<Planning>,
    PathParameter((reference,)): PathParameter<(TaskReference,)>,
    Parameters(view): Parameters<TaskView>,
) -> Answered<Versioned<Task>> {
    let task = planning.task_or_deleted(&caller.tenant(), &reference).await?;
    if let Some(deleted_at) = task.summary.deleted_at {
        let may_see = view.include_deleted.0 && caller.may::<TaskDelete>();
        let is_gone = planning.store.clock().now().since(deleted_at) >= RESTORABLE;
        if !may_see || is_gone {
            return Err(Error::not_found("task").into());
        }
    }
    Ok(Versioned(task))
}
