//! Tasks to bytes.

mod csv;
mod native;

use millwright_core::{Date, Labels, Line, Markdown, TaskId, Timestamp};
use serde::Serialize;

pub use self::{
    csv::CsvColumns,
    native::{write_comments, write_history, write_task},
};
use super::{ExternalId, ExternalReference, ExternalUrl, Relations, Source};
use crate::{
    domain::{
        AcceptanceCriterion, ActorId, Assignee, BlockedReason, Priority, Rank, Task,
        TaskDescription, TaskState, TaskType, Title,
    },
    store::HistoryEntry,
};

/// How a task is called in an export: by its id in its source, or by its own id here. So no two
/// tasks of an export have the same name, whatever sources they came from, and a later export of
/// the same project names them alike.
pub fn export_identity(id: TaskId, external: Option<(Source, ExternalId)>) -> ExternalReference {
    match external {
        Some((source, external_id)) => ExternalReference { source: Some(source), external_id },
        None => ExternalReference { source: None, external_id: id.into() },
    }
}

/// What of a task points out of it, named by [`export_identity`].
#[derive(Clone, Debug)]
pub struct ExportLinks {
    pub identity: ExternalReference,
    pub external_key: Option<Line<1, 200>>,
    pub external_url: Option<ExternalUrl>,
    pub parent: Option<ExternalReference>,
    /// `blocked_by` stays empty: the other end says it.
    pub relations: Relations,
}

/// A task as an export has it; as JSON, the native format.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExportTask {
    /// For people; not imported.
    pub key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    pub external_id: ExternalId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_key: Option<Line<1, 200>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_url: Option<ExternalUrl>,
    pub title: Title,
    pub description: TaskDescription,
    #[serde(rename = "type")]
    pub kind: TaskType,
    pub state: TaskState,
    pub priority: Priority,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignee_id: Option<Assignee>,
    pub reporter_id: ActorId,
    pub labels: Labels,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_date: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_date: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimate_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub points: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub acceptance_criteria: Vec<AcceptanceCriterion>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked_reason: Option<BlockedReason>,
    pub rank: Rank,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<ExternalReference>,
    #[serde(skip_serializing_if = "Relations::is_empty")]
    pub relations: Relations,
    /// Oldest first; empty if not included.
    #[serde(skip)]
    pub comments: Vec<ExportComment>,
    /// Empty if not included.
    #[serde(skip)]
    pub history: Vec<HistoryEntry>,
}

/// A comment as an export has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExportComment {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author_id: Option<ActorId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author_name: Option<String>,
    pub body: Markdown<1, 16_000>,
    pub created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Timestamp>,
}

impl ExportTask {
    /// The task without comments and history.
    pub fn of(task: Task, links: ExportLinks) -> ExportTask {
        let summary = task.summary;
        ExportTask {
            key: summary.key,
            source: links.identity.source,
            external_id: links.identity.external_id,
            external_key: links.external_key,
            external_url: links.external_url,
            title: summary.title,
            description: task.description,
            kind: summary.kind,
            state: summary.state,
            priority: summary.priority,
            assignee_id: summary.assignee_id,
            reporter_id: summary.reporter_id,
            labels: summary.labels,
            created_at: summary.created_at,
            updated_at: summary.updated_at,
            started_at: summary.started_at,
            completed_at: summary.completed_at,
            start_date: summary.start_date,
            due_date: summary.due_date,
            estimate_seconds: summary.estimate_seconds,
            points: summary.points,
            acceptance_criteria: task.acceptance_criteria.0,
            blocked_reason: task.blocked_reason,
            rank: summary.rank,
            parent_id: links.parent,
            relations: links.relations,
            comments: Vec::new(),
            history: Vec::new(),
        }
    }

    /// How other tasks of the export refer to it.
    pub fn identity(&self) -> ExternalReference {
        ExternalReference { source: self.source.clone(), external_id: self.external_id.clone() }
    }
}
