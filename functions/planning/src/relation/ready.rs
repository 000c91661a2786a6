//! Whether work on a task can begin.

use axum::extract::State;
use millwright_core::{TaskId, wire_enum};
use millwright_http::{Allowed, Answered, PathParameter, Plain};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::Planning,
    domain::{RelationKind, Task, TaskReference, TaskType},
    permissions::TaskRead,
    task::Neighbors,
};

wire_enum! {
    /// What is in the way, or is only missing.
    pub enum ReadinessCode {
        /// Another task has to be done first; the only one that makes a task not ready.
        OpenBlocker = "open_blocker",
        MissingEstimate = "missing_estimate",
        /// A feature without acceptance criteria.
        MissingCriteria = "missing_criteria",
        Unassigned = "unassigned",
    }
}

/// Whether work on a task can begin.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "ready": false,
    "reasons": [
        { "code": "open_blocker", "id": "task_01jdz7xk2nf5h9vq3w8c6m4t0c" },
        { "code": "unassigned" },
    ],
}))]
pub struct Readiness {
    ready: bool,
    /// Blockers first, then what only informs.
    reasons: Vec<ReadinessReason>,
}

/// One reason.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReadinessReason {
    code: ReadinessCode,
    /// The task in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    id: Option<TaskId>,
}

/// Tell whether a task is ready
///
/// It is if no task that blocks it is open; the other reasons inform. One query, and one batch
/// read if it has blockers.
#[utoipa::path(get, path = "/api/v1/planning/tasks/{id}/readiness", tag = "Relations")]
pub async fn task_readiness(
    caller: Allowed<TaskRead>,
    State(planning): State<Planning>,
    PathParameter((reference,)): PathParameter<(TaskReference,)>,
) -> Answered<Plain<Readiness>> {
    let tenant = caller.tenant();
    let task = planning.task(&tenant, &reference).await?;
    let blockers = task.relations.of(RelationKind::BlockedBy).map(|edge| edge.task_id);
    let others = Neighbors::heads(&planning, &tenant, blockers).await?;
    Ok(Plain(readiness(&task, &others)))
}

fn readiness(task: &Task, others: &Neighbors) -> Readiness {
    let is_open = |id: &TaskId| others.head(*id).is_some_and(|head| head.summary.is_open());
    let blockers = task.relations.of(RelationKind::BlockedBy).map(|edge| edge.task_id);
    let mut reasons: Vec<ReadinessReason> = blockers
        .filter(is_open)
        .map(|id| ReadinessReason { code: ReadinessCode::OpenBlocker, id: Some(id) })
        .collect();
    let ready = reasons.is_empty();
    let summary = &task.summary;
    let lacks_criteria = summary.kind == TaskType::Feature && task.acceptance_criteria.0.is_empty();
    let informing = [
        (summary.estimate_seconds.is_none(), ReadinessCode::MissingEstimate),
        (lacks_criteria, ReadinessCode::MissingCriteria),
        (summary.assignee_id.is_none(), ReadinessCode::Unassigned),
    ];
    let informing = informing.into_iter().filter(|(holds, _)| *holds);
    reasons.extend(informing.map(|(_, code)| ReadinessReason { code, id: None }));
    Readiness { ready, reasons }
}
