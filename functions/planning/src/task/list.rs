//! Lists of tasks: exactly one index, then residual filters.

use std::{collections::BTreeSet, str::FromStr};

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{
    Date, Error, Faults, InputError, Label, Line, ProjectId, Result, TaskId, Tenant, Timestamp,
    wire_enum,
};
use millwright_http::extract::Several;
use millwright_http::{Allowed, Answered, Caller, Flag, Listed, Listing};
use millwright_store::{Index, Page, Position, Query};
use utoipa::{
    IntoParams, PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use crate::{
    app::Planning,
    codes,
    domain::{
        Assignee, ExternalId, Priority, Source, StateCategory, TaskReference, TaskState,
        TaskSummary, TaskType,
    },
    permissions::TaskRead,
    store::{
        ExternalIdMarker, TaskHead, TaskLink, assigned_prefix, subtasks_of, tasks_by_number,
        tasks_by_update, tasks_of_assignee, tasks_of_state, tasks_with_label,
    },
};

wire_enum! {
    /// The order of a task list.
    pub enum TaskOrder {
        Number = "number",
        UpdatedAtDescending = "-updatedAt",
    }
}

/// Somebody, or the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssigneeFilter {
    Me,
    Somebody(Assignee),
}

impl FromStr for AssigneeFilter {
    type Err = InputError;

    fn from_str(text: &str) -> Result<AssigneeFilter, InputError> {
        if text == "me" {
            return Ok(AssigneeFilter::Me);
        }
        text.parse().map(AssigneeFilter::Somebody).map_err(|_| {
            InputError::bad_format("must be `me`, or the id of a user (usr_…) or agent (agt_…)")
        })
    }
}

millwright_core::deserr_from_str!(AssigneeFilter);

impl PartialSchema for AssigneeFilter {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^(me|(usr|agt)_[0-7][0-9a-hjkmnp-tv-z]{25})$"));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl ToSchema for AssigneeFilter {}

/// Index filters decide index and order; exactly one of these combinations: `projectId`, alone or
/// with `state`, `sort`, `sort=-updatedAt` and `updatedSince`, `label`, or `externalId` and
/// `source`; `assigneeId`, alone or with `open`; `parentId`. All others are residual: they are
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
    /// `number` ascending, `-updatedAt` the last change first; without it the newest number.
    #[deserr(default)]
    #[param(inline)]
    sort: Option<TaskOrder>,
    /// Changed at or after this time; then the oldest change comes first.
    #[deserr(default)]
    #[param(inline)]
    updated_since: Option<Timestamp>,
    /// Tasks in the hands of a user, an agent, or of the caller (`me`), of all projects: by
    /// priority, due date (none last), id.
    #[deserr(default)]
    #[param(inline)]
    assignee_id: Option<AssigneeFilter>,
    /// With `assigneeId`: those to do, or those that are done or cancelled.
    #[deserr(default)]
    #[param(inline, required = false, default = true)]
    open: Option<Flag>,
    /// Direct subtasks, by rank.
    #[deserr(default)]
    #[param(inline)]
    parent_id: Option<TaskId>,
    /// Tasks with this label, the newest number first.
    #[deserr(default)]
    #[param(inline)]
    label: Option<Label>,
    /// What another tracker calls the task; at most one.
    #[deserr(default)]
    #[param(inline)]
    external_id: Option<ExternalId>,
    /// The tracker of `externalId`.
    #[deserr(default)]
    #[param(inline)]
    source: Option<Source>,
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
    /// No open blocker.
    #[deserr(default)]
    #[param(inline, required = false)]
    ready: Flag,
    /// Case-insensitive, after normalization (NFC).
    #[deserr(default)]
    #[param(inline)]
    title_contains: Option<Line<2, 100>>,
}

/// What decides index and order.
#[derive(Debug)]
enum Selection {
    /// Of one project, by an index.
    Project(ProjectId, Query),
    /// Of all projects, by an index.
    Assignee(Query),
    /// Through link items.
    Label(ProjectId, Label, Query),
    Parent(TaskId, Query),
    External(ProjectId, Source, ExternalId),
}

const COMBINATIONS: [&str; 9] = [
    "projectId",
    "projectId,sort=number",
    "projectId,state",
    "projectId,sort=-updatedAt",
    "projectId,sort=-updatedAt,updatedSince",
    "projectId,label",
    "projectId,externalId,source",
    "assigneeId,open",
    "parentId",
];

