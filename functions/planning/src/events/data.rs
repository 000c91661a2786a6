//! What events tell.

use millwright_core::{Labels, ProjectId, TaskId, TeamId};
use millwright_job::JobSummary;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    domain::{
        Assignee, EstimateSeconds, JobId, JobKind, JobProgress, Points, Project, ProjectKey,
        ProjectName, RelationKind, StateCategory, Task, TaskState, TaskSummary, TaskType,
        Visibility,
    },
    job::PlanningJobs,
    store::{Comment, FieldChange, Subject},
};

/// A changed field: from and to for enums, ids, dates and numbers, the name alone for texts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventChange {
    pub field: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub from: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub to: Option<Value>,
}

/// Fields whose values stay out of events.
const TEXTS: [&str; 8] = [
    "title",
    "name",
    "description",
    "blockedReason",
    "acceptanceCriteria",
    "labels",
    "externalKey",
    "externalUrl",
];

impl EventChange {
    pub fn of(changes: &[FieldChange]) -> Vec<EventChange> {
        changes
            .iter()
            .map(|change| {
                let is_text = TEXTS.contains(&change.field.as_str());
                EventChange {
                    field: change.field.clone(),
                    from: (!is_text).then(|| change.from.clone()),
                    to: (!is_text).then(|| change.to.clone()),
                }
            })
            .collect()
    }
}

/// What happened to a project.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProjectData {
    pub project_id: ProjectId,
    pub version: u64,
    pub key: ProjectKey,
    pub name: ProjectName,
    pub team_id: Option<TeamId>,
    pub visibility: Visibility,
    pub changes: Vec<EventChange>,
}

impl ProjectData {
    pub fn of(project: &Project, changes: &[FieldChange]) -> ProjectData {
        let summary = &project.summary;
        ProjectData {
            project_id: summary.id,
            version: summary.version,
            key: summary.key.clone(),
            name: summary.name.clone(),
            team_id: summary.team_id,
            visibility: summary.visibility,
            changes: EventChange::of(changes),
        }
    }
}

/// What happened to a task.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskData {
    pub project_id: ProjectId,
    pub task_id: TaskId,
    pub version: u64,
    pub key: String,
    #[serde(rename = "type")]
    pub kind: TaskType,
    pub state: TaskState,
    pub state_category: StateCategory,
    pub assignee_id: Option<Assignee>,
    pub parent_id: Option<TaskId>,
    #[schema(value_type = Vec<String>)]
    pub labels: Labels,
    pub changes: Vec<EventChange>,
    /// It came with an import.
    #[serde(default)]
    pub imported: bool,
}

impl TaskData {
    pub fn of(task: &Task, changes: &[FieldChange], imported: bool) -> TaskData {
        let summary = &task.summary;
        TaskData {
            project_id: summary.project_id,
            task_id: summary.id,
            version: summary.version,
            key: summary.key.clone(),
            kind: summary.kind,
            state: summary.state,
            state_category: summary.state_category,
            assignee_id: summary.assignee_id,
            parent_id: summary.parent_id,
            labels: summary.labels.clone(),
            changes: EventChange::of(changes),
            imported,
        }
    }
}

/// A task went from one state to another.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskTransitioned {
    pub project_id: ProjectId,
    pub task_id: TaskId,
    pub version: u64,
    pub key: String,
    pub from: TaskState,
    pub to: TaskState,
    pub from_category: StateCategory,
    pub to_category: StateCategory,
    /// A guard was overridden.
    pub forced: bool,
    pub assignee_id: Option<Assignee>,
    pub points: Option<u32>,
    pub estimate_seconds: Option<u32>,
    /// It came with an import.
    #[serde(default)]
    pub imported: bool,
}

impl TaskTransitioned {
    pub fn between(before: &Task, after: &Task, forced: bool, imported: bool) -> TaskTransitioned {
        let summary = &after.summary;
        TaskTransitioned {
            project_id: summary.project_id,
            task_id: summary.id,
            version: summary.version,
            key: summary.key.clone(),
            from: before.summary.state,
            to: summary.state,
            from_category: before.summary.state_category,
            to_category: summary.state_category,
            forced,
            assignee_id: summary.assignee_id,
            points: summary.points.map(Points::get),
            estimate_seconds: summary.estimate_seconds.map(EstimateSeconds::get),
            imported,
        }
    }
}

/// A task was given to somebody else, or to nobody.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskAssigned {
    pub project_id: ProjectId,
    pub task_id: TaskId,
    pub version: u64,
    pub key: String,
    pub from: Option<Assignee>,
    pub to: Option<Assignee>,
}

impl TaskAssigned {
    pub fn between(before: &TaskSummary, after: &TaskSummary) -> TaskAssigned {
        TaskAssigned {
            project_id: after.project_id,
            task_id: after.id,
            version: after.version,
            key: after.key.clone(),
            from: before.assignee_id,
            to: after.assignee_id,
        }
    }
}

/// No task that has to be done before this one is open any more.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskReady {
    pub project_id: ProjectId,
    pub task_id: TaskId,
    pub version: u64,
    pub key: String,
    pub assignee_id: Option<Assignee>,
}

impl TaskReady {
    pub fn of(task: &TaskSummary) -> TaskReady {
        TaskReady {
            project_id: task.project_id,
            task_id: task.id,
            version: task.version,
            key: task.key.clone(),
            assignee_id: task.assignee_id,
        }
    }
}

/// Two tasks came into a relation, or left it. Told once, from its active end.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RelationData {
    /// Project of the task the relation begins at.
    pub project_id: ProjectId,
    /// The version this change gives that task.
    pub version: u64,
    /// `blocks`, `relates_to` or `duplicate_of`.
    #[serde(rename = "type")]
    pub kind: RelationKind,
    pub from_id: TaskId,
    pub to_id: TaskId,
}

/// What happened to a comment; never its words.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommentData {
    pub project_id: ProjectId,
    pub version: u64,
    pub comment_id: String,
    /// `task`.
    pub subject_noun: String,
    pub subject_id: String,
    #[schema(value_type = Vec<String>)]
    pub mentions: Vec<millwright_core::UserId>,
    /// Null for an imported comment whose author is nobody we know.
    pub author_id: Option<String>,
}

impl CommentData {
    pub fn of(comment: &Comment, subject: Subject, project_id: ProjectId) -> CommentData {
        let subject_noun = match subject {
            Subject::Project(_) => "project",
            Subject::Task(_) => "task",
        };
        CommentData {
            project_id,
            version: comment.version,
            comment_id: comment.id.to_string(),
            subject_noun: subject_noun.to_owned(),
            subject_id: comment.subject_id.clone(),
            mentions: comment.mentions.clone(),
            author_id: comment.author_id.clone(),
        }
    }
}

/// A job ended.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobData {
    pub project_id: ProjectId,
    pub version: u64,
    pub job_id: JobId,
    pub kind: JobKind,
    pub subject_id: String,
    pub progress: JobProgress,
    /// Why it failed.
    pub problem_code: Option<String>,
}

impl JobData {
    pub fn of(job: &JobSummary<PlanningJobs>) -> JobData {
        JobData {
            project_id: job.details.project_id,
            version: job.version,
            job_id: job.id,
            kind: job.kind,
            subject_id: job.details.subject_id.clone(),
            progress: job.details.progress,
            problem_code: job.problem.as_ref().map(|problem| problem.code.clone()),
        }
    }
}
