//! The subtasks of a task.

use axum::extract::State;
use millwright_http::{Allowed, Answered, Listed, Listing, NoFilters, PathParameter};

use super::list::linked_page;
use crate::{
    app::Planning,
    domain::{TaskReference, TaskSummary},
    permissions::TaskRead,
    store::subtasks_of,
};

/// List the subtasks of a task
///
/// The direct ones, by rank. One read, one query and one batch read; by key one read more.
#[utoipa::path(get, path = "/api/v1/planning/tasks/{id}/subtasks", tag = "Tasks")]
pub async fn task_subtask_list(
    caller: Allowed<TaskRead>,
    State(planning): State<Planning>,
    PathParameter((reference,)): PathParameter<(TaskReference,)>,
    listing: Listing<NoFilters>,
) -> Answered<Listed<TaskSummary>> {
    let tenant = caller.tenant();
    let parent = planning.task_head(&tenant, &reference).await?.id;
    let belongs = |task: &TaskSummary| task.parent_id == Some(parent);
    let links = millwright_store::Query::partition(subtasks_of(&tenant, parent));
    let from = listing.from.as_ref();
    let page = linked_page(&planning, &tenant, &links, listing.limit, from, belongs).await?;
    Ok(listing.page(page.items, page.next).await?)
}
