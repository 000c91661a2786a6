//! The state of a task: moving between states, claiming.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Error, Faults, codes};
use millwright_http::{Allowed, Answered, Empty, PathParameter, Submission, Versioned};
use utoipa::ToSchema;

use super::alter::{Alteration, Decide, Deleted, alter};
use crate::{
    app::{Planning, check_writable},
    domain::{
        Assignee, BlockedReason, Force, ProjectSummary, Task, TaskReference, TaskState, Transition,
    },
    permissions::TaskUpdate,
};

/// A change of state.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "to": "in_progress" }))]
pub struct TransitionIn {
    to: TaskState,
    /// Why it is blocked; required for `blocked` unless another task blocks it, kept in the
    /// history for others.
    #[deserr(default)]
    reason: Option<BlockedReason>,
    /// Overrides blockers, open subtasks and unmet acceptance criteria; recorded.
    #[deserr(default)]
    #[schema(required = false, default = false)]
    force: bool,
}

impl TransitionIn {
    fn transition(&self) -> Transition {
        let force = if self.force { Force::Yes } else { Force::No };
        Transition { to: self.to, reason: self.reason.clone(), force }
    }

    /// What the history notes.
    fn note(&self) -> Option<String> {
        match (&self.reason, self.force) {
            (Some(reason), true) => Some(format!("forced: {reason}")),
            (Some(reason), false) => Some(reason.to_string()),
            (None, true) => Some("forced".to_owned()),
            (None, false) => None,
        }
    }
}

/// Move a task to another state
///
/// Ways that the table of states does not list are refused with those it does. To `in_progress`:
/// no blocker is open. To `done`: no subtask is open and every acceptance criterion is met; from
/// `review` only, where the project requires it. `force` overrides all but the review. One query
/// and one transaction of at most 49 items, with a warm project cache; one batch read more if
/// tasks wait for it.
#[utoipa::path(post, path = "/api/v1/planning/tasks/{id}/transition", tag = "Tasks")]
pub async fn task_transition(
    caller: Allowed<TaskUpdate>,
    State(planning): State<Planning>,
    PathParameter((reference,)): PathParameter<(TaskReference,)>,
    submission: Submission<TransitionIn>,
) -> Answered<Versioned<Task>> {
    let alteration = transition(&planning, &reference, &submission.input);
    let begin = || submission.write(&planning.store, &caller);
    Ok(alter(&planning, &caller, begin, Versioned, alteration).await?)
}

/// The change a transition makes.
pub fn transition<'a>(
    planning: &'a Planning,
    reference: &'a TaskReference,
    input: &'a TransitionIn,
) -> Alteration<'a, impl Decide> {
    let wanted = input.transition();
    Alteration {
        operation: "task_transition",
        reference,
        deleted: Deleted::NotFound,
        if_match: None,
        note: input.note(),
        force: wanted.force,
        decide: move |task: &Task, project: &ProjectSummary| {
            check_writable(project)?;
            let now = planning.store.clock().now();
            task.transitioned(wanted.clone(), project.settings.require_review, now)
        },
    }
}

/// Claim a task
///
/// An unassigned task becomes the caller's and goes to `in_progress`, in one step: of any number of
/// callers one gets it. One query, one read and one transaction of at most 50 items, with a warm
/// project cache.
#[utoipa::path(post, path = "/api/v1/planning/tasks/{id}/claim", tag = "Tasks")]
pub async fn task_claim(
    caller: Allowed<TaskUpdate>,
    State(planning): State<Planning>,
    PathParameter((reference,)): PathParameter<(TaskReference,)>,
    submission: Submission<Empty>,
) -> Answered<Versioned<Task>> {
    let who: Assignee = caller.actor().parse().map_err(|_| {
        let detail = "only users and agents take tasks; a service key is neither";
        Error::new(codes::FORBIDDEN, detail)
    })?;
    let alteration = Alteration {
        operation: "task_claim",
        reference: &reference,
        deleted: Deleted::NotFound,
        if_match: None,
        note: None,
        force: Force::No,
        decide: |task: &Task, project: &ProjectSummary| {
            check_writable(project)?;
            task.claimed(who, planning.store.clock().now())
        },
    };
    let begin = || submission.write(&planning.store, &caller);
    Ok(alter(&planning, &caller, begin, Versioned, alteration).await?)
}