impl TaskFilters {
    fn selection(&self, caller: &Caller) -> Result<Selection> {
        let unsupported = || {
            let detail = "no index serves these filters together; allowed are those listed";
            Error::new(codes::UNSUPPORTED_FILTER, detail).with("allowed", COMBINATIONS.to_vec())
        };
        let tenant = &caller.tenant();
        let given = [
            ("projectId", self.project_id.is_some()),
            ("state", self.state.is_some()),
            ("sort=number", self.sort == Some(TaskOrder::Number)),
            ("sort=-updatedAt", self.sort == Some(TaskOrder::UpdatedAtDescending)),
            ("updatedSince", self.updated_since.is_some()),
            ("label", self.label.is_some()),
            ("externalId", self.external_id.is_some()),
            ("source", self.source.is_some()),
            ("assigneeId", self.assignee_id.is_some()),
            ("open", self.open.is_some()),
            ("parentId", self.parent_id.is_some()),
        ];
        let given: Vec<&str> =
            given.iter().filter(|(_, is_given)| *is_given).map(|(name, _)| *name).collect();
        if given == ["assigneeId"] || given == ["assigneeId", "open"] {
            let assignee = self.assignee(caller)?;
            let prefix = assigned_prefix(self.open.is_none_or(|open| open.0));
            let query = Query::index(Index::Gsi3, tasks_of_assignee(tenant, assignee));
            return Ok(Selection::Assignee(query.starting_with(prefix)));
        }
        if let (["parentId"], Some(parent)) = (given.as_slice(), self.parent_id) {
            return Ok(Selection::Parent(parent, Query::partition(subtasks_of(tenant, parent))));
        }
        let project = self.project_id.ok_or_else(unsupported)?;
        let by_number = Query::index(Index::Gsi1, tasks_by_number(tenant, project));
        let by_update = Query::index(Index::Gsi4, tasks_by_update(tenant, project));
        let query = match given.as_slice() {
            ["projectId"] => by_number.descending(true),
            ["projectId", "sort=number"] => by_number,
            ["projectId", "sort=-updatedAt"] => by_update.descending(true),
            ["projectId", "sort=-updatedAt", "updatedSince"] => {
                let since = self.updated_since.ok_or_else(unsupported)?;
                by_update.from_sort_key(since.to_string())
            }
            ["projectId", "state"] => {
                let state = self.state.ok_or_else(unsupported)?;
                Query::index(Index::Gsi2, tasks_of_state(tenant, project, state))
            }
            ["projectId", "label"] => {
                let label = self.label.clone().ok_or_else(unsupported)?;
                let links = Query::partition(tasks_with_label(tenant, project, &label));
                return Ok(Selection::Label(project, label, links.descending(true)));
            }
            ["projectId", "externalId", "source"] => {
                let source = self.source.clone().ok_or_else(unsupported)?;
                let id = self.external_id.clone().ok_or_else(unsupported)?;
                return Ok(Selection::External(project, source, id));
            }
            _ => return Err(unsupported()),
        };
        Ok(Selection::Project(project, query))
    }

    fn assignee(&self, caller: &Caller) -> Result<Assignee> {
        match self.assignee_id {
            Some(AssigneeFilter::Somebody(assignee)) => Ok(assignee),
            _ => caller.actor().parse().map_err(|_: InputError| {
                let detail = "`me` is a user or an agent; a service key is neither";
                let fault = millwright_core::FaultCode::NotAllowed;
                Faults::of(millwright_core::Fault::new("query:assigneeId", fault, detail)).into()
            }),
        }
    }

    fn has_residual(&self) -> bool {
        !self.kind.0.is_empty()
            || !self.priority.0.is_empty()
            || !self.state_category.0.is_empty()
            || !self.labels.0.is_empty()
            || self.due_before.is_some()
            || self.due_after.is_some()
            || self.unassigned.0
            || self.ready.0
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
            && !(self.ready.0 && task.open_blockers > 0)
            && self.title_contains.as_ref().is_none_or(|wanted| {
                task.title.as_str().to_lowercase().contains(&wanted.as_str().to_lowercase())
            })
    }
}

