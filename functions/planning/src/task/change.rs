//! Changing, deleting, restoring tasks.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Change, Date, Error, Faults, HttpUrl, Labels, Patch, TaskId, UserId};
use millwright_http::{
    Allowed, Answered, Body, Empty, IfMatch, NoContent, PathParameter, Submission, Versioned,
};
use utoipa::ToSchema;

use super::alter::{Alteration, Decide, Deleted, alter};
use crate::{
    app::{Planning, check_writable},
    domain::{
        AcceptanceCriteria, Assignee, EstimateSeconds, ExternalId, ExternalKey, Force, Points,
        Priority, ProjectSummary, Source, Task, TaskDescription, TaskPatch, TaskReference,
        TaskType, Title,
    },
    permissions::{TaskDelete, TaskUpdate},
    store::RESTORABLE,
};

/// A change of a task, but for state, rank and relations.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "priority": "critical", "dueDate": null }))]
pub struct TaskPatchIn {
    #[deserr(default)]
    #[schema(required = false)]
    title: Change<Title>,
    #[deserr(default)]
    #[schema(required = false)]
    description: Patch<TaskDescription>,
    #[deserr(rename = "type", default)]
    #[schema(rename = "type", required = false)]
    kind: Change<TaskType>,
    #[deserr(default)]
    #[schema(required = false)]
    priority: Change<Priority>,
    #[deserr(default)]
    #[schema(required = false)]
    assignee_id: Patch<Assignee>,
    #[deserr(default)]
    #[schema(required = false)]
    reporter_id: Change<UserId>,
    #[deserr(default)]
    #[schema(required = false)]
    labels: Patch<Labels>,
    /// A task of the same project; not one of its own subtasks.
    #[deserr(default)]
    #[schema(required = false)]
    parent_id: Patch<TaskId>,
    #[deserr(default)]
    #[schema(required = false)]
    start_date: Patch<Date>,
    #[deserr(default)]
    #[schema(required = false)]
    due_date: Patch<Date>,
    #[deserr(default)]
    #[schema(required = false)]
    estimate_seconds: Patch<EstimateSeconds>,
    #[deserr(default)]
    #[schema(required = false)]
    points: Patch<Points>,
    #[deserr(default)]
    #[schema(required = false)]
    acceptance_criteria: Patch<AcceptanceCriteria>,
    /// Together with `source`, unique in the project.
    #[deserr(default)]
    #[schema(required = false)]
    external_id: Patch<ExternalId>,
    #[deserr(default)]
    #[schema(required = false)]
    source: Patch<Source>,
    #[deserr(default)]
    #[schema(required = false)]
    external_key: Patch<ExternalKey>,
    #[deserr(default)]
    #[schema(required = false)]
    external_url: Patch<HttpUrl>,
}

impl From<TaskPatchIn> for TaskPatch {
    fn from(patch: TaskPatchIn) -> TaskPatch {
        TaskPatch {
            title: patch.title,
            description: patch.description,
            kind: patch.kind,
            priority: patch.priority,
            assignee_id: patch.assignee_id,
            reporter_id: patch.reporter_id,
            labels: patch.labels,
            parent_id: patch.parent_id,
            start_date: patch.start_date,
            due_date: patch.due_date,
            estimate_seconds: patch.estimate_seconds,
            points: patch.points,
            acceptance_criteria: patch.acceptance_criteria,
            external_id: patch.external_id,
            source: patch.source,
            external_key: patch.external_key,
            external_url: patch.external_url,
        }
    }
}

/// Change a task
///
/// All but its state, rank, relations and project. A change of nothing is no change. One query and
/// one transaction of at most 60 items, with a warm project cache; a new assignee costs one read
/// more, a new parent two to six.
#[utoipa::path(patch, path = "/api/v1/planning/tasks/{id}", tag = "Tasks")]
pub async fn task_update(
    caller: Allowed<TaskUpdate>,
    State(planning): State<Planning>,
    PathParameter((reference,)): PathParameter<(TaskReference,)>,
    if_match: IfMatch,
    Body(patch): Body<TaskPatchIn>,
) -> Answered<Versioned<Task>> {
    let patch = TaskPatch::from(patch);
    let alteration = update(&reference, Some(if_match), &patch);
    let begin = || caller.write(&planning.store);
    Ok(alter(&planning, &caller, begin, Versioned, alteration).await?)
}

/// The change a patch makes.
pub fn update<'a>(
    reference: &'a TaskReference,
    if_match: Option<IfMatch>,
    patch: &'a TaskPatch,
) -> Alteration<'a, impl Decide> {
    Alteration {
        operation: "task_update",
        reference,
        deleted: Deleted::NotFound,
        if_match,
        note: None,
        force: Force::No,
        decide: |task: &Task, project: &ProjectSummary| {
            check_writable(project)?;
            task.patched(patch.clone())
        },
    }
}

/// Delete a task
///
/// It is hidden and can be restored for 30 days; its number stays taken. None of its subtasks may
/// be open. Tasks that wait for it wait no longer. One query and one transaction of at most 68
/// items, with a warm project cache; one batch read more if tasks wait for it.
#[utoipa::path(delete, path = "/api/v1/planning/tasks/{id}", tag = "Tasks")]
pub async fn task_delete(
    caller: Allowed<TaskDelete>,
    State(planning): State<Planning>,
    PathParameter((reference,)): PathParameter<(TaskReference,)>,
    if_match: IfMatch,
) -> Answered<NoContent> {
    let alteration = deletion(&planning, &reference, Some(if_match));
    let begin = || caller.write(&planning.store);
    Ok(alter(&planning, &caller, begin, |_| NoContent, alteration).await?)
}

/// The change a deletion makes.
pub fn deletion<'a>(
    planning: &'a Planning,
    reference: &'a TaskReference,
    if_match: Option<IfMatch>,
) -> Alteration<'a, impl Decide> {
    Alteration {
        operation: "task_delete",
        reference,
        deleted: Deleted::Done,
        if_match,
        note: None,
        force: Force::No,
        decide: |task: &Task, project: &ProjectSummary| {
            check_writable(project)?;
            Ok(task.deleted(planning.store.clock().now()))
        },
    }
}

/// Restore a deleted task
///
/// Within 30 days. A task that is not deleted stays as it is. One query and one transaction of at
/// most 69 items, with a warm project cache; one batch read more if tasks wait for it.
#[utoipa::path(post, path = "/api/v1/planning/tasks/{id}/restore", tag = "Tasks")]
pub async fn task_restore(
    caller: Allowed<TaskDelete>,
    State(planning): State<Planning>,
    PathParameter((reference,)): PathParameter<(TaskReference,)>,
    submission: Submission<Empty>,
) -> Answered<Versioned<Task>> {
    let alteration = Alteration {
        operation: "task_restore",
        reference: &reference,
        deleted: Deleted::Wanted,
        if_match: None,
        note: None,
        force: Force::No,
        decide: |task: &Task, project: &ProjectSummary| {
            let Some(deleted_at) = task.summary.deleted_at else { return Ok(task.clone()) };
            if planning.store.clock().now().since(deleted_at) >= RESTORABLE {
                return Err(Error::not_found("task"));
            }
            check_writable(project)?;
            Ok(task.restored())
        },
    };
    let begin = || submission.write(&planning.store, &caller);
    Ok(alter(&planning, &caller, begin, Versioned, alteration).await?)
}
