//! The task and its rules.

use std::{fmt, str::FromStr};

use millwright_core::{
    Change, Date, Error, Fault, FaultCode, Faults, InputError, Labels, Line, Patch, ProjectId,
    Result, TaskId, Text, Timestamp, UserId, codes, wire_enum,
};
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ArrayBuilder, ObjectBuilder, RefOr, Schema, Type},
};

use super::{ItemKey, Rank, StateCategory, TaskDescription, TaskState};
use crate::codes as planning_codes;

/// 1-200 characters, a single line.
pub type Title = Line<1, 200>;

/// Why a task is blocked.
pub type BlockedReason = Text<1, 500>;

/// Id of whoever did something: user, agent, service key or service.
pub type ActorId = String;

/// Who changes something, and when.
#[derive(Clone, Debug)]
pub struct Stamp {
    pub at: Timestamp,
    pub by: ActorId,
}

wire_enum! {
    /// What kind of work a task is.
    pub enum TaskType {
        Task = "task",
        Feature = "feature",
        Bug = "bug",
        Refactor = "refactor",
        Test = "test",
        Documentation = "documentation",
        Deployment = "deployment",
        Remediation = "remediation",
        Chore = "chore",
    }
}

wire_enum! {
    /// How urgent a task is.
    pub enum Priority {
        Low = "low",
        Medium = "medium",
        High = "high",
        Critical = "critical",
    }
}

millwright_core::id! {
    /// An agent.
    AgentId = Agent("agt");
}

/// Who works on a task: a user or an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Assignee {
    User(UserId),
    Agent(AgentId),
}

impl fmt::Display for Assignee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Assignee::User(id) => id.fmt(f),
            Assignee::Agent(id) => id.fmt(f),
        }
    }
}

impl FromStr for Assignee {
    type Err = InputError;

    fn from_str(text: &str) -> Result<Assignee, InputError> {
        if let Ok(id) = text.parse() {
            return Ok(Assignee::User(id));
        }
        text.parse().map(Assignee::Agent).map_err(|_| {
            InputError::bad_format("must be the id of a user (usr_…) or agent (agt_…)")
        })
    }
}

impl Serialize for Assignee {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Assignee {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

millwright_core::deserr_from_str!(Assignee);

impl PartialSchema for Assignee {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^(usr|agt)_[0-7][0-9a-hjkmnp-tv-z]{25}$"));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl ToSchema for Assignee {}

/// One thing that must hold before a task is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, deserr::Deserr, ToSchema)]
#[serde(rename_all = "camelCase")]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
pub struct AcceptanceCriterion {
    pub text: Text<1, 500>,
    #[deserr(default)]
    #[schema(required = false, default = false)]
    pub met: bool,
}

/// At most 20 criteria.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AcceptanceCriteria(pub Vec<AcceptanceCriterion>);

impl AcceptanceCriteria {
    pub const MAX: usize = 20;

    pub fn unmet(&self) -> usize {
        self.0.iter().filter(|criterion| !criterion.met).count()
    }
}

impl deserr::Deserr<Faults> for AcceptanceCriteria {
    fn deserialize_from_value<V: deserr::IntoValue>(
        value: deserr::Value<V>,
        location: deserr::ValuePointerRef<'_>,
    ) -> Result<Self, Faults> {
        let criteria =
            <Vec<AcceptanceCriterion> as deserr::Deserr<Faults>>::deserialize_from_value(
                value, location,
            )?;
        if criteria.len() > AcceptanceCriteria::MAX {
            let detail = format!("must have at most {} criteria", AcceptanceCriteria::MAX);
            return Err(Faults::refused(InputError::new(FaultCode::TooLong, detail), location));
        }
        Ok(AcceptanceCriteria(criteria))
    }
}

impl PartialSchema for AcceptanceCriteria {
    fn schema() -> RefOr<Schema> {
        let array = ArrayBuilder::new()
            .items(AcceptanceCriterion::schema())
            .max_items(Some(AcceptanceCriteria::MAX));
        RefOr::T(Schema::Array(array.build()))
    }
}

impl ToSchema for AcceptanceCriteria {}

/// A task without its longer texts: what lists show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskSummary {
    pub id: TaskId,
    pub project_id: ProjectId,
    /// `<PROJECTKEY>-<number>`.
    pub key: String,
    pub number: u64,
    pub title: Title,
    #[serde(rename = "type")]
    pub kind: TaskType,
    pub state: TaskState,
    pub state_category: StateCategory,
    pub priority: Priority,
    pub assignee_id: Option<Assignee>,
    pub reporter_id: ActorId,
    pub labels: Labels,
    pub rank: Rank,
    pub start_date: Option<Date>,
    pub due_date: Option<Date>,
    pub estimate_seconds: Option<u32>,
    pub points: Option<u32>,
    /// First entry into a state of category `in_progress`.
    pub started_at: Option<Timestamp>,
    /// Last entry into `done` or `cancelled`; null while the task is open.
    pub completed_at: Option<Timestamp>,
    pub version: u64,
    pub created_at: Timestamp,
    pub created_by: ActorId,
    pub updated_at: Timestamp,
    pub updated_by: ActorId,
    pub deleted_at: Option<Timestamp>,
}

/// A task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "task_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "projectId": "prj_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "key": "WEB-1",
    "number": 1,
    "title": "Show the sign-in page",
    "type": "feature",
    "state": "to_do",
    "stateCategory": "to_do",
    "priority": "high",
    "assigneeId": null,
    "reporterId": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "labels": ["ui"],
    "rank": "0mi3c4g5h",
    "startDate": null,
    "dueDate": "2026-12-01",
    "estimateSeconds": 14400,
    "points": 3,
    "startedAt": null,
    "completedAt": null,
    "version": 1,
    "createdAt": "2026-11-23T01:04:58.000Z",
    "createdBy": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "updatedAt": "2026-11-23T01:04:58.000Z",
    "updatedBy": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "deletedAt": null,
    "description": "With Google, and a way back.",
    "acceptanceCriteria": [{ "text": "Works without cookies of others", "met": false }],
    "blockedReason": null,
}))]
pub struct Task {
    #[serde(flatten)]
    pub summary: TaskSummary,
    pub description: TaskDescription,
    pub acceptance_criteria: AcceptanceCriteria,
    pub blocked_reason: Option<BlockedReason>,
    /// The version in which description or criteria changed last: head and body of storage name it
    /// both, so that a read between two halves of a write is noticed.
    #[serde(skip)]
    #[schema(ignore)]
    pub body_version: u64,
}

