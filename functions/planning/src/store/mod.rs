//! What planning stores, and where: the only module that names DynamoDB.
//!
//! O = `ORG#<organization>`, P = `O#PRJ#<project>`, T = `O#TASK#<task>`.
//!
//! | pattern | key condition | index |
//! |---|---|---|
//! | project with description | pk P, sk begins with `HEAD` | - |
//! | last number given, archived flag | pk P, sk `COUNTER` | - |
//! | counts of the summary | pk P, sk `SUMMARY` | - |
//! | history of a project | pk P, sk begins with `HIST#`, descending | - |
//! | project key and name, each once | pk `O#UNIQ`, sk `PKEY#<key>`, `PNAME#<folded name>` | - |
//! | how many projects | pk `O#COUNT`, sk `PROJECTS`, `TEAM#<team>` | - |
//! | projects by name of a status | pk `O#PRJS#<status>`, sk `<folded name>#<id>` | gsi1 |
//! | projects by name of a team | pk `O#PRJS#TEAM#<team>`, sk `<folded name>#<id>` | gsi2 |
//! | task with body and relations | pk T, sk begins with `HEAD` | - |
//! | relations of many tasks, to walk the graph | pk T, sk `HEAD#REL` | - |
//! | version of the graph of a project | pk P, sk `GRAPH` | - |
//! | how many subtasks, open ones, how high | pk T, sk `SUBTASKS` | - |
//! | watchers of a task | pk T, sk `WATCHERS` | - |
//! | comments of a task | pk T, sk begins with `CMT#` | - |
//! | deleted comments, for a repeated DELETE | pk T, sk `GONE#<comment>` | - |
//! | how many comments | pk T, sk `COMMENTS` | - |
//! | history of a task | pk T, sk begins with `HIST#`, descending | - |
//! | key to task | pk `O#KEY#<PROJECTKEY>`, sk `<number, 10 digits>` | - |
//! | tasks of a project by number | pk `P#TASK`, sk `<number, 10 digits>` | gsi1 |
//! | a board column | pk `P#TASK#<state>`, sk `<rank>#<id>` | gsi2 |
//! | tasks by last change | pk `P#TASK#U`, sk `<updatedAt>#<id>` | gsi4 |
//! | tasks of an assignee | pk `O#WHO#<id>#TASK`, sk `<0 open, 1 closed>#<priority>#<due>#<id>` | gsi3 |
//! | subtasks of a task | pk `O#LINK#<parent>`, sk `<rank>#<id>`, then heads | - |
//! | tasks with a label | pk `P#LABEL#<label>`, sk `<number, 10 digits>`, then heads | - |
//! | task of an external id | pk `P#EXT#<source>`, sk `<external id>` | - |
//! | what is due for purge | pk `DUE#<date>`, sk `task#<id>`, `project#<id>` (global) | - |
//! | upload | pk `O#UPL#<upload>`, sk `HEAD` | - |
//! | job | pk `O#JOB#<job>`, sk `HEAD`; while it is not over also `REQUEST`, `CHECKPOINT` | - |
//! | what became of its rows, an item per transaction | same pk, sk `ROWS#<first row, 7 digits>` | - |
//! | jobs of a project, newest first | pk `P#JOB`, sk `<created at>#<id>` | gsi1 |
//! | jobs of the organization, newest first | pk `O#JOB`, sk `<created at>#<id>` | gsi2 |
//! | jobs queued or running, of a kind and of a project | pk `O#COUNT`, sk `JOBS#<kind>`; pk P, sk `JOBS` | - |
//!
//! Outbox, inbox, idempotency records and denial marks are those of the shared crates. The largest
//! transaction of stage 1a is project_create with ten items.

mod comment;
mod due;
mod graph;
mod history;
mod job;
mod link;
mod project;
mod subtasks;
mod summary;
mod task;
mod upload;
mod watchers;

pub use comment::{Comment, CommentCount, CommentId, CommentItem, CommentTombstone, MAX_COMMENTS};
pub use due::{DuePurge, Purged, RESTORABLE};
pub use graph::GraphVersion;
pub use history::{FieldChange, HistoryEntry, HistoryItem, Subject};
pub use job::{JobHead, JobRows, RESULTS, RunningJobs, job_partition, jobs_of_project, result_key};
pub use link::{ExternalIdMarker, TaskLink, relink, subtasks_of, tasks_with_label};
pub use project::{
    Counter, MAX_PROJECTS_PER_ORGANIZATION, MAX_PROJECTS_PER_TEAM, ProjectBody, ProjectCounts,
    ProjectHead, ProjectKeyMarker, ProjectNameMarker, project_partition, projects_of_status,
    projects_of_team,
};
pub use subtasks::{
    SubtaskChanges, SubtaskCounts, close_to_subtasks, open_to_subtasks, require_no_open_subtask,
};
pub use summary::{SummaryCounts, summary_key};
pub use task::{
    TaskBody, TaskHead, TaskKeyMarker, TaskRelations, assigned_prefix, keys_of_project,
    task_partition, tasks_by_number, tasks_by_update, tasks_of_assignee, tasks_of_state,
};
pub use upload::{UPLOADS, UploadItem, upload_key};
pub use watchers::{MAX_WATCHERS, Watchers};

use millwright_core::Tenant;
use millwright_store::{Key, Partition};

/// Where an item would go whose place is not among its fields. Only a decoded one has lost its
/// place, and nobody writes one back.
fn unplaced(tenant: &Tenant) -> Key {
    Partition::of(tenant).at("UNPLACED")
}
