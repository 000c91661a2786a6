//! The native format: JSON Lines that an import reads back.

use std::io::{self, Write};

use serde::Serialize;

use super::{ExportComment, ExportTask};
use crate::{
    store::HistoryEntry,
    transfer::{ExternalReference, limits},
};

/// Writes one task: a line with as many of its comments as an import takes in one row, lines with
/// the further ones, and lines with its history.
///
/// # Errors
/// Those of `out`.
pub fn write_task(task: &ExportTask, out: &mut impl Write) -> io::Result<()> {
    #[derive(Serialize)]
    struct TaskLine<'a> {
        #[serde(flatten)]
        task: &'a ExportTask,
        #[serde(skip_serializing_if = "<[ExportComment]>::is_empty")]
        comments: &'a [ExportComment],
    }
    let alone = serde_json::to_vec(&TaskLine { task, comments: &[] })?.len();
    let room = limits::MAX_ROW_BYTES.saturating_sub(alone + r#","comments":[]"#.len());
    let (comments, rest) = task.comments.split_at(how_many(&task.comments, room)?);
    write_line(&TaskLine { task, comments }, out)?;
    let identity = task.identity();
    if !rest.is_empty() {
        write_comments(&identity, comments.len(), rest, out)?;
    }
    write_history(&identity, &task.history, out)
}

/// Writes comments that follow the first `from` of a task, in as many lines as they need.
///
/// # Errors
/// Those of `out`.
pub fn write_comments(
    task: &ExternalReference,
    from: usize,
    comments: &[ExportComment],
    out: &mut impl Write,
) -> io::Result<()> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct CommentsLine<'a> {
        comments_of: &'a ExternalReference,
        from: usize,
        comments: &'a [ExportComment],
    }
    let (mut from, mut left) = (from, comments);
    while !left.is_empty() {
        // One comment is at most 64 KB and a reference 1 KB: there is always room for one.
        let (now, later) = left.split_at(how_many(left, ROOM)?.max(1));
        write_line(&CommentsLine { comments_of: task, from, comments: now }, out)?;
        from += now.len();
        left = later;
    }
    Ok(())
}

/// Writes the history of a task, in as many lines as it needs. An import skips them.
///
/// # Errors
/// Those of `out`.
pub fn write_history(
    task: &ExternalReference,
    history: &[HistoryEntry],
    out: &mut impl Write,
) -> io::Result<()> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct HistoryLine<'a> {
        history_of: &'a ExternalReference,
        history: &'a [HistoryEntry],
    }
    let mut left = history;
    while !left.is_empty() {
        let (now, later) = left.split_at(how_many(left, ROOM)?.max(1));
        write_line(&HistoryLine { history_of: task, history: now }, out)?;
        left = later;
    }
    Ok(())
}

/// What a line has beside a reference.
const ROOM: usize = limits::MAX_ROW_BYTES - 4 * 1024;

/// How many of the first ones take at most `room` bytes, and at most the comments of a row.
fn how_many<T: Serialize>(items: &[T], room: usize) -> io::Result<usize> {
    let mut used = 0;
    for (index, item) in items.iter().enumerate() {
        used += serde_json::to_vec(item)?.len() + 1;
        if used > room || index == limits::MAX_ROW_COMMENTS {
            return Ok(index);
        }
    }
    Ok(items.len())
}

fn write_line(line: &impl Serialize, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}
