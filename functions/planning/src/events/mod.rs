//! The events planning emits, and what it makes of those it consumes.

mod data;

use millwright_event::{Event, EventType};
use millwright_http::access_denied_event;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

pub use self::data::*;

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
