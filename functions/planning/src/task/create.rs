//! Creating tasks: gap-free numbers under any number of writers.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{
    Date, Error, Faults, HttpUrl, Labels, ProjectId, Result, TaskId, Tenant, UserId, codes,
};
use millwright_http::{Allowed, Answer, Answered, Caller, Created, Submission, Write};
use millwright_store::{Contention, Outcome, RawItem};
use utoipa::ToSchema;

use super::effects::{Surroundings, TaskChange};
use crate::{
    app::{Planning, check_writable, project_archived},
    domain::{
        AcceptanceCriteria, Assignee, EstimateSeconds, ExternalId, ExternalKey, Force, ItemKey,
        NewTask, Points, Priority, ProjectKey, Source, Task, TaskDescription, TaskState, TaskType,
        Title,
    },
    permissions,
    store::{Counter, ProjectHead},
};

/// The most numbers a project gives.
pub const MAX_TASKS: u64 = 100_000;

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
    estimate_seconds: Option<EstimateSeconds>,
    #[deserr(default)]
    points: Option<Points>,
    #[deserr(default)]
    #[schema(required = false)]
    acceptance_criteria: AcceptanceCriteria,
    /// A task of the same project, of which this one is a part: at most five levels deep, at most
    /// 100 direct subtasks.
    #[deserr(default)]
    parent_id: Option<TaskId>,
    /// What another tracker calls it; together with `source`, unique in the project.
    #[deserr(default)]
    external_id: Option<ExternalId>,
    /// Which other tracker.
    #[deserr(default)]
    source: Option<Source>,
    #[deserr(default)]
    external_key: Option<ExternalKey>,
    #[deserr(default)]
    external_url: Option<HttpUrl>,
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
            parent_id: input.parent_id,
            external_id: input.external_id,
            source: input.source,
            external_key: input.external_key,
            external_url: input.external_url,
        }
    }
}

/// Create a task
///
/// It gets the next number of its project: numbers have no gap, whatever crashes. One transaction
/// of at most 37 items (8 without labels, parent and external id); with a cold instance one batch
/// read before, with a parent two to six reads. A lost race for the number bills the whole
/// transaction again: one project sustains some tens of creations a second.
#[utoipa::path(post, path = "/api/v1/planning/tasks", tag = "Tasks")]
pub async fn task_create(
    caller: Allowed<permissions::TaskCreate>,
    State(planning): State<Planning>,
    submission: Submission<TaskIn>,
) -> Answered<Created<Task>> {
    let (submission, input) = submission.take();
    let new = NewTask::from(input);
    new.check()?;
    let begin = || submission.write(&planning.store, &caller);
    Ok(create(&planning, &caller, new, "task_create", begin, Created).await?)
}

/// Takes a number and writes the task; again, with the number read at the loss, if somebody was
/// faster.
pub async fn create<R: Answer>(
    planning: &Planning,
    caller: &Caller,
    new: NewTask,
    operation: &'static str,
    begin: impl Fn() -> Write,
    answer: impl Fn(Task) -> R,
) -> Result<R> {
    let tenant = caller.tenant();
    let id = planning.store.ids().next();
    let project = new.project_id;
    let gate = planning.number_gate(project);
    let _turn = gate.lock().await;
    let mut numbers = Numbers::begin(planning, &tenant, project).await?;
    let mut contention = Contention::new(&planning.store);
    loop {
        let key = numbers.next_keys(1)?.remove(0);
        let task = Task::create(new.clone(), id, &key, &planning.stamp(caller));
        let around = Surroundings::read(planning, &tenant, None, &task).await?;
        let mut write = begin();
        let counter = Counter::take(&mut write, project, numbers.last, 1);
        let change = TaskChange {
            before: None,
            after: &task,
            operation,
            note: None,
            force: Force::No,
            imported_at: None,
        };
        change.write(&mut write, around)?;
        let answer = answer(task);
        match write.attempt(&answer).await? {
            Outcome::Done => {
                planning.remember_number(project, key.number);
                return Ok(answer);
            }
            Outcome::Refused(refusals) => match refusals.at(counter) {
                Some(refusal) => numbers.lost(refusal.item.as_ref())?,
                // A parent has changed, or something is wrong with the task itself.
                None => match refusals.into_error() {
                    error if error.is(codes::CONTENTION) => {}
                    error => return Err(error),
                },
            },
        }
        if contention.lost(&planning.store).await? {
            numbers.read(planning, &tenant).await?;
        }
    }
}

/// The numbers of a project, as far as they are known.
pub struct Numbers {
    project: ProjectId,
    key: ProjectKey,
    pub last: u64,
}

impl Numbers {
    /// Key and last number of the project; both from memory if this instance knows them.
    ///
    /// # Errors
    /// `not_found`, `project_archived`.
    pub async fn begin(planning: &Planning, tenant: &Tenant, id: ProjectId) -> Result<Numbers> {
        if let Some(last) = planning.remembered_number(id) {
            let project = planning.project_head(tenant, id).await?;
            return Ok(Numbers { project: id, key: project.key, last });
        }
        let keys = [ProjectHead::place(tenant, id), Counter::place(tenant, id)];
        let items = planning.store.get_many(&keys).await?;
        let head = items.iter().find(|item| item.is::<ProjectHead>());
        let head: ProjectHead = head.ok_or_else(|| Error::not_found("project"))?.decode()?;
        if head.summary.deleted_at.is_some() {
            return Err(Error::not_found("project"));
        }
        check_writable(&head.summary)?;
        planning.remember_project(tenant, &head.summary);
        let last = read_counter(items.iter().find(|item| item.is::<Counter>()))?;
        Ok(Numbers { project: id, key: head.summary.key, last })
    }

    /// The next keys to try, several at once.
    ///
    /// # Errors
    /// `limit_reached` at 100,000.
    pub fn next_keys(&self, count: usize) -> Result<Vec<ItemKey>> {
        let last = self.last + count as u64;
        if last > MAX_TASKS {
            return Err(Error::limit_reached("tasks per project", MAX_TASKS));
        }
        let key = |number| ItemKey { project: self.key.clone(), number };
        Ok((self.last + 1..=last).map(key).collect())
    }

    /// The counter as it stood when the race was lost.
    ///
    /// # Errors
    /// `project_archived`.
    pub fn lost(&mut self, counter: Option<&RawItem>) -> Result<()> {
        self.last = read_counter(counter)?;
        Ok(())
    }

    /// The counter as it stands. One GetItem.
    ///
    /// # Errors
    /// `project_archived`.
    pub async fn read(&mut self, planning: &Planning, tenant: &Tenant) -> Result<()> {
        let place = Counter::place(tenant, self.project);
        self.lost(planning.store.get_raw(&place).await?.as_ref())
    }
}

/// The last number given, unless the project is archived.
fn read_counter(item: Option<&RawItem>) -> Result<u64> {
    let counter: Counter = item.ok_or_else(|| Error::not_found("project"))?.decode()?;
    if counter.archived {
        return Err(project_archived());
    }
    Ok(counter.last_number)
}
