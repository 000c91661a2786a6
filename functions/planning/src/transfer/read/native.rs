//! Rows of the native format, and of custom JSON.

use serde_json::{Map, Value};

use super::{
    Content,
    draft::{Draft, Vocabulary},
    json::{apply_mapping, note_unused},
};
use crate::transfer::{Field, ImportOptions, Preset, RowProblem, field::MappedField};

/// What an export writes for its reader and an import knows not to need.
const INFORMATIVE: [&str; 2] = ["key", "history"];

pub(super) fn content(
    row: Map<String, Value>,
    options: &ImportOptions,
    note_unmapped: &mut dyn FnMut(&str),
) -> Result<Content, RowProblem> {
    let is_native = options.preset == Preset::Native;
    if is_native && row.contains_key("commentsOf") {
        return Ok(Content::Comments(row));
    }
    if is_native && row.contains_key("historyOf") {
        return Ok(Content::Skipped("history is not imported"));
    }
    let mut draft = Draft::new(Vocabulary::Json);
    if is_native {
        for (key, value) in &row {
            match (key.parse(), key.as_str()) {
                (Ok(MappedField(field)), _) => draft.add(field, value.clone()),
                (Err(_), "relations") => relations(&mut draft, value, note_unmapped)?,
                _ => {}
            }
        }
    }
    let used = apply_mapping(&mut draft, &row, options);
    let is_known = |key: &str| {
        let informative = INFORMATIVE.contains(&key) || key == "relations";
        is_native && (informative || key.parse::<MappedField>().is_ok())
    };
    note_unused(&row, is_known, &used, note_unmapped);
    Ok(Content::Task(draft))
}

fn relations(
    draft: &mut Draft,
    value: &Value,
    note_unmapped: &mut dyn FnMut(&str),
) -> Result<(), RowProblem> {
    let relations = match value {
        Value::Null => return Ok(()),
        Value::Object(relations) => relations,
        _ => return Err(RowProblem::invalid("relations must be an object")),
    };
    for (key, value) in relations {
        match Field::RELATIONS.into_iter().find(|field| field.as_str() == key) {
            Some(field) => draft.add(field, value.clone()),
            None => note_unmapped(&format!("/relations/{key}")),
        }
    }
    Ok(())
}
