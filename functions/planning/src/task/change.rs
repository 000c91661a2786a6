//! Changing tasks: read, decide, write; again if somebody was faster.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Change, Date, Error, Faults, Labels, Patch, Result, UserId, codes};
use millwright_http::{
    Allowed, Answered, Body, Caller, Empty, IfMatch, NoContent, PathParameter, Submission,
    Versioned, Write,
};
use millwright_store::Contention;
use utoipa::ToSchema;

use super::history_item;
use crate::{
    app::{Planning, check_writable},
    domain::{
        AcceptanceCriteria, Assignee, BlockedReason, Priority, ProjectSummary, Task,
        TaskDescription, TaskPatch, TaskReference, TaskState, TaskType, Title, Transition,
    },
    events::{
        TaskAssigned, TaskAssignmentChanged, TaskData, TaskDeleted, TaskRestored, TaskStateChanged,
        TaskTransitioned, TaskUpdated,
    },
    permissions::{TaskDelete, TaskUpdate},
    store::{DuePurge, FieldChange, RESTORABLE, TaskHead},
};

/// A change of a task, but for its state.
#[derive(Debug, Deserr, ToSchema)]
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
    #[deserr(default)]
    #[schema(required = false)]
    start_date: Patch<Date>,
    #[deserr(default)]
    #[schema(required = false)]
    due_date: Patch<Date>,
    /// At most 31,536,000.
    #[deserr(default)]
    #[schema(required = false)]
    estimate_seconds: Patch<u32>,
    /// At most 100.
    #[deserr(default)]
    #[schema(required = false)]
    points: Patch<u32>,
    #[deserr(default)]
    #[schema(required = false)]
    acceptance_criteria: Patch<AcceptanceCriteria>,
}

/// A change of state.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "to": "in_progress" }))]
pub struct TransitionIn {
    to: TaskState,
    /// Why it is blocked; required for `blocked`, kept in the history for others.
    #[deserr(default)]
    reason: Option<BlockedReason>,
    /// Overrides unmet acceptance criteria; recorded.
    #[deserr(default)]
    #[schema(required = false, default = false)]
    force: bool,
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
            start_date: patch.start_date,
            due_date: patch.due_date,
            estimate_seconds: patch.estimate_seconds,
            points: patch.points,
            acceptance_criteria: patch.acceptance_criteria,
        }
    }
}

/// Change a task
///
/// All but its state, rank and project. A change of nothing is no change. One query and one
/// transaction of at most four items, with a warm project cache.
#[utoipa::path(patch, path = "/api/v1/planning/tasks/{id}", tag = "Tasks")]
pub async fn task_update(
    caller: Allowed<TaskUpdate>,
    State(planning): State<Planning>,
    PathParameter((reference,)): PathParameter<(TaskReference,)>,
    if_match: IfMatch,
    Body(patch): Body<TaskPatchIn>,
) -> Answered<Versioned<Task>> {
    let patch = TaskPatch::from(patch);
    let alteration = Alteration {
        operation: "task_update",
        deleted: Deleted::NotFound,
        if_match: Some(if_match),
        note: None,
        decide: |task: &Task, project: &ProjectSummary| {
            check_writable(project)?;
            task.patched(patch.clone())
        },
        announce: |write: &mut Write<'_>, before: &Task, after: &Task, changes: &[FieldChange]| {
            write.emit(&TaskUpdated(TaskData::of(after, changes)))?;
            let (from, to) = (before.summary.assignee_id, after.summary.assignee_id);
            if from != to {
                write.emit(&TaskAssignmentChanged(TaskAssigned {
                    project_id: after.summary.project_id,
                    task_id: after.summary.id,
                    version: after.summary.version,
                    key: after.summary.key.clone(),
                    from,
                    to,
                }))?;
            }
            Ok(())
        },
    };
    let begin = || caller.write(&planning.store);
    Ok(alter(&planning, &caller, &reference, begin, Versioned, alteration).await?)
}

/// Move a task to another state
///
/// Ways that the table of states does not list are refused with those it does. To `done`: every
/// acceptance criterion is met, or `force`; from `review` only, where the project requires it. One
/// query and one transaction of at most four items, with a warm project cache.
#[utoipa::path(post, path = "/api/v1/planning/tasks/{id}/transition", tag = "Tasks")]
pub async fn task_transition(
    caller: Allowed<TaskUpdate>,
    State(planning): State<Planning>,
    PathParameter((reference,)): PathParameter<(TaskReference,)>,
    submission: Submission<TransitionIn>,
) -> Answered<Versioned<Task>> {
    let TransitionIn { to, reason, force } = submission.input.clone();
    let note = match (&reason, force) {
        (Some(reason), true) => Some(format!("forced: {reason}")),
        (Some(reason), false) => Some(reason.to_string()),
        (None, true) => Some("forced".to_owned()),
        (None, false) => None,
    };
    let alteration = Alteration {
        operation: "task_transition",
        deleted: Deleted::NotFound,
        if_match: None,
        note,
        decide: |task: &Task, project: &ProjectSummary| {
            check_writable(project)?;
            let wanted = Transition { to, reason: reason.clone(), force };
            let now = planning.store.clock().now();
            task.transitioned(wanted, project.settings.require_review, now)
        },
        announce: |write: &mut Write<'_>, before: &Task, after: &Task, _: &[FieldChange]| {
            write.emit(&TaskStateChanged(TaskTransitioned::between(before, after, force)))
        },
    };
    let begin = || submission.write(&planning.store, &caller);
    Ok(alter(&planning, &caller, &reference, begin, Versioned, alteration).await?)
}

