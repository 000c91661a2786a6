//! CSV for spreadsheets: RFC 4180 with CRLF, no cell a formula.

use std::{
    borrow::Cow,
    fmt,
    io::{self, Write},
};

use csv::{Terminator, WriterBuilder};

use super::{ExportComment, ExportTask};
use crate::{domain::AcceptanceCriterion, store::HistoryEntry, transfer::ExternalReference};

/// The columns of every export, in their order.
const COLUMNS: [&str; 27] = [
    "key",
    "title",
    "type",
    "state",
    "priority",
    "assigneeId",
    "reporterId",
    "labels",
    "createdAt",
    "updatedAt",
    "startedAt",
    "completedAt",
    "startDate",
    "dueDate",
    "estimateSeconds",
    "points",
    "acceptanceCriteria",
    "blockedReason",
    "parentId",
    "blocks",
    "relatesTo",
    "duplicateOf",
    "externalId",
    "externalSource",
    "externalKey",
    "externalUrl",
    "description",
];

/// Which columns an export has beside those that are always there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CsvColumns {
    pub comments: bool,
    pub history: bool,
}

impl CsvColumns {
    /// # Errors
    /// Those of `out`.
    pub fn write_header(self, out: &mut impl Write) -> io::Result<()> {
        let mut names: Vec<String> = COLUMNS.iter().map(|name| (*name).to_owned()).collect();
        if self.comments {
            names.push("comments".to_owned());
        }
        if self.history {
            names.push("history".to_owned());
        }
        write_record(&names, out)
    }

    /// # Errors
    /// Those of `out`.
    pub fn write_task(self, task: &ExportTask, out: &mut impl Write) -> io::Result<()> {
        let labels = task.labels.as_slice().iter().map(|label| label.as_str());
        let relations = &task.relations;
        let mut cells = vec![
            task.key.clone(),
            task.title.to_string(),
            task.kind.to_string(),
            task.state.to_string(),
            task.priority.to_string(),
            text(task.assignee_id),
            task.reporter_id.clone(),
            joined(labels, ", "),
            task.created_at.to_string(),
            task.updated_at.to_string(),
            text(task.started_at),
            text(task.completed_at),
            text(task.start_date),
            text(task.due_date),
            text(task.estimate_seconds),
            text(task.points),
            joined(task.acceptance_criteria.iter().map(checkbox), "\n"),
            text(task.blocked_reason.as_ref()),
            ids(&task.parent_id),
            ids(&relations.blocks),
            ids(&relations.relates_to),
            ids(&relations.duplicate_of),
            task.external_id.to_string(),
            text(task.source.as_ref()),
            text(task.external_key.as_ref()),
            text(task.external_url.as_ref().map(|url| url.as_str())),
            task.description.to_string(),
        ];
        if self.comments {
            cells.push(joined(task.comments.iter().map(comment), "\n\n"));
        }
        if self.history {
            cells.push(joined(task.history.iter().map(change), "\n"));
        }
        write_record(&cells, out)
    }
}

fn text(value: Option<impl fmt::Display>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn joined(parts: impl Iterator<Item = impl fmt::Display>, by: &str) -> String {
    let parts: Vec<String> = parts.map(|part| part.to_string()).collect();
    parts.join(by)
}

fn ids<'a>(references: impl IntoIterator<Item = &'a ExternalReference>) -> String {
    let ids: Vec<&str> =
        references.into_iter().map(|reference| reference.external_id.as_str()).collect();
    ids.join(", ")
}

fn checkbox(criterion: &AcceptanceCriterion) -> String {
    format!("[{}] {}", if criterion.met { "x" } else { " " }, criterion.text)
}

fn comment(comment: &ExportComment) -> String {
    let author =
        comment.author_id.as_deref().or(comment.author_name.as_ref().map(|name| name.as_str()));
    format!("{} {}: {}", comment.created_at, author.unwrap_or("unknown"), comment.body)
}

fn change(entry: &HistoryEntry) -> String {
    let changes = entry
        .changes
        .iter()
        .map(|change| format!("{}: {} -> {}", change.field, change.from, change.to));
    let changes: Vec<String> = changes.collect();
    format!("{} {} {} {}", entry.at, entry.actor_id, entry.operation_id, changes.join("; "))
}

fn write_record(cells: &[String], out: &mut impl Write) -> io::Result<()> {
    let mut writer =
        WriterBuilder::new().terminator(Terminator::CRLF).buffer_capacity(4096).from_writer(out);
    writer.write_record(cells.iter().map(|cell| defused(cell).into_owned()))?;
    writer.flush()
}

/// Spreadsheets take what begins like this for a formula.
fn defused(cell: &str) -> Cow<'_, str> {
    match cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => Cow::Owned(format!("'{cell}")),
        false => Cow::Borrowed(cell),
    }
}
