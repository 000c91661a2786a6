//! What names a task outside of Millwright, and who worked on it there.

use std::{fmt, str::FromStr};

use aws_lc_rs::digest;
use millwright_core::{InputError, Line, TaskId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use crate::domain::Assignee;

millwright_core::id! {
    /// A file that was uploaded.
    UploadId = Upload("upl");
}

/// The tracker a task came from, e.g. `jira-acme`: 1-50 of `a-z0-9_-`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Source(String);

impl Source {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Source {
    type Err = InputError;

    fn from_str(text: &str) -> Result<Source, InputError> {
        let proper = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        if !(1..=50).contains(&text.len()) || !text.bytes().all(proper) {
            return Err(InputError::bad_format("must be 1-50 of a-z, 0-9, _ and -"));
        }
        Ok(Source(text.to_owned()))
    }
}

millwright_core::deserr_from_str!(Source);

impl PartialSchema for Source {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^[a-z0-9_-]{1,50}$"))
            .description(Some("The tracker the tasks come from, e.g. jira-acme"));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl ToSchema for Source {}

/// The id of a task in its source: one line of 1-200 characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExternalId(String);

impl ExternalId {
    /// The id `text` stands for, and whether it is written in full. What is too long or no single
    /// line is represented by its SHA-256, the same wherever it is referred to; a blank text is none.
    pub fn of(text: &str) -> Option<(ExternalId, bool)> {
        if text.trim().is_empty() {
            return None;
        }
        Some(match text.parse::<Line<1, 200>>() {
            Ok(line) => (ExternalId(line.into_string()), true),
            Err(_) => (ExternalId::digest(&[text.trim()]), false),
        })
    }

    /// The id of a row that has none: SHA-256 of title and time of creation.
    pub fn derived(title: &str, created_at: Option<Timestamp>) -> ExternalId {
        let created_at = created_at.map(|at| at.to_string()).unwrap_or_default();
        ExternalId::digest(&[title, "\n", &created_at])
    }

    fn digest(parts: &[&str]) -> ExternalId {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in parts {
            context.update(part.as_bytes());
        }
        let digest = context.finish();
        ExternalId(digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<TaskId> for ExternalId {
    fn from(id: TaskId) -> ExternalId {
        ExternalId(id.to_string())
    }
}

impl fmt::Display for ExternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
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

/// Where the source shows a task: http or https, at most 2,000 characters, no user in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExternalUrl(String);

impl ExternalUrl {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ExternalUrl {
    type Err = InputError;

    fn from_str(text: &str) -> Result<ExternalUrl, InputError> {
        let bad = || {
            InputError::bad_format(
                "must be an http or https URL of at most 2,000 characters without a user",
            )
        };
        let text = text.trim();
        // The parser of URIs knows no fragments.
        let (before, _) = text.split_once('#').unwrap_or((text, ""));
        let uri: http::Uri = before.parse().map_err(|_| bad())?;
        let authority = uri.authority().ok_or_else(bad)?;
        let proper = matches!(uri.scheme_str(), Some("http" | "https"))
            && !authority.as_str().contains('@')
            && !authority.host().is_empty()
            && text.chars().count() <= 2_000
            && !text.chars().any(|c| c.is_control() || c.is_whitespace());
        if proper { Ok(ExternalUrl(text.to_owned())) } else { Err(bad()) }
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
        let (id, whole) = ExternalId::of(" ACME-1 ").expect("an id");
        assert_eq!((id.as_str(), whole), ("ACME-1", true));
        let long = "é".repeat(201);
        let (id, whole) = ExternalId::of(&long).expect("an id");
        assert_eq!((id.as_str().len(), whole), (64, false));
        assert_eq!(ExternalId::of(&long).expect("an id").0, id);
        assert_ne!(ExternalId::of(&"é".repeat(202)).expect("an id").0, id);
        assert_eq!(ExternalId::of(" \n"), None);
    }

    #[test]
    fn urls_are_http_and_without_a_user() {
        for good in ["https://example.org/a#b", "http://localhost:80/?q=1", "https://e.org/ü"] {
            assert_eq!(good.parse::<ExternalUrl>().expect(good).as_str(), good);
        }
        let long = format!("https://e.org/{}", "a".repeat(2_000));
        for bad in ["ftp://e.org/", "https://me@e.org/", "e.org", "/a", "https://", "", &long] {
            assert!(bad.parse::<ExternalUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn sources_are_short_words() {
        for good in ["jira-acme", "a", "0_1"] {
            assert!(good.parse::<Source>().is_ok(), "{good}");
        }
        for bad in ["", "Jira", "a b", "ä", &"a".repeat(51)] {
            assert!(bad.parse::<Source>().is_err(), "{bad}");
        }
    }
}
