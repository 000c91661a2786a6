//! Rows of the native format, and of custom JSON.

use millwright_core::Result;
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
            fill(&mut draft, key, value);
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

fn fill(draft: &mut Draft, key: &str, value: &Value) {
    if let Ok(MappedField(field)) = key.parse() {
        draft.add(field, value.clone());
    } else if key == "relations"
        && let Value::Object(relations) = value
    {
        for field in Field::RELATIONS {
            draft.add(field, relations.get(field.as_str()).cloned().unwrap_or_default());
        }
    }
}
