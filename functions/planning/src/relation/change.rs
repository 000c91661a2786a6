//! Adding and removing relations.

use axum::extract::State;
use millwright_http::{Allowed, Answered, NoContent, PathParameter, Versioned};
use millwright_store::Contention;

use super::edit::{Edit, Edited, Ends};
use crate::{
    app::Planning,
    domain::{RelationPath, Task, TaskReference},
    permissions::TaskUpdate,
};

/// A walk is repeated so often if the graph changes under it.
const MAX_WALKS: u32 = 10;

/// Add a relation
///
/// Between two tasks of the organization, also of different projects. What is there already stays
/// as it is. `blocks` and `blocked-by` never close a cycle, whoever adds what at the same time; a
/// graph of more than 2,000 tasks or 64 levels behind the blocked task is refused. `duplicate-of`
/// cancels an open task, and leads to the original where the other is a duplicate itself. One
/// query, one batch read and one transaction of at most 29 items (`duplicate-of`: 93), with a warm
/// project cache; where a cycle is possible, one batch read more per level and 100 tasks.
#[utoipa::path(
    put,
    path = "/api/v1/planning/tasks/{id}/relations/{type}/{otherId}",
    tag = "Relations"
)]
pub async fn task_relation_add(
    caller: Allowed<TaskUpdate>,
    State(planning): State<Planning>,
    PathParameter((reference, RelationPath(kind), other)): PathParameter<(
        TaskReference,
        RelationPath,
        TaskReference,
    )>,
) -> Answered<Versioned<Task>> {
    let tenant = caller.tenant();
    let ends = Ends::find(&planning, &tenant, &reference, &other).await?;
    let attempt = || async {
        let stamp = planning.stamp(&caller);
        let operation = "task_relation_add";
        let edit = Edit { planning: &planning, tenant, stamp, operation, imported_at: None };
        let mut write = caller.write(&planning.store);
        match edit.add(&mut write, ends, kind).await? {
            Edited::Unchanged(task) => Ok(Versioned(task)),
            Edited::Changed(task) => write.commit(Versioned(task)).await,
        }
    };
    let contention = Contention::new(&planning.store).at_most(MAX_WALKS);
    Ok(contention.settle(&planning.store, attempt).await?)
}

/// Remove a relation
///
/// Whether it is there or not. One query, one batch read and one transaction of at most nine items,
/// with a warm project cache.
#[utoipa::path(
    delete,
    path = "/api/v1/planning/tasks/{id}/relations/{type}/{otherId}",
    tag = "Relations"
)]
pub async fn task_relation_remove(
    caller: Allowed<TaskUpdate>,
    State(planning): State<Planning>,
    PathParameter((reference, RelationPath(kind), other)): PathParameter<(
        TaskReference,
        RelationPath,
        TaskReference,
    )>,
) -> Answered<NoContent> {
    let tenant = caller.tenant();
    let ends = Ends::find(&planning, &tenant, &reference, &other).await?;
    let attempt = || async {
        let stamp = planning.stamp(&caller);
        let operation = "task_relation_remove";
        let edit = Edit { planning: &planning, tenant, stamp, operation, imported_at: None };
        let mut write = caller.write(&planning.store);
        match edit.remove(&mut write, ends, kind).await? {
            Edited::Unchanged(_) => Ok(NoContent),
            Edited::Changed(_) => write.commit(NoContent).await,
        }
    };
    Ok(Contention::new(&planning.store).settle(&planning.store, attempt).await?)
}
