//! From a human key to the thing.

use axum::extract::State;
use millwright_core::{Error, ProjectId, TaskId};
use millwright_http::{Allowed, Answered, PathParameter, Plain};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{app::Planning, domain::ItemKey, permissions::ProjectRead, store::TaskKeyMarker};

/// What a key stands for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "noun": "task",
    "id": "task_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "projectId": "prj_01jdz7xk2nf5h9vq3w8c6m4t0b",
}))]
pub struct ResolvedKey {
    /// `task`.
    #[schema(value_type = String)]
    noun: &'static str,
    id: TaskId,
    project_id: ProjectId,
}

/// Resolve a key
///
/// A key stays with its task for ever, also when that is deleted; with its project it is gone. One
/// read, with a warm project cache.
#[utoipa::path(get, path = "/api/v1/planning/keys/{key}", tag = "Keys")]
pub async fn key_resolve(
    caller: Allowed<ProjectRead>,
    State(planning): State<Planning>,
    PathParameter((key,)): PathParameter<(ItemKey,)>,
) -> Answered<Plain<ResolvedKey>> {
    let place = TaskKeyMarker::place(&caller.tenant(), &key);
    let marker: Option<TaskKeyMarker> = planning.store.get(&place).await?;
    let marker = marker.ok_or_else(|| Error::not_found("key"))?;
    planning.project_head(&caller.tenant(), marker.project_id).await?;
    Ok(Plain(ResolvedKey { noun: "task", id: marker.task_id, project_id: marker.project_id }))
}
