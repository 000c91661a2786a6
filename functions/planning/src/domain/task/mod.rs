//! The task and its rules.

mod change;

use millwright_core::{
    Bounded, Change, Date, HttpUrl, Labels, Line, Patch, ProjectId, TaskId, Text, Timestamp,
    UserId, wire_enum,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use change::Force;

use super::{
    AcceptanceCriteria, Assignee, Rank, Relations, RelationsView, StateCategory, TaskDescription,
    TaskState,
};

/// 1-200 characters, a single line.
pub type Title = Line<1, 200>;

/// Why a task is blocked.
pub type BlockedReason = Text<1, 500>;

/// At most a year of work, in seconds.
pub type EstimateSeconds = Bounded<0, 31_536_000>;

pub type Points = Bounded<0, 100>;

/// What another tracker calls a task.
pub type ExternalId = Line<1, 200>;

/// Which other tracker.
pub type Source = Line<1, 50>;

/// What another tracker shows people.
pub type ExternalKey = Line<1, 200>;

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
    /// The task it is a part of.
    pub parent_id: Option<TaskId>,
    pub rank: Rank,
    pub start_date: Option<Date>,
    pub due_date: Option<Date>,
    pub estimate_seconds: Option<EstimateSeconds>,
    pub points: Option<Points>,
    /// Blockers that are not done, cancelled or deleted.
    pub open_blockers: u32,
    /// Unique together with `source` in the project.
    pub external_id: Option<ExternalId>,
    pub source: Option<Source>,
    pub external_key: Option<ExternalKey>,
    /// First entry into a state of category `in_progress`.
    pub started_at: Option<Timestamp>,
    /// Last entry into `done` or `cancelled`; null while the task is open.
    pub completed_at: Option<Timestamp>,
    pub imported_at: Option<Timestamp>,
    /// `updatedAt` of the tracker it was imported from.
    pub source_updated_at: Option<Timestamp>,
    pub version: u64,
    pub created_at: Timestamp,
    pub created_by: ActorId,
    pub updated_at: Timestamp,
    pub updated_by: ActorId,
    pub deleted_at: Option<Timestamp>,
}

/// A task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
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
    "parentId": null,
    "rank": "0mi3c4g5h0001i",
    "startDate": null,
    "dueDate": "2026-12-01",
    "estimateSeconds": 14400,
    "points": 3,
    "openBlockers": 0,
    "externalId": null,
    "source": null,
    "externalKey": null,
    "startedAt": null,
    "completedAt": null,
    "importedAt": null,
    "sourceUpdatedAt": null,
    "version": 1,
    "createdAt": "2026-11-23T01:04:58.000Z",
    "createdBy": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "updatedAt": "2026-11-23T01:04:58.000Z",
    "updatedBy": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "deletedAt": null,
    "description": "With Google, and a way back.",
    "acceptanceCriteria": [{ "text": "Works without cookies of others", "met": false }],
    "blockedReason": null,
    "externalUrl": null,
    "relations": {
        "blocks": [], "blockedBy": [], "relatesTo": [], "duplicates": [], "duplicateOf": null
    },
}))]
pub struct Task {
    #[serde(flatten)]
    pub summary: TaskSummary,
    pub description: TaskDescription,
    pub acceptance_criteria: AcceptanceCriteria,
    pub blocked_reason: Option<BlockedReason>,
    pub external_url: Option<HttpUrl>,
    #[schema(value_type = RelationsView)]
    pub relations: Relations,
    #[serde(skip)]
    #[schema(ignore)]
    pub parts: Parts,
}

/// The versions in which the parts of a task changed last that are stored beside its head: both
/// name them, so that a read between two halves of a write is noticed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Description and criteria.
    pub body_version: u64,
    /// 0 before the first relation.
    pub relations_version: u64,
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
    pub estimate_seconds: Option<EstimateSeconds>,
    pub points: Option<Points>,
    pub acceptance_criteria: AcceptanceCriteria,
    pub parent_id: Option<TaskId>,
    pub external_id: Option<ExternalId>,
    pub source: Option<Source>,
    pub external_key: Option<ExternalKey>,
    pub external_url: Option<HttpUrl>,
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
    pub estimate_seconds: Patch<EstimateSeconds>,
    pub points: Patch<Points>,
    pub acceptance_criteria: Patch<AcceptanceCriteria>,
    pub parent_id: Patch<TaskId>,
    pub external_id: Patch<ExternalId>,
    pub source: Patch<Source>,
    pub external_key: Patch<ExternalKey>,
    pub external_url: Patch<HttpUrl>,
}

/// A wanted change of state.
#[derive(Clone, Debug)]
pub struct Transition {
    pub to: TaskState,
    pub reason: Option<BlockedReason>,
    /// Overrides blockers, open subtasks and unmet criteria, never the review.
    pub force: Force,
}