/// What is given at creation, defaults filled in.
#[derive(Clone, Debug)]
pub struct NewTask {
    pub project_id: ProjectId,
    pub title: Title,
    pub description: TaskDescription,
    pub kind: TaskType,
    pub state: TaskState,
    pub priority: Priority,
    pub assignee_id: Option<Assignee>,
    pub reporter_id: Option<UserId>,
    pub labels: Labels,
    pub start_date: Option<Date>,
    pub due_date: Option<Date>,
    pub estimate_seconds: Option<u32>,
    pub points: Option<u32>,
    pub acceptance_criteria: AcceptanceCriteria,
}

/// What a PATCH of a task changes.
#[derive(Clone, Debug, Default)]
pub struct TaskPatch {
    pub title: Change<Title>,
    pub description: Patch<TaskDescription>,
    pub kind: Change<TaskType>,
    pub priority: Change<Priority>,
    pub assignee_id: Patch<Assignee>,
    pub reporter_id: Change<UserId>,
    pub labels: Patch<Labels>,
    pub start_date: Patch<Date>,
    pub due_date: Patch<Date>,
    pub estimate_seconds: Patch<u32>,
    pub points: Patch<u32>,
    pub acceptance_criteria: Patch<AcceptanceCriteria>,
}

/// A wanted change of state.
#[derive(Clone, Debug)]
pub struct Transition {
    pub to: TaskState,
    pub reason: Option<BlockedReason>,
    /// Overrides unmet criteria, never the review.
    pub force: bool,
}

/// A year of work.
const MAX_ESTIMATE_SECONDS: u32 = 31_536_000;
const MAX_POINTS: u32 = 100;

fn check_dates(start: Option<Date>, due: Option<Date>, faults: &mut Faults) {
    if let (Some(start), Some(due)) = (start, due)
        && due < start
    {
        let detail = format!("must not be before startDate {start}");
        faults.0.push(Fault::new("/dueDate", FaultCode::TooSmall, detail));
    }
}

fn check_numbers(estimate: Option<u32>, points: Option<u32>, faults: &mut Faults) {
    let mut check = |pointer: &str, value: Option<u32>, max: u32| {
        if value.is_some_and(|value| value > max) {
            let detail = format!("must be at most {max}");
            faults.0.push(Fault::new(pointer, FaultCode::TooLarge, detail));
        }
    };
    check("/estimateSeconds", estimate, MAX_ESTIMATE_SECONDS);
    check("/points", points, MAX_POINTS);
}

fn none_of(faults: Faults) -> Result<()> {
    if faults.0.is_empty() { Ok(()) } else { Err(faults.into()) }
}

impl NewTask {
    /// What the types of single fields do not say, all at once.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn check(&self) -> Result<()> {
        let mut faults = Faults::default();
        check_numbers(self.estimate_seconds, self.points, &mut faults);
        check_dates(self.start_date, self.due_date, &mut faults);
        if !matches!(self.state, TaskState::ToDo | TaskState::Backlog) {
            let detail = "a task begins in to_do or backlog";
            faults.0.push(Fault::new("/state", FaultCode::NotAllowed, detail));
        }
        none_of(faults)
    }
}