/// List tasks
///
/// One index decides the order. A page examines at most 1,000 tasks, by `label` and `parentId` at
/// most as many as it may have; with residual filters it may be short or empty and still have a
/// next one. One query, eventually consistent, with a warm project cache; by `label` a query
/// and a batch read, by `parentId` one read more, by `externalId` two reads.
#[utoipa::path(get, path = "/api/v1/planning/tasks", tag = "Tasks")]
pub async fn task_list(
    caller: Allowed<TaskRead>,
    State(planning): State<Planning>,
    listing: Listing<TaskFilters>,
) -> Answered<Listed<TaskSummary>> {
    let tenant = caller.tenant();
    let filters = &listing.filters;
    let (limit, from) = (listing.limit, listing.from.as_ref());
    let page = match filters.selection(&caller)? {
        Selection::Project(project, query) => {
            planning.project_head(&tenant, project).await?;
            indexed_page(&planning, &query, &listing).await?
        }
        Selection::Assignee(query) => {
            let page = indexed_page(&planning, &query, &listing).await?;
            of_live_projects(&planning, &tenant, page).await?
        }
        Selection::Label(project, label, links) => {
            planning.project_head(&tenant, project).await?;
            let wanted = [label];
            let admit =
                |task: &TaskSummary| task.labels.contain_all(&wanted) && filters.admit(task);
            linked_page(&planning, &tenant, &links, limit, from, admit).await?
        }
        Selection::Parent(parent, links) => {
            planning.task_head(&tenant, &TaskReference::Id(parent)).await?;
            let admit = |task: &TaskSummary| task.parent_id == Some(parent) && filters.admit(task);
            linked_page(&planning, &tenant, &links, limit, from, admit).await?
        }
        Selection::External(project, source, id) => {
            planning.project_head(&tenant, project).await?;
            let place = ExternalIdMarker::place(&tenant, project, &source, &id);
            let marker: Option<ExternalIdMarker> = planning.store.get(&place).await?;
            let ids = marker.into_iter().map(|marker| marker.task_id).collect();
            let items = heads(&planning, &tenant, ids, |task| filters.admit(task)).await?;
            Page { items, next: None }
        }
    };
    Ok(listing.page(page.items, page.next).await?)
}

async fn indexed_page(
    planning: &Planning,
    query: &Query,
    listing: &Listing<TaskFilters>,
) -> Result<Page<TaskSummary>> {
    let filters = &listing.filters;
    let (limit, from) = (listing.limit, listing.from.as_ref());
    let admit = |item: &millwright_store::RawItem| {
        let task: TaskSummary = item.decode_attribute("summary")?;
        Ok(filters.admit(&task).then_some(task))
    };
    planning.store.filtered_page(query, limit, from, filters.has_residual(), admit).await
}

/// A page of tasks that link items lead to, read strongly consistent; what no longer belongs there
/// is left out. One Query and one BatchGetItem.
pub async fn linked_page(
    planning: &Planning,
    tenant: &Tenant,
    links: &Query,
    limit: usize,
    from: Option<&Position>,
    admit: impl Fn(&TaskSummary) -> bool,
) -> Result<Page<TaskSummary>> {
    let page = planning.store.page(links, limit, from).await?;
    let ids: Result<Vec<TaskId>> =
        page.items.iter().map(|item| Ok(item.decode::<TaskLink>()?.task_id)).collect();
    Ok(Page { items: heads(planning, tenant, ids?, admit).await?, next: page.next })
}

/// Summaries in the order of the ids, without deleted tasks. One BatchGetItem.
async fn heads(
    planning: &Planning,
    tenant: &Tenant,
    mut ids: Vec<TaskId>,
    admit: impl Fn(&TaskSummary) -> bool,
) -> Result<Vec<TaskSummary>> {
    // A task whose rank changed under the query is linked twice.
    let mut seen = BTreeSet::new();
    ids.retain(|id| seen.insert(*id));
    let places: Vec<_> = ids.iter().map(|id| TaskHead::place(tenant, *id)).collect();
    let mut tasks = Vec::with_capacity(ids.len());
    for item in planning.store.get_many(&places).await? {
        let task = item.decode::<TaskHead>()?.summary;
        if task.deleted_at.is_none() && admit(&task) {
            tasks.push(task);
        }
    }
    Ok(tasks)
}

/// Leaves out tasks of deleted projects. One BatchGetItem if a project is not remembered.
async fn of_live_projects(
    planning: &Planning,
    tenant: &Tenant,
    mut page: Page<TaskSummary>,
) -> Result<Page<TaskSummary>> {
    let projects: BTreeSet<ProjectId> = page.items.iter().map(|task| task.project_id).collect();
    let live = planning.live_projects(tenant, &projects).await?;
    page.items.retain(|task| live.contains(&task.project_id));
    Ok(page)
}
