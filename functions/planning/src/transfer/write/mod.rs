//! Tasks to bytes.

mod csv;
mod native;

use millwright_core::{Date, HttpUrl, Labels, Markdown, Result, TaskId, Timestamp};
use serde::Serialize;

pub use self::{
    csv::CsvColumns,
    native::{write_comments, write_history, write_task},
};
use super::{ExternalReference, ExternalRelations, PersonName};
use crate::{
    domain::{
        AcceptanceCriterion, ActorId, Assignee, BlockedReason, EstimateSeconds, ExternalId,
        ExternalKey, Points, Priority, Rank, Source, Task, TaskDescription, TaskState, TaskType,
        Title,
    },
    store::HistoryEntry,
};

/// How a task is called in an export: by its id in its source, or by its own id here. So no two
/// tasks of an export have the same name, whatever sources they came from, and a later export of
/// the same project names them alike.
///
/// # Errors
/// None: an id is a line.
pub fn export_identity(
    id: TaskId,
    source: Option<Source>,
    external_id: Option<ExternalId>,
) -> Result<ExternalReference> {
    Ok(match (source, external_id) {
        (Some(source), Some(external_id)) => {
            ExternalReference { source: Some(source), external_id }
        }
        _ => ExternalReference { source: None, external_id: id.to_string().parse()? },
    })
}

/// What of a task points to others, named by [`export_identity`].
#[derive(Clone, Debug, Default)]
pub struct ExportLinks {
    pub parent: Option<ExternalReference>,
    /// `blocked_by` stays empty: the other end says it.
    pub relations: ExternalRelations,
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
    pub external_key: Option<ExternalKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_url: Option<HttpUrl>,
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
    pub estimate_seconds: Option<EstimateSeconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub points: Option<Points>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub acceptance_criteria: Vec<AcceptanceCriterion>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked_reason: Option<BlockedReason>,
    pub rank: Rank,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<ExternalReference>,
    #[serde(skip_serializing_if = "ExternalRelations::is_empty")]
    pub relations: ExternalRelations,
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
    pub author_name: Option<PersonName>,
    pub body: Markdown<1, 16_000>,
    pub created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Timestamp>,
}

impl ExportTask {
    /// The task without comments and history.
    ///
    /// # Errors
    /// None: see [`export_identity`].
    pub fn of(task: Task, links: ExportLinks) -> Result<ExportTask> {
        let summary = task.summary;
        let identity = export_identity(summary.id, summary.source, summary.external_id)?;
        Ok(ExportTask {
            key: summary.key,
            source: identity.source,
            external_id: identity.external_id,
            external_key: summary.external_key,
            external_url: task.external_url,
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
        })
    }

    /// How other tasks of the export refer to it.
    pub fn identity(&self) -> ExternalReference {
        ExternalReference { source: self.source.clone(), external_id: self.external_id.clone() }
    }
}
