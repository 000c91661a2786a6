//! The rules of planning: pure types and functions. No I/O, no AWS, no clock, no randomness.

mod assignee;
mod criteria;
mod job;
mod key;
mod project;
mod rank;
mod relation;
mod state;
mod subtasks;
mod task;
mod upload;

pub use assignee::{AgentId, Assignee};
pub use criteria::{AcceptanceCriteria, AcceptanceCriterion};
pub use job::{
    Job, JobDetails, JobExtra, JobFault, JobId, JobKind, JobNoun, JobProblem, JobProgress, JobRow,
    JobStatus, JobSummary, MAX_JOBS, RowStatus, RowWarning,
};
pub use key::{ItemKey, ProjectKey, ProjectReference, TaskReference};
pub use millwright_files::Sha256;
pub use project::{
    Project, ProjectName, ProjectPatch, ProjectSettings, ProjectStatus, ProjectSummary, Visibility,
};
pub use rank::Rank;
pub use relation::{Edge, RelationKind, RelationPath, Relations, RelationsView};
pub use state::{StateCategory, TaskState};
pub use subtasks::{Forest, Heights, MAX_DEPTH, MAX_SUBTASKS};
pub use task::{
    ActorId, BlockedReason, EstimateSeconds, ExternalId, ExternalKey, Force, NewTask, Parts,
    Points, Priority, Source, Stamp, Task, TaskPatch, TaskSummary, TaskType, Title, Transition,
};
pub use upload::{FileName, MAX_UPLOAD_BYTES, MediaType, Upload, UploadId};

/// Markdown of a project's description.
pub type ProjectDescription = millwright_core::Markdown<0, 10_000>;

/// Markdown of a task's description.
pub type TaskDescription = millwright_core::Markdown<0, 64_000>;
