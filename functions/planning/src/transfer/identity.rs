//! What names a task outside of Millwright, and who worked on it there.

use std::str::FromStr;

use aws_lc_rs::digest;
use millwright_core::{InputError, Line, Timestamp};
use serde::Serialize;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use crate::domain::{Assignee, ExternalId, Source};

/// The `source` of an import, e.g. `jira-acme`: 1-50 of `a-z0-9_-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportSource(pub Source);

impl FromStr for ImportSource {
    type Err = InputError;

    fn from_str(text: &str) -> Result<ImportSource, InputError> {
        let proper = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        if !(1..=50).contains(&text.len()) || !text.bytes().all(proper) {
            return Err(InputError::bad_format("must be 1-50 of a-z, 0-9, _ and -"));
        }
        text.parse().map(ImportSource)
    }
}

millwright_core::deserr_from_str!(ImportSource);

impl PartialSchema for ImportSource {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^[a-z0-9_-]{1,50}$"))
            .description(Some("The tracker the tasks come from, e.g. jira-acme"));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl ToSchema for ImportSource {}

/// The id `text` stands for, and whether it is written in full. What is too long or no single line
/// is represented by its SHA-256, the same wherever it is referred to; a blank text is none.
pub(super) fn external_id_of(text: &str) -> Option<(ExternalId, bool)> {
    if text.trim().is_empty() {
        return None;
    }
    match text.parse() {
        Ok(line) => Some((line, true)),
        Err(_) => Some((digest(&[text.trim()])?, false)),
    }
}

/// The id of a row that has none: SHA-256 of title and time of creation.
pub(super) fn derived_id(title: &str, created_at: Option<Timestamp>) -> Option<ExternalId> {
    let created_at = created_at.map(|at| at.to_string()).unwrap_or_default();
    digest(&[title, "\n", &created_at])
}

/// In hexadecimal, which is always a line.
fn digest(parts: &[&str]) -> Option<ExternalId> {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part.as_bytes());
    }
    let digest = context.finish();
    let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    hex.parse().ok()
}

/// A task named by its id in a source; without one, in the source of the import. In a file: a
/// string, or an object with both.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExternalReference {
    pub source: Option<Source>,
    pub external_id: ExternalId,
}

impl Serialize for ExternalReference {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Both<'a> {
            source: &'a Source,
            external_id: &'a ExternalId,
        }
        match &self.source {
            Some(source) => Both { source, external_id: &self.external_id }.serialize(serializer),
            None => self.external_id.serialize(serializer),
        }
    }
}

/// A name as the source shows it.
pub type PersonName = Line<1, 200>;

/// Somebody a row names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Person {
    /// By `userMap`, or by an id in the file.
    Known(Assignee),
    /// Nobody here; kept as text.
    Named(PersonName),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_does_not_fit_is_its_digest() {
        let (id, whole) = external_id_of(" ACME-1 ").expect("an id");
        assert_eq!((id.as_str(), whole), ("ACME-1", true));
        let long = "é".repeat(201);
        let (id, whole) = external_id_of(&long).expect("an id");
        assert_eq!((id.as_str().len(), whole), (64, false));
        assert_eq!(external_id_of(&long).expect("an id").0, id);
        assert_ne!(external_id_of(&"é".repeat(202)).expect("an id").0, id);
        assert_eq!(external_id_of(" \n"), None);
    }

    #[test]
    fn sources_are_short_words() {
        for good in ["jira-acme", "a", "0_1"] {
            assert!(good.parse::<ImportSource>().is_ok(), "{good}");
        }
        for bad in ["", "Jira", "a b", "ä", &"a".repeat(51)] {
            assert!(bad.parse::<ImportSource>().is_err(), "{bad}");
        }
    }
}
