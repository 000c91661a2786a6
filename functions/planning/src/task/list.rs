//! Lists of tasks: exactly one index, then residual filters.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Date, Error, Faults, Label, Line, ProjectId, Result, Tenant, wire_enum};
use millwright_http::extract::Several;
use millwright_http::{Allowed, Answered, Flag, Listed, Listing};
use millwright_store::{Index, Query};
use utoipa::IntoParams;

use crate::{
    app::Planning,
    codes,
    domain::{Priority, StateCategory, TaskState, TaskSummary, TaskType},
    permissions::TaskRead,
    residual,
    store::{tasks_by_number, tasks_of_state},
};

wire_enum! {
    /// The order of a task list.
    pub enum TaskOrder {
        Number = "number",
    }
}

/// Index filters: `projectId`, alone or with `state` or `sort`. All others are residual: they are
/// applied after reading, and repeating one means or (but for `labels`: all of them).
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct TaskFilters {
    #[deserr(default)]
    #[param(inline)]
    project_id: Option<ProjectId>,
    /// A board column, by rank.
    #[deserr(default)]
    #[param(inline)]
    state: Option<TaskState>,
    /// `number` ascending; without it and `state` the newest number comes first.
    #[deserr(default)]
    #[param(inline)]
    sort: Option<TaskOrder>,
    #[deserr(rename = "type", default)]
    #[param(rename = "type", inline, required = false)]
    kind: Several<TaskType>,
    #[deserr(default)]
    #[param(inline, required = false)]
    priority: Several<Priority>,
    #[deserr(default)]
    #[param(inline, required = false)]
    state_category: Several<StateCategory>,
    #[deserr(default)]
    #[param(inline, required = false)]
    labels: Several<Label>,
    #[deserr(default)]
    #[param(inline)]
    due_before: Option<Date>,
    #[deserr(default)]
    #[param(inline)]
    due_after: Option<Date>,
    #[deserr(default)]
    #[param(inline, required = false)]
    unassigned: Flag,
    /// Case-insensitive, after normalization (NFC).
    #[deserr(default)]
    #[param(inline)]
    title_contains: Option<Line<2, 100>>,
}

impl TaskFilters {
    fn query(&self, tenant: &Tenant) -> Result<(ProjectId, Query)> {
        let unsupported = || {
            let allowed = vec!["projectId", "projectId,sort=number", "projectId,state"];
            let detail = "filter by projectId, alone or with either sort=number or state";
            Error::new(codes::UNSUPPORTED_FILTER, detail).with("allowed", allowed)
        };
        let project = self.project_id.ok_or_else(unsupported)?;
        let by_number = Query::index(Index::Gsi1, tasks_by_number(tenant, project));
        let query = match (self.state, self.sort) {
            (None, None) => by_number.descending(true),
            (None, Some(TaskOrder::Number)) => by_number,
            (Some(state), None) => {
                Query::index(Index::Gsi2, tasks_of_state(tenant, project, state))
            }
            (Some(_), Some(_)) => return Err(unsupported()),
        };
        Ok((project, query))
    }

    fn has_residual(&self) -> bool {
        !self.kind.0.is_empty()
            || !self.priority.0.is_empty()
            || !self.state_category.0.is_empty()
            || !self.labels.0.is_empty()
            || self.due_before.is_some()
            || self.due_after.is_some()
            || self.unassigned.0
            || self.title_contains.is_some()
    }

    fn admit(&self, task: &TaskSummary) -> bool {
        self.kind.admits(&task.kind)
            && self.priority.admits(&task.priority)
            && self.state_category.admits(&task.state_category)
            && task.labels.contain_all(&self.labels.0)
            && self.due_before.is_none_or(|day| task.due_date.is_some_and(|due| due < day))
            && self.due_after.is_none_or(|day| task.due_date.is_some_and(|due| due > day))
            && !(self.unassigned.0 && task.assignee_id.is_some())
            && self.title_contains.as_ref().is_none_or(|wanted| {
                task.title.as_str().to_lowercase().contains(&wanted.as_str().to_lowercase())
            })
    }
}

/// List tasks
///
/// One index decides the order: a project by number, or one of its board columns by rank. A page
/// examines at most 1,000 tasks; with residual filters it may be short or empty and still have a
/// next one. One query, eventually consistent, with a warm project cache.
#[utoipa::path(get, path = "/api/v1/planning/tasks", tag = "Tasks")]
pub async fn task_list(
    caller: Allowed<TaskRead>,
    State(planning): State<Planning>,
    listing: Listing<TaskFilters>,
) -> Answered<Listed<TaskSummary>> {
    let tenant = caller.tenant();
    let filters = &listing.filters;
    let (project, query) = filters.query(&tenant)?;
    planning.project_head(&tenant, project).await?;
    let (tasks, next) = residual::page(
        &planning.store,
        &query,
        listing.limit,
        listing.from.as_ref(),
        filters.has_residual(),
        |item| item.decode_attribute("summary"),
        |task: &TaskSummary| filters.admit(task),
    )
    .await?;
    Ok(listing.page(tasks, next).await?)
}
