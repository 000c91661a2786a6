//! A row of an import: a task in domain types, or why it is none.

use millwright_core::{Date, HttpUrl, Labels, Markdown, Timestamp, wire_enum};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ExternalReference, Person};
use crate::domain::{
    AcceptanceCriteria, BlockedReason, EstimateSeconds, ExternalId, ExternalKey, Points, Priority,
    Rank, Source, TaskDescription, TaskState, TaskType, Title,
};

/// One row of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// From 1 on, in file order; the header of a CSV file and blank lines do not count.
    pub number: u32,
    /// The line it begins at, from 1 on.
    pub line: u32,
    /// Of a task, and of a failed row as far as it says so.
    pub external_id: Option<ExternalId>,
    pub outcome: Outcome,
    pub warnings: Warnings,
}

/// What a row turned out to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Task(Box<ImportRow>),
    /// Native: further comments of a task.
    Comments(CommentsRow),
    /// Not asked for; says why.
    Skipped(&'static str),
    Failed(RowProblem),
}

/// A task as the file has it.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportRow {
    /// Native: the source of this row instead of the import's.
    pub source: Option<Source>,
    /// The file's, or SHA-256 of title and time of creation.
    pub external_id: ExternalId,
    pub external_key: Option<ExternalKey>,
    pub external_url: Option<HttpUrl>,
    pub title: Title,
    pub description: TaskDescription,
    pub kind: TaskType,
    pub state: TaskState,
    pub priority: Priority,
    pub assignee: Option<Person>,
    /// Who reported it.
    pub author: Option<Person>,
    pub labels: Labels,
    pub created_at: Option<Timestamp>,
    pub updated_at: Option<Timestamp>,
    pub started_at: Option<Timestamp>,
    /// Always there for a closed task, never for an open one.
    pub completed_at: Option<Timestamp>,
    /// Not after `due_date`.
    pub start_date: Option<Date>,
    pub due_date: Option<Date>,
    pub estimate_seconds: Option<EstimateSeconds>,
    pub points: Option<Points>,
    pub acceptance_criteria: AcceptanceCriteria,
    /// Only of a blocked task.
    pub blocked_reason: Option<BlockedReason>,
    pub rank: Option<Rank>,
    pub parent: Option<ExternalReference>,
    pub relations: ExternalRelations,
    pub comments: Vec<ImportComment>,
}

impl ImportRow {
    /// How the task is called in the import's source or its own.
    pub fn reference(&self) -> ExternalReference {
        ExternalReference { source: self.source.clone(), external_id: self.external_id.clone() }
    }
}

/// The edges of a row. Targets may be later rows, tasks of earlier imports, or nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExternalRelations {
    /// At most 40.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub blocks: Vec<ExternalReference>,
    /// At most 40.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub blocked_by: Vec<ExternalReference>,
    /// At most 50.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub relates_to: Vec<ExternalReference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicate_of: Option<ExternalReference>,
}

impl ExternalRelations {
    pub fn is_empty(&self) -> bool {
        self == &ExternalRelations::default()
    }
}

/// A comment of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportComment {
    /// Its place among the comments of its task, from 0 on; the same in every reading.
    pub position: u32,
    /// None if the file does not say.
    pub author: Option<Person>,
    pub body: Markdown<1, 16_000>,
    /// Its own, else that of the task, else the moment of the import.
    pub created_at: Timestamp,
    pub edited_at: Option<Timestamp>,
}

/// Further comments of a task that an earlier row or import brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommentsRow {
    pub task: ExternalReference,
    pub comments: Vec<ImportComment>,
}

wire_enum! {
    /// Why a row is not imported.
    pub enum RowProblemCode {
        InvalidRequest = "invalid_request",
        InvalidTime = "invalid_time",
        TooLarge = "too_large",
        DuplicateExternalId = "duplicate_external_id",
    }
}

/// Why a row is not imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RowProblem {
    pub code: RowProblemCode,
    pub detail: String,
}

impl RowProblem {
    pub(super) fn new(code: RowProblemCode, detail: impl Into<String>) -> RowProblem {
        RowProblem { code, detail: detail.into() }
    }

    pub(super) fn invalid(detail: impl Into<String>) -> RowProblem {
        RowProblem::new(RowProblemCode::InvalidRequest, detail)
    }
}

wire_enum! {
    /// What an import changed, left out or assumed.
    pub enum WarningCode {
        TitleCut = "title_cut",
        TextCut = "text_cut",
        ControlCharacters = "control_characters",
        LabelChanged = "label_changed",
        LabelsDropped = "labels_dropped",
        CommentsDropped = "comments_dropped",
        CommentEmpty = "comment_empty",
        CommentsNotInFile = "comments_not_in_file",
        CriteriaDropped = "criteria_dropped",
        RelationsDropped = "relations_dropped",
        ValuesDropped = "values_dropped",
        NumberChanged = "number_changed",
        DateDropped = "date_dropped",
        UrlDropped = "url_dropped",
        RankDropped = "rank_dropped",
        ExternalIdHashed = "external_id_hashed",
        UnknownType = "unknown_type",
        UnknownPriority = "unknown_priority",
        UnknownState = "unknown_state",
        UnknownReference = "unknown_reference",
        RelationCycle = "relation_cycle",
        MoreWarnings = "more_warnings",
    }
}

/// One thing an import changed, left out or assumed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Warning {
    pub code: WarningCode,
    pub detail: String,
}

/// The warnings of a row: the first [`Warnings::MAX`], and how many more there were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Warnings {
    kept: Vec<Warning>,
    more: u32,
}

impl Warnings {
    pub const MAX: usize = 20;

    pub fn add(&mut self, code: WarningCode, detail: impl Into<String>) {
        if self.kept.len() < Warnings::MAX {
            self.kept.push(Warning { code, detail: detail.into() });
        } else {
            self.more += 1;
        }
    }

    pub fn contain(&self, code: WarningCode) -> bool {
        self.kept.iter().any(|warning| warning.code == code)
    }

    /// All of them as a list, the last counting those that were not kept.
    pub fn into_list(self) -> Vec<Warning> {
        let mut list = self.kept;
        if self.more > 0 {
            let detail = format!("{} more", self.more);
            list.push(Warning { code: WarningCode::MoreWarnings, detail });
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_beyond_the_limit_are_counted() {
        let mut warnings = Warnings::default();
        for number in 0..Warnings::MAX + 3 {
            warnings.add(WarningCode::TextCut, number.to_string());
        }
        let list = warnings.into_list();
        assert_eq!(list.len(), Warnings::MAX + 1);
        assert_eq!(list[Warnings::MAX].code, WarningCode::MoreWarnings);
        assert_eq!(list[Warnings::MAX].detail, "3 more");
    }
}
