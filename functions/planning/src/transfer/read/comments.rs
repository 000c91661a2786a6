//! The comments of a row.

use millwright_core::Timestamp;
use serde_json::{Map, Value};

use super::{
    Reading,
    people::person,
    scalar::time,
    text::{fitted, lines, text_of},
};
use crate::transfer::{ImportComment, RowProblem, WarningCode, Warnings, limits};

/// What a comment takes from its row.
pub(super) struct Setting<'r> {
    pub reading: &'r Reading<'r>,
    /// The time of a comment that has none.
    pub fallback: Timestamp,
    pub trusts_ids: bool,
    /// The position of the first.
    pub from: u32,
}

pub(super) fn comments(
    values: Vec<Value>,
    setting: &Setting<'_>,
    warnings: &mut Warnings,
) -> Result<Vec<ImportComment>, RowProblem> {
    let surplus = values.len().saturating_sub(limits::MAX_ROW_COMMENTS);
    if surplus > 0 {
        let detail = format!("{surplus} comments after the first {}", limits::MAX_ROW_COMMENTS);
        warnings.add(WarningCode::CommentsDropped, detail);
    }
    let mut comments = Vec::new();
    for (position, value) in (setting.from..).zip(values.into_iter().take(limits::MAX_ROW_COMMENTS))
    {
        comments.extend(comment(value, position, setting, warnings)?);
    }
    Ok(comments)
}

fn comment(
    value: Value,
    position: u32,
    setting: &Setting<'_>,
    warnings: &mut Warnings,
) -> Result<Option<ImportComment>, RowProblem> {
    let place = format!("comment {}", position.saturating_add(1));
    let mut comment = match value {
        Value::Object(comment) => comment,
        // A list of texts, or the cell of a custom column.
        value => Map::from_iter([("body".to_owned(), Value::String(text_of(value, &place)?))]),
    };
    let mut take = |keys: &[&str]| {
        let values = keys.iter().filter_map(|key| comment.remove(*key));
        values.reduce(|first, next| if first.is_null() { next } else { first }).unwrap_or_default()
    };
    let body = lines(&text_of(take(&["body"]), &place)?, &place, warnings);
    let author = take(&["authorId", "authorName", "author", "user"]);
    let created_at = time(take(&["createdAt", "created_at"]), &place, setting.reading)?;
    let edited_at = time(take(&["editedAt"]), &place, setting.reading)?;
    let updated_at = time(take(&["updatedAt", "updated_at"]), &place, setting.reading)?;
    let author = person(author, setting.trusts_ids, &place, setting.reading, warnings)?;
    let Ok(body) = fitted(body, 16_000, &place, warnings).parse() else {
        warnings.add(WarningCode::CommentEmpty, format!("{place} is blank and left out"));
        return Ok(None);
    };
    let changed_at = updated_at.filter(|at| created_at.is_some_and(|created| *at > created));
    Ok(Some(ImportComment {
        position,
        author,
        body,
        created_at: created_at.unwrap_or(setting.fallback),
        edited_at: edited_at.or(changed_at),
    }))
}
