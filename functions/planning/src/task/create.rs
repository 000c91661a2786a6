//! Creating tasks: gap-free numbers under any number of writers.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Date, Error, Faults, Labels, ProjectId, Result, Tenant, UserId, codes};
use millwright_http::{Allowed, Answered, Created, Submission};
use millwright_store::{Contention, Outcome, RawItem};
use utoipa::ToSchema;

use super::history_item;
use crate::{
    app::{Planning, check_writable, project_archived},
    domain::{
        AcceptanceCriteria, Assignee, ItemKey, NewTask, Priority, Task, TaskDescription, TaskState,
        TaskType, Title,
    },
    events::{TaskCreated, TaskData},
    permissions,
    store::{Counter, FieldChange, ProjectHead, TaskHead, TaskKeyMarker},
};

/// The most numbers a project gives.
const MAX_TASKS: u64 = 100_000;

/// A new task.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "projectId": "prj_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "title": "Show the sign-in page",
    "type": "feature",
    "priority": "high",
    "labels": ["ui"],
}))]
pub struct TaskIn {
    project_id: ProjectId,
    title: Title,
    #[deserr(default)]
    #[schema(required = false)]
    description: TaskDescription,
    #[deserr(rename = "type", default = TaskType::Task)]
    #[schema(rename = "type", required = false)]
    kind: TaskType,
    /// `to_do` or `backlog`.
    #[deserr(default = TaskState::ToDo)]
    #[schema(required = false)]
    state: TaskState,
    #[deserr(default = Priority::Medium)]
    #[schema(required = false)]
    priority: Priority,
    #[deserr(default)]
    assignee_id: Option<Assignee>,
    /// The creator if not given.
    #[deserr(default)]
    reporter_id: Option<UserId>,
    #[deserr(default)]
    #[schema(required = false)]
    labels: Labels,
    #[deserr(default)]
    start_date: Option<Date>,
    /// Not before `startDate`.
    #[deserr(default)]
    due_date: Option<Date>,
    #[deserr(default)]
    #[schema(maximum = 31_536_000)]
    estimate_seconds: Option<u32>,
    #[deserr(default)]
    #[schema(maximum = 100)]
    points: Option<u32>,
    #[deserr(default)]
    #[schema(required = false)]
    acceptance_criteria: AcceptanceCriteria,
}

impl From<TaskIn> for NewTask {
    fn from(input: TaskIn) -> NewTask {
        NewTask {
            project_id: input.project_id,
            title: input.title,
            description: input.description,
            kind: input.kind,
            state: input.state,
            priority: input.priority,
            assignee_id: input.assignee_id,
            reporter_id: input.reporter_id,
            labels: input.labels,
            start_date: input.start_date,
            due_date: input.due_date,
            estimate_seconds: input.estimate_seconds,
            points: input.points,
            acceptance_criteria: input.acceptance_criteria,
        }
    }
}

/// Create a task
///
/// It gets the next number of its project: numbers have no gap, whatever crashes. One transaction
/// of at most seven items; with a cold instance one batch read before. A lost race for the number
/// bills the whole transaction again: one project sustains some tens of creations a second.
#[utoipa::path(post, path = "/api/v1/planning/tasks", tag = "Tasks")]
pub async fn task_create(
    caller: Allowed<permissions::TaskCreate>,
    State(planning): State<Planning>,
    submission: Submission<TaskIn>,
) -> Answered<Created<Task>> {
    let tenant = caller.tenant();
    let (submission, input) = submission.take();
    let new = NewTask::from(input);
    new.check()?;
    let id = planning.store.ids().next();
    let gate = planning.number_gate(new.project_id);
    let _turn = gate.lock().await;
    let (project_key, mut last) = begin(&planning, &tenant, new.project_id).await?;
    let mut contention = Contention::new(&planning.store);
    loop {
        let number = last + 1;
        if number > MAX_TASKS {
            return Err(Error::limit_reached("tasks per project", MAX_TASKS).into());
        }
        let key = ItemKey { project: project_key.clone(), number };
        let task = Task::create(new.clone(), id, &key, &planning.stamp(&caller));
        let mut write = submission.write(&planning.store, &caller);
        let counter = Counter::take(&mut write, new.project_id, number);
        write.create(&TaskHead::of(&task));
        write.create(&task.body());
        write.create(&TaskKeyMarker::of(&task));
        let changes = FieldChange::between(None, &task)?;
        write.create(&history_item(&task, "task_create", changes, None));
        write.emit(&TaskCreated(TaskData::of(&task, &[])))?;
        let answer = Created(task);
        let refusals = match write.attempt(&answer).await? {
            Outcome::Done => {
                planning.remember_number(new.project_id, number);
                return Ok(answer);
            }
            Outcome::Refused(refusals) => refusals,
        };
        let Some(refusal) = refusals.at(counter) else {
            let detail = "the number was taken outside of its counter";
            return Err(Error::new(codes::CONFLICT, detail).into());
        };
        last = read_counter(refusal.item.as_ref())?;
        if planning.lost(&mut contention).await? {
            let place = Counter::place(&tenant, new.project_id);
            last = read_counter(planning.store.get_raw(&place).await?.as_ref())?;
        }
    }
}

/// Key and last number of the project; both from memory if this instance knows them.
async fn begin(
    planning: &Planning,
    tenant: &Tenant,
    id: ProjectId,
) -> Result<(crate::domain::ProjectKey, u64)> {
    if let Some(last) = planning.remembered_number(id) {
        let project = planning.project_head(tenant, id).await?;
        return Ok((project.key, last));
    }
    let keys = [ProjectHead::place(tenant, id), Counter::place(tenant, id)];
    let items = planning.store.get_many(&keys).await?;
    let head = items.iter().find(|item| item.is::<ProjectHead>());
    let head: ProjectHead = head.ok_or_else(|| Error::not_found("project"))?.decode()?;
    check_writable(&head.summary)?;
    planning.remember_project(tenant, &head.summary);
    let last = read_counter(items.iter().find(|item| item.is::<Counter>()))?;
    Ok((head.summary.key, last))
}

/// The last number given, unless the project is archived.
fn read_counter(item: Option<&RawItem>) -> Result<u64> {
    let counter: Counter = item.ok_or_else(|| Error::not_found("project"))?.decode()?;
    if counter.archived {
        return Err(project_archived());
    }
    Ok(counter.last_number)
}
