//! The events planning emits, and what it makes of those it consumes.

mod data;

use millwright_http::access_denied_event;
use serde_json::{Value, json};

pub use self::data::*;

const PROJECT: &str = "prj_01jdz7xk2nf5h9vq3w8c6m4t0b";
const TASK: &str = "task_01jdz7xk2nf5h9vq3w8c6m4t0b";
const USER: &str = "usr_01jdz7xk2nf5h9vq3w8c6m4t0b";

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

millwright_event::events! {
    service: "planning";
    further: [access_denied_event("planning.access.denied", "planning")];

    /// A project was created.
    ProjectCreated(ProjectData) = "planning.project.created", about project_id, project_example();
    /// A project was changed.
    ProjectUpdated(ProjectData) = "planning.project.updated", about project_id, project_example();
    /// A project became read-only.
    ProjectArchived(ProjectData) = "planning.project.archived", about project_id, project_example();
    /// A project can be worked in again.
    ProjectUnarchived(ProjectData) = "planning.project.unarchived", about project_id, project_example();
    /// A project was deleted; it can be restored for 30 days.
    ProjectDeleted(ProjectData) = "planning.project.deleted", about project_id, project_example();
    /// A deleted project came back, archived.
    ProjectRestored(ProjectData) = "planning.project.restored", about project_id, project_example();
    /// A task was created.
    TaskCreated(TaskData) = "planning.task.created", about task_id, task_example();
    /// A task was changed, but for its state.
    TaskUpdated(TaskData) = "planning.task.updated", about task_id, task_example();
    /// A task went from one state to another.
    TaskStateChanged(TaskTransitioned) = "planning.task.transitioned", about task_id, json!({
        "projectId": PROJECT, "taskId": TASK, "version": 2, "key": "WEB-1", "from": "to_do",
        "to": "in_progress", "fromCategory": "to_do", "toCategory": "in_progress",
        "forced": false, "assigneeId": USER, "points": 3, "estimateSeconds": 14400,
        "imported": false,
    });
    /// A task was given to somebody else, or to nobody.
    TaskAssignmentChanged(TaskAssigned) = "planning.task.assigned", about task_id, json!({
        "projectId": PROJECT, "taskId": TASK, "version": 2, "key": "WEB-1", "from": null, "to": USER,
    });
    /// Nothing blocks a task any more.
    TaskUnblocked(TaskReady) = "planning.task.unblocked", about task_id, json!({
        "projectId": PROJECT, "taskId": TASK, "version": 2, "key": "WEB-1", "assigneeId": null,
    });
    /// Two tasks came into a relation.
    RelationAdded(RelationData) = "planning.task.relation_added", about from_id, relation_example();
    /// Two tasks left a relation.
    RelationRemoved(RelationData) = "planning.task.relation_removed", about from_id, relation_example();
    /// A task was deleted; it can be restored for 30 days.
    TaskDeleted(TaskData) = "planning.task.deleted", about task_id, task_example();
    /// A deleted task came back.
    TaskRestored(TaskData) = "planning.task.restored", about task_id, task_example();
    /// Somebody commented.
    CommentCreated(CommentData) = "planning.comment.created", about comment_id, comment_example();
    /// An author changed a comment.
    CommentUpdated(CommentData) = "planning.comment.updated", about comment_id, comment_example();
    /// A comment was deleted.
    CommentDeleted(CommentData) = "planning.comment.deleted", about comment_id, comment_example();
    /// A job did all it was asked for; some of its rows may have failed.
    JobCompleted(JobData) = "planning.job.completed", about job_id, job_example(false);
    /// A job could not go on.
    JobFailed(JobData) = "planning.job.failed", about job_id, job_example(true);
    /// Somebody cancelled a job; what was done stays.
    JobCancelled(JobData) = "planning.job.cancelled", about job_id, job_example(false);
}