impl Task {
    /// The task a request asks for, with its number. Checked by [`NewTask::check`] before.
    pub fn create(new: NewTask, id: TaskId, key: &ItemKey, stamp: &Stamp) -> Task {
        Task {
            summary: TaskSummary {
                id,
                project_id: new.project_id,
                key: key.to_string(),
                number: key.number,
                title: new.title,
                kind: new.kind,
                state: new.state,
                state_category: new.state.category(),
                priority: new.priority,
                assignee_id: new.assignee_id,
                reporter_id: new
                    .reporter_id
                    .map_or_else(|| stamp.by.clone(), |reporter| reporter.to_string()),
                labels: new.labels,
                rank: Rank::last_at(stamp.at),
                start_date: new.start_date,
                due_date: new.due_date,
                estimate_seconds: new.estimate_seconds,
                points: new.points,
                started_at: None,
                completed_at: None,
                version: 1,
                created_at: stamp.at,
                created_by: stamp.by.clone(),
                updated_at: stamp.at,
                updated_by: stamp.by.clone(),
                deleted_at: None,
            },
            description: new.description,
            acceptance_criteria: new.acceptance_criteria,
            blocked_reason: None,
            body_version: 1,
        }
    }

    /// The task after the patch; equal to this one if nothing changes.
    ///
    /// # Errors
    /// `invalid_request` if it would be due before it starts, or a number is too large.
    pub fn patched(&self, patch: TaskPatch) -> Result<Task> {
        let mut next = self.clone();
        let summary = &mut next.summary;
        patch.title.apply_to(&mut summary.title);
        patch.kind.apply_to(&mut summary.kind);
        patch.priority.apply_to(&mut summary.priority);
        patch.assignee_id.apply_to_option(&mut summary.assignee_id);
        if let Change::Set(reporter) = patch.reporter_id {
            summary.reporter_id = reporter.to_string();
        }
        patch.labels.apply_or_default(&mut summary.labels);
        patch.start_date.apply_to_option(&mut summary.start_date);
        patch.due_date.apply_to_option(&mut summary.due_date);
        patch.estimate_seconds.apply_to_option(&mut summary.estimate_seconds);
        patch.points.apply_to_option(&mut summary.points);
        let mut faults = Faults::default();
        check_numbers(summary.estimate_seconds, summary.points, &mut faults);
        check_dates(summary.start_date, summary.due_date, &mut faults);
        none_of(faults)?;
        patch.description.apply_or_default(&mut next.description);
        patch.acceptance_criteria.apply_or_default(&mut next.acceptance_criteria);
        Ok(next)
    }

    /// The task in another state.
    ///
    /// # Errors
    /// `invalid_state` for a way that is not in the table; `criteria_unmet`, `review_required`;
    /// `invalid_request` if `blocked` comes without a reason.
    pub fn transitioned(
        &self,
        wanted: Transition,
        require_review: bool,
        now: Timestamp,
    ) -> Result<Task> {
        let Transition { to, reason, force } = wanted;
        let from = self.summary.state;
        if !from.next().contains(&to) {
            let allowed: Vec<&str> = from.next().iter().map(|state| state.as_str()).collect();
            let detail = format!("a task in {from} goes to {}", allowed.join(", "));
            return Err(Error::new(codes::INVALID_STATE, detail)
                .with("from", from.as_str())
                .with("to", to.as_str())
                .with("allowed", allowed));
        }
        if to == TaskState::Blocked && reason.is_none() {
            let detail = "is required to block a task";
            return Err(Error::fault("/reason", FaultCode::Required, detail));
        }
        if to == TaskState::Done {
            if require_review && from != TaskState::Review {
                let detail = "move the task to review first; force does not override this";
                return Err(Error::new(planning_codes::REVIEW_REQUIRED, detail));
            }
            let unmet = self.acceptance_criteria.unmet();
            if unmet > 0 && !force {
                let detail = format!("{unmet} acceptance criteria are not met; force overrides");
                return Err(Error::new(planning_codes::CRITERIA_UNMET, detail).with("unmet", unmet));
            }
        }
        let mut next = self.clone();
        let category = to.category();
        next.summary.state = to;
        next.summary.state_category = category;
        next.summary.rank = Rank::last_at(now);
        next.blocked_reason = if to == TaskState::Blocked { reason } else { None };
        if category == StateCategory::InProgress && next.summary.started_at.is_none() {
            next.summary.started_at = Some(now);
        }
        next.summary.completed_at = category.is_closed().then_some(now);
        Ok(next)
    }

    /// The task, hidden.
    #[must_use]
    pub fn deleted(&self, now: Timestamp) -> Task {
        let mut next = self.clone();
        next.summary.deleted_at = Some(now);
        next
    }

    /// The task, seen again; unchanged if it was not deleted.
    #[must_use]
    pub fn restored(&self) -> Task {
        let mut next = self.clone();
        next.summary.deleted_at = None;
        next
    }

    /// The next version after `before`, by whom and when. Times of one task never run backwards.
    #[must_use]
    pub fn stamped(mut self, before: &Task, stamp: &Stamp) -> Task {
        self.summary.version += 1;
        if self.description != before.description
            || self.acceptance_criteria != before.acceptance_criteria
        {
            self.body_version = self.summary.version;
        }
        self.summary.updated_at = stamp.at.max(self.summary.updated_at);
        self.summary.updated_by = stamp.by.clone();
        self
    }
}
