//! External ids, and the rows and tasks a row refers to.

use serde_json::Value;

use super::{
    draft::Draft,
    text::{shown, text_of},
};
use crate::{
    domain::{ExternalId, Source},
    transfer::{
        ExternalReference, ExternalRelations, Field, RowProblem, WarningCode, Warnings,
        identity::external_id_of,
    },
};

const MAX_BLOCKS: usize = 40;
const MAX_RELATES_TO: usize = 50;

/// An external id. A number that JSON does not hold exactly would name another row.
pub(super) fn external_id(
    value: Value,
    field: Field,
    warnings: &mut Warnings,
) -> Result<Option<ExternalId>, RowProblem> {
    if let Value::Number(number) = &value
        && number.is_f64()
    {
        let detail = format!("{field}: write {number} as a string, it is no whole number");
        return Err(RowProblem::invalid(detail));
    }
    let text = text_of(value, field)?;
    Ok(external_id_of(&text).map(|(id, whole)| {
        if !whole {
            let detail =
                format!("{field}: {} is no line of 200, its SHA-256 is used", shown(&text));
            warnings.add(WarningCode::ExternalIdHashed, detail);
        }
        id
    }))
}

/// A source, checked.
pub(super) fn source(value: Value) -> Result<Option<Source>, RowProblem> {
    let text = text_of(value, Field::Source)?;
    if text.trim().is_empty() {
        return Ok(None);
    }
    let refuse = |error| RowProblem::invalid(format!("{}: {error}", Field::Source));
    text.trim().parse().map(Some).map_err(refuse)
}

/// A text, or `{source, externalId}`. The import's own source is left out, so that equal references
/// are equal.
pub(super) fn reference(
    value: Value,
    field: Field,
    of_import: &Source,
    warnings: &mut Warnings,
) -> Result<Option<ExternalReference>, RowProblem> {
    let (in_source, id) = match value {
        Value::Object(mut both) => {
            let mut take = |key| both.remove(key).unwrap_or_default();
            (source(take("source"))?.filter(|source| source != of_import), take("externalId"))
        }
        id => (None, id),
    };
    let id = external_id(id, field, warnings)?;
    Ok(id.map(|external_id| ExternalReference { source: in_source, external_id }))
}

/// The edges of a row, without doubles and without itself.
pub(super) fn relations(
    draft: &mut Draft,
    itself: &ExternalReference,
    of_import: &Source,
    warnings: &mut Warnings,
) -> Result<ExternalRelations, RowProblem> {
    let mut list = |field: Field, max: usize| {
        let mut targets: Vec<ExternalReference> = Vec::new();
        let mut surplus = 0;
        for value in draft.take(field) {
            let Some(target) = reference(value, field, of_import, warnings)? else { continue };
            if &target == itself {
                let detail = format!("{field}: a task has no relation to itself");
                warnings.add(WarningCode::RelationsDropped, detail);
            } else if targets.contains(&target) {
            } else if targets.len() < max {
                targets.push(target);
            } else {
                surplus += 1;
            }
        }
        if surplus > 0 {
            let detail = format!("{field}: {surplus} after the first {max}");
            warnings.add(WarningCode::RelationsDropped, detail);
        }
        Ok(targets)
    };
    Ok(ExternalRelations {
        blocks: list(Field::Blocks, MAX_BLOCKS)?,
        blocked_by: list(Field::BlockedBy, MAX_BLOCKS)?,
        relates_to: list(Field::RelatesTo, MAX_RELATES_TO)?,
        duplicate_of: list(Field::DuplicateOf, 1)?.pop(),
    })
}
