//! The events planning emits, and what it makes of those it consumes.

use millwright_core::{Labels, ProjectId, TaskId, TeamId};
use millwright_event::{Event, EventType};
use millwright_http::access_denied_event;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::{
    domain::{
        Assignee, EstimateSeconds, JobId, JobKind, JobProgress, JobSummary, Points, Project,
        ProjectKey, ProjectName, RelationKind, StateCategory, Task, TaskState, TaskSummary,
        TaskType, Visibility,
    },
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
    pub fn of(job: &JobSummary) -> JobData {
        JobData {
            project_id: job.project_id,
            version: job.version,
            job_id: job.id,
            kind: job.kind,
            subject_id: job.subject_id.clone(),
            progress: job.progress,
            problem_code: job.problem.as_ref().map(|problem| problem.code.clone()),
        }
    }
}

/// To planning-jobs, not to the bus: the slice of a job that is to be done next.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobSlice {
    pub job_id: JobId,
    /// From 1 on.
    pub slice: u64,
}

impl Event for JobSlice {
    const TYPE: &'static str = "planning.job.slice_due";
    const SERVICE: &'static str = "planning";

    fn subject(&self) -> String {
        self.job_id.to_string()
    }

    fn example() -> Self {
        JobSlice { job_id: JobId::from_uuid(uuid::Uuid::nil()), slice: 1 }
    }
}

const PROJECT: &str = "prj_01jdz7xk2nf5h9vq3w8c6m4t0b";
const TASK: &str = "task_01jdz7xk2nf5h9vq3w8c6m4t0b";
const USER: &str = "usr_01jdz7xk2nf5h9vq3w8c6m4t0b";

/// An event whose data is `$data`, with an example of it.
macro_rules! events {
    ($($(#[$doc:meta])* $name:ident($data:ty) = $kind:literal, $subject:ident, $example:expr;)+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
            #[serde(transparent)]
            pub struct $name(pub $data);

            impl Event for $name {
                const TYPE: &'static str = $kind;
                const SERVICE: &'static str = "planning";

                fn subject(&self) -> String {
                    self.0.$subject.to_string()
                }

                fn example() -> Self {
                    let example: Value = $example;
                    // A test reads every example: one that does not fit never leaves the tree.
                    match serde_json::from_value(example) {
                        Ok(example) => example,
                        Err(error) => unreachable!("{}: {error}", $kind),
                    }
                }
            }
        )+

        /// Every event planning emits.
        pub const EVENTS: &[EventType] = &[
            $(EventType::of::<$name>(),)+
            access_denied_event("planning.access.denied", "planning"),
        ];
    };
}

fn project_example() -> Value {
    json!({
        "projectId": PROJECT, "version": 2, "key": "WEB", "name": "Web console", "teamId": null,
        "visibility": "organization",
        "changes": [{ "field": "leadId", "from": null, "to": USER }],
    })
}

fn task_example() -> Value {
    json!({
        "projectId": PROJECT, "taskId": TASK, "version": 2, "key": "WEB-1", "type": "feature",
        "state": "to_do", "stateCategory": "to_do", "assigneeId": null, "parentId": null,
        "labels": ["ui"], "imported": false,
        "changes": [{ "field": "priority", "from": "medium", "to": "high" }],
    })
}

fn relation_example() -> Value {
    json!({
        "projectId": PROJECT, "version": 2, "type": "blocks", "fromId": TASK,
        "toId": "task_01jdz7xk2nf5h9vq3w8c6m4t0c",
    })
}

fn job_example(failed: bool) -> Value {
    json!({
        "projectId": PROJECT, "version": 7, "jobId": "pjob_01jdz7xk2nf5h9vq3w8c6m4t0b",
        "kind": "task_import", "subjectId": PROJECT,
        "progress": {
            "total": 120, "processed": 120, "created": 118, "updated": 0, "unchanged": 0,
            "skipped": 0, "failed": 2,
        },
        "problemCode": failed.then_some("upload_missing"),
    })
}

fn comment_example() -> Value {
    json!({
        "projectId": PROJECT, "version": 1, "commentId": "cmt_01jdz7xk2nf5h9vq3w8c6m4t0b",
        "subjectNoun": "task", "subjectId": TASK, "mentions": [USER], "authorId": USER,
    })
}

events! {
    /// A project was created.
    ProjectCreated(ProjectData) = "planning.project.created", project_id, project_example();
    /// A project was changed.
    ProjectUpdated(ProjectData) = "planning.project.updated", project_id, project_example();
    /// A project became read-only.
    ProjectArchived(ProjectData) = "planning.project.archived", project_id, project_example();
    /// A project can be worked in again.
    ProjectUnarchived(ProjectData) = "planning.project.unarchived", project_id, project_example();
    /// A project was deleted; it can be restored for 30 days.
    ProjectDeleted(ProjectData) = "planning.project.deleted", project_id, project_example();
    /// A deleted project came back, archived.
    ProjectRestored(ProjectData) = "planning.project.restored", project_id, project_example();
    /// A task was created.
    TaskCreated(TaskData) = "planning.task.created", task_id, task_example();
    /// A task was changed, but for its state.
    TaskUpdated(TaskData) = "planning.task.updated", task_id, task_example();
    /// A task went from one state to another.
    TaskStateChanged(TaskTransitioned) = "planning.task.transitioned", task_id, json!({
        "projectId": PROJECT, "taskId": TASK, "version": 2, "key": "WEB-1", "from": "to_do",
        "to": "in_progress", "fromCategory": "to_do", "toCategory": "in_progress",
        "forced": false, "assigneeId": USER, "points": 3, "estimateSeconds": 14400,
        "imported": false,
    });
    /// A task was given to somebody else, or to nobody.
    TaskAssignmentChanged(TaskAssigned) = "planning.task.assigned", task_id, json!({
        "projectId": PROJECT, "taskId": TASK, "version": 2, "key": "WEB-1", "from": null, "to": USER,
    });
    /// Nothing blocks a task any more.
    TaskUnblocked(TaskReady) = "planning.task.unblocked", task_id, json!({
        "projectId": PROJECT, "taskId": TASK, "version": 2, "key": "WEB-1", "assigneeId": null,
    });
    /// Two tasks came into a relation.
    RelationAdded(RelationData) = "planning.task.relation_added", from_id, relation_example();
    /// Two tasks left a relation.
    RelationRemoved(RelationData) = "planning.task.relation_removed", from_id, relation_example();
    /// A task was deleted; it can be restored for 30 days.
    TaskDeleted(TaskData) = "planning.task.deleted", task_id, task_example();
    /// A deleted task came back.
    TaskRestored(TaskData) = "planning.task.restored", task_id, task_example();
    /// Somebody commented.
    CommentCreated(CommentData) = "planning.comment.created", comment_id, comment_example();
    /// An author changed a comment.
    CommentUpdated(CommentData) = "planning.comment.updated", comment_id, comment_example();
    /// A comment was deleted.
    CommentDeleted(CommentData) = "planning.comment.deleted", comment_id, comment_example();
    /// A job did all it was asked for; some of its rows may have failed.
    JobCompleted(JobData) = "planning.job.completed", job_id, job_example(false);
    /// A job could not go on.
    JobFailed(JobData) = "planning.job.failed", job_id, job_example(true);
    /// Somebody cancelled a job; what was done stays.
    JobCancelled(JobData) = "planning.job.cancelled", job_id, job_example(false);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_has_an_example_that_can_be_read() {
        for event in EVENTS {
            let (data, subject) = (event.example)();
            assert!(data.is_object() && !subject.is_empty(), "{event:?}");
        }
    }
}
