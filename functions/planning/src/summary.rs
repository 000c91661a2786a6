//! The summary of a project.

use std::collections::BTreeMap;

use axum::extract::State;
use millwright_core::{Error, ProjectId, Timestamp};
use millwright_http::{Allowed, Answered, PathParameter, Plain};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::Planning,
    domain::{ProjectReference, StateCategory, TaskState, TaskType},
    permissions::ProjectRead,
    store::{Counter, ProjectHead, SummaryCounts, summary_key},
};

/// How the tasks of a project stand.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ProjectSummaryCounts, example = json!({
    "projectId": "prj_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "lastNumber": 3,
    "byState": { "backlog": 0, "to_do": 1, "in_progress": 1, "blocked": 0, "review": 0, "done": 1, "cancelled": 0 },
    "byCategory": { "backlog": 0, "to_do": 1, "in_progress": 1, "review": 0, "done": 1, "cancelled": 0 },
    "byType": { "task": 2, "bug": 1 },
    "doneShare": 0.3333,
    "asOf": "2026-11-23T01:04:58.000Z",
}))]
pub struct ProjectSummaryCounts {
    project_id: ProjectId,
    /// The highest number given, read at this moment.
    last_number: u64,
    /// Tasks by state; deleted ones do not count.
    by_state: BTreeMap<&'static str, i64>,
    by_category: BTreeMap<&'static str, i64>,
    by_type: BTreeMap<&'static str, i64>,
    /// Done among those not cancelled, 0-1 with 4 decimals; 0 without any.
    done_share: f64,
    /// When the counts were last changed; null before the first task was counted.
    as_of: Option<Timestamp>,
}

/// Read the summary of a project
///
/// Counts follow the events of tasks within seconds and are exact. One batch read; by key one read more.
#[utoipa::path(get, path = "/api/v1/planning/projects/{id}/summary", tag = "Projects")]
pub async fn project_summary(
    caller: Allowed<ProjectRead>,
    State(planning): State<Planning>,
    PathParameter((reference,)): PathParameter<(ProjectReference,)>,
) -> Answered<Plain<ProjectSummaryCounts>> {
    let tenant = caller.tenant();
    let id = planning.project_id(&tenant, &reference).await?;
    let keys =
        [ProjectHead::place(&tenant, id), Counter::place(&tenant, id), summary_key(&tenant, id)];
    let items = planning.store.get_many(&keys).await?;
    let head = items.iter().find(|item| item.is::<ProjectHead>());
    let head = head.map(|item| item.decode::<ProjectHead>()).transpose()?;
    let is_there = head.is_some_and(|head| head.summary.deleted_at.is_none());
    let counter = items.iter().find(|item| is_there && item.is::<Counter>());
    let counter: Counter = match counter {
        Some(counter) => counter.decode()?,
        None => return Err(Error::not_found("project").into()),
    };
    let counts = SummaryCounts::read(items.iter().find(|item| item.sort_key() == "SUMMARY"));
    Ok(Plain(ProjectSummaryCounts::of(&counter, &counts)))
}

impl ProjectSummaryCounts {
    fn of(counter: &Counter, counts: &SummaryCounts) -> ProjectSummaryCounts {
        let state = |state: &TaskState| counts.by_state.get(state).copied().unwrap_or_default();
        let category = |category: &StateCategory| -> i64 {
            TaskState::ALL.iter().filter(|s| s.category() == *category).map(state).sum()
        };
        let kind = |kind: &TaskType| counts.by_type.get(kind).copied().unwrap_or_default();
        let done = state(&TaskState::Done);
        let counted: i64 =
            TaskState::ALL.iter().filter(|s| **s != TaskState::Cancelled).map(state).sum();
        ProjectSummaryCounts {
            project_id: counter.project_id,
            last_number: counter.last_number,
            by_state: TaskState::ALL.iter().map(|s| (s.as_str(), state(s))).collect(),
            by_category: StateCategory::ALL.iter().map(|c| (c.as_str(), category(c))).collect(),
            by_type: TaskType::ALL.iter().map(|t| (t.as_str(), kind(t))).collect(),
            done_share: share(done, counted),
            as_of: counts.as_of,
        }
    }
}

/// `part / whole` with 4 decimals; 0 of nothing.
fn share(part: i64, whole: i64) -> f64 {
    if part <= 0 || whole <= 0 {
        return 0.0;
    }
    #[allow(clippy::cast_precision_loss, reason = "at most 100,000 tasks")]
    let ratio = part as f64 / whole as f64;
    (ratio * 10_000.0).round() / 10_000.0
}
