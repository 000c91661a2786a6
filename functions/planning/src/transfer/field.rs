//! The fields of a task an import fills.

use std::{collections::BTreeMap, str::FromStr};

use millwright_core::{InputError, wire_enum};
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

wire_enum! {
    /// A field of a task an import fills, named as the native format names it.
    pub enum Field {
        Source = "source",
        ExternalId = "externalId",
        ExternalKey = "externalKey",
        ExternalUrl = "externalUrl",
        Title = "title",
        Description = "description",
        Type = "type",
        State = "state",
        Priority = "priority",
        AssigneeId = "assigneeId",
        ReporterId = "reporterId",
        Labels = "labels",
        CreatedAt = "createdAt",
        UpdatedAt = "updatedAt",
        StartedAt = "startedAt",
        CompletedAt = "completedAt",
        StartDate = "startDate",
        DueDate = "dueDate",
        EstimateSeconds = "estimateSeconds",
        Points = "points",
        AcceptanceCriteria = "acceptanceCriteria",
        BlockedReason = "blockedReason",
        Rank = "rank",
        ParentId = "parentId",
        Blocks = "blocks",
        BlockedBy = "blockedBy",
        RelatesTo = "relatesTo",
        DuplicateOf = "duplicateOf",
        Comments = "comments",
    }
}

impl Field {
    /// The fields of the native object `relations`.
    pub(super) const RELATIONS: [Field; 4] =
        [Field::Blocks, Field::BlockedBy, Field::RelatesTo, Field::DuplicateOf];

    /// The field a native column fills: its name in any case, with spaces, `_` or `-` between words.
    pub(super) fn of_column(name: &str) -> Option<Field> {
        let bare = |text: &str| -> String {
            let letters = text.chars().filter(|c| !matches!(c, ' ' | '_' | '-'));
            letters.flat_map(char::to_lowercase).collect()
        };
        let wanted = bare(name);
        match wanted.as_str() {
            "assignee" => Some(Field::AssigneeId),
            "author" | "reporter" => Some(Field::ReporterId),
            "parent" => Some(Field::ParentId),
            _ => Field::ALL.iter().copied().find(|field| bare(field.as_str()) == wanted),
        }
    }
}

/// A field as a request's `mapping` names it: by its name, or `assignee`, `author`, `parent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MappedField(pub Field);

impl FromStr for MappedField {
    type Err = InputError;

    fn from_str(word: &str) -> Result<MappedField, InputError> {
        let field = match word {
            "assignee" => Field::AssigneeId,
            "author" => Field::ReporterId,
            "parent" => Field::ParentId,
            word => word.parse()?,
        };
        Ok(MappedField(field))
    }
}

millwright_core::deserr_from_str!(MappedField);

impl PartialSchema for MappedField {
    fn schema() -> RefOr<Schema> {
        let words = Field::ALL.iter().map(|field| field.as_str());
        let object = ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(words.chain(["assignee", "author", "parent"])));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl ToSchema for MappedField {}

/// Which column (CSV) or key or JSON Pointer (JSON) fills which field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FieldMapping(pub BTreeMap<String, Field>);

impl FieldMapping {
    pub(super) fn fills(&self, field: Field) -> bool {
        self.0.values().any(|filled| *filled == field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_known_in_any_spelling() {
        assert_eq!(Field::of_column("External ID"), Some(Field::ExternalId));
        assert_eq!(Field::of_column("estimate_seconds"), Some(Field::EstimateSeconds));
        assert_eq!(Field::of_column("Assignee"), Some(Field::AssigneeId));
        assert_eq!(Field::of_column("Sprint"), None);
    }
}