/// Delete a task
///
/// It is hidden and can be restored for 30 days; its number stays taken. One query and one
/// transaction of four items, with a warm project cache.
#[utoipa::path(delete, path = "/api/v1/planning/tasks/{id}", tag = "Tasks")]
pub async fn task_delete(
    caller: Allowed<TaskDelete>,
    State(planning): State<Planning>,
    PathParameter((reference,)): PathParameter<(TaskReference,)>,
    if_match: IfMatch,
) -> Answered<NoContent> {
    let alteration = Alteration {
        operation: "task_delete",
        deleted: Deleted::Done,
        if_match: Some(if_match),
        note: None,
        decide: |task: &Task, project: &ProjectSummary| {
            check_writable(project)?;
            Ok(task.deleted(planning.store.clock().now()))
        },
        announce: |write: &mut Write<'_>, _: &Task, after: &Task, changes: &[FieldChange]| {
            if let Some(deleted_at) = after.summary.deleted_at {
                let due = DuePurge::of(write.tenant(), after.summary.id, deleted_at);
                write.put(&due);
            }
            write.emit(&TaskDeleted(TaskData::of(after, changes)))
        },
    };
    let begin = || caller.write(&planning.store);
    Ok(alter(&planning, &caller, &reference, begin, |_| NoContent, alteration).await?)
}

/// Restore a deleted task
///
/// Within 30 days. A task that is not deleted stays as it is. One query and one transaction of at
/// most five items, with a warm project cache.
#[utoipa::path(post, path = "/api/v1/planning/tasks/{id}/restore", tag = "Tasks")]
pub async fn task_restore(
    caller: Allowed<TaskDelete>,
    State(planning): State<Planning>,
    PathParameter((reference,)): PathParameter<(TaskReference,)>,
    submission: Submission<Empty>,
) -> Answered<Versioned<Task>> {
    let alteration = Alteration {
        operation: "task_restore",
        deleted: Deleted::Wanted,
        if_match: None,
        note: None,
        decide: |task: &Task, project: &ProjectSummary| {
            let Some(deleted_at) = task.summary.deleted_at else { return Ok(task.clone()) };
            if planning.store.clock().now().since(deleted_at) >= RESTORABLE {
                return Err(Error::not_found("task"));
            }
            check_writable(project)?;
            Ok(task.restored())
        },
        announce: |write: &mut Write<'_>, before: &Task, after: &Task, changes: &[FieldChange]| {
            if let Some(deleted_at) = before.summary.deleted_at {
                let due = DuePurge::of(write.tenant(), after.summary.id, deleted_at);
                write.remove(&due);
            }
            write.emit(&TaskRestored(TaskData::of(after, changes)))
        },
    };
    let begin = || submission.write(&planning.store, &caller);
    Ok(alter(&planning, &caller, &reference, begin, Versioned, alteration).await?)
}

/// What a change makes of a task that is deleted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Deleted {
    /// It is as good as none.
    NotFound,
    /// There is nothing left to do, whatever version the caller names.
    Done,
    /// That is what it is for.
    Wanted,
}

/// One change of a task: what is decided, and what is said of it.
struct Alteration<D, A> {
    operation: &'static str,
    deleted: Deleted,
    if_match: Option<IfMatch>,
    /// What the history notes beside the changes.
    note: Option<String>,
    decide: D,
    announce: A,
}

/// Reads, decides, writes; again if somebody was faster and the caller named no version.
async fn alter<'s, R, D, A>(
    planning: &'s Planning,
    caller: &Caller,
    reference: &TaskReference,
    begin: impl Fn() -> Write<'s>,
    answer: impl Fn(Task) -> R,
    alteration: Alteration<D, A>,
) -> Result<R>
where
    R: millwright_http::Answer,
    D: Fn(&Task, &ProjectSummary) -> Result<Task>,
    A: Fn(&mut Write<'_>, &Task, &Task, &[FieldChange]) -> Result<()>,
{
    let tenant = caller.tenant();
    let mut contention = Contention::new(&planning.store);
    loop {
        let before = planning.task_or_deleted(&tenant, reference).await?;
        match (before.summary.deleted_at, alteration.deleted) {
            (Some(_), Deleted::NotFound) => return Err(Error::not_found("task")),
            (Some(_), Deleted::Done) => return begin().commit(answer(before)).await,
            _ => {}
        }
        let version = before.summary.version;
        if let Some(if_match) = alteration.if_match {
            if_match.check(version)?;
        }
        let project = planning.project_head(&tenant, before.summary.project_id).await?;
        let after = (alteration.decide)(&before, &project)?;
        let mut write = begin();
        if after == before {
            return write.commit(answer(before)).await;
        }
        let after = after.stamped(&before, &planning.stamp(caller));
        let changes = FieldChange::between(Some(&before), &after)?;
        let head = write.replace(&TaskHead::of(&after), version);
        write.refused_as(head, Error::new(codes::VERSION_STALE, ""));
        if after.body_version != before.body_version {
            write.put(&after.body());
        }
        (alteration.announce)(&mut write, &before, &after, &changes)?;
        write.create(&history_item(&after, alteration.operation, changes, alteration.note.clone()));
        match write.commit(answer(after)).await {
            Ok(answer) => return Ok(answer),
            Err(error) if error.is(codes::VERSION_STALE) => {
                planning.lost(&mut contention).await?;
            }
            Err(error) => return Err(error),
        }
    }
}
