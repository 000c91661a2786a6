//! The relations of a task, with those at the other ends.

use axum::extract::State;
use millwright_http::{Allowed, Answered, Listed, Listing, NoFilters, PathParameter};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::Planning,
    domain::{RelationKind, TaskReference, TaskSummary},
    permissions::TaskRead,
    task::Neighbors,
};

/// One relation, and the task at its other end.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Relation)]
pub struct RelationOut {
    /// What this task is to the other.
    #[serde(rename = "type")]
    kind: RelationKind,
    task: TaskSummary,
}

/// List the relations of a task
///
/// All of them on one page, by kind and in the order of adding; those to deleted tasks, and to tasks
/// of deleted projects, are left out. One query and one batch read per 100 relations, with a warm
/// project cache.
#[utoipa::path(get, path = "/api/v1/planning/tasks/{id}/relations", tag = "Relations")]
pub async fn task_relation_list(
    caller: Allowed<TaskRead>,
    State(planning): State<Planning>,
    PathParameter((reference,)): PathParameter<(TaskReference,)>,
    listing: Listing<NoFilters>,
) -> Answered<Listed<RelationOut>> {
    let tenant = caller.tenant();
    let task = planning.task(&tenant, &reference).await?;
    let edges = task.relations.edges();
    let mut ids: Vec<_> = edges.iter().map(|edge| edge.task_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let others = Neighbors::heads(&planning, &tenant, ids).await?;
    let projects = edges.iter().map(|edge| edge.project_id).collect();
    let live = planning.live_projects(&tenant, &projects).await?;
    let mut relations = Vec::with_capacity(edges.len());
    for kind in RelationKind::ALL {
        for edge in task.relations.of(*kind) {
            let other = others.head(edge.task_id).map(|head| &head.summary);
            let is_there = |other: &&TaskSummary| {
                other.deleted_at.is_none() && live.contains(&other.project_id)
            };
            if let Some(other) = other.filter(is_there) {
                relations.push(RelationOut { kind: *kind, task: other.clone() });
            }
        }
    }
    Ok(listing.page(relations, None).await?)
}
