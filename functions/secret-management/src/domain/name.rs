//! Names, tags and metadata of secrets.

use std::{borrow::Cow, collections::BTreeMap, fmt, str::FromStr};

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use millwright_core::{FaultCode, Faults, InputError};
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ArrayBuilder, ObjectBuilder, RefOr, Schema, Type},
};

/// The name of a secret: 1-255 characters, at most ten segments joined by `/`, case-sensitive. The
/// first character is a letter, the others `[A-Za-z0-9_.-]`; no segment is empty, `.` or `..`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretName(String);

impl SecretName {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Behind the last `/`.
    pub fn last_segment(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }
}

impl FromStr for SecretName {
    type Err = InputError;

    fn from_str(text: &str) -> Result<SecretName, InputError> {
        if text.is_empty() {
            return Err(InputError::new(FaultCode::TooShort, "must not be empty"));
        }
        if text.len() > 255 {
            return Err(InputError::new(FaultCode::TooLong, "must have at most 255 characters"));
        }
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b'/');
        let starts = text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
        let mut segments = text.split('/');
        let proper = segments.all(|segment| !matches!(segment, "" | "." | ".."));
        if !starts || !proper || !text.bytes().all(fits) || text.split('/').count() > 10 {
            return Err(InputError::bad_format(
                "must begin with a letter and consist of at most ten segments of A-Z a-z 0-9 _ . - \
                 joined by /",
            ));
        }
        Ok(SecretName(text.to_owned()))
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

millwright_core::deserr_from_str!(SecretName);

impl PartialSchema for SecretName {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(255))
            .pattern(Some("^[A-Za-z][A-Za-z0-9_.-]*(/[A-Za-z0-9_.-]+){0,9}$"));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl ToSchema for SecretName {
    fn name() -> Cow<'static, str> {
        "SecretName".into()
    }
}

/// At most 20 different tags of 1-50 characters `[A-Za-z0-9_.:/-]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tags(Vec<String>);

impl Tags {
    pub fn contains(&self, tag: &str) -> bool {
        self.0.iter().any(|own| own == tag)
    }
}

impl Deserr<Faults> for Tags {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Tags, Faults> {
        let tags = <Vec<String> as Deserr<Faults>>::deserialize_from_value(value, location)?;
        let refuse =
            |code, detail: &str| Err(Faults::refused(InputError::new(code, detail), location));
        if tags.len() > 20 {
            return refuse(FaultCode::TooLong, "must have at most 20 tags");
        }
        let fits =
            |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'/' | b'-');
        for (place, tag) in tags.iter().enumerate() {
            if tag.is_empty() || tag.len() > 50 || !tag.bytes().all(fits) {
                let detail = "each must be 1-50 characters of A-Z a-z 0-9 _ . : / -";
                return refuse(FaultCode::BadFormat, detail);
            }
            if tags[..place].contains(tag) {
                return refuse(FaultCode::Duplicate, "must not repeat a tag");
            }
        }
        Ok(Tags(tags))
    }
}

impl PartialSchema for Tags {
    fn schema() -> RefOr<Schema> {
        let tag = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^[A-Za-z0-9_.:/-]{1,50}$"))
            .build();
        let array = ArrayBuilder::new().items(tag).max_items(Some(20)).unique_items(true);
        RefOr::T(Schema::Array(array.build()))
    }
}

impl ToSchema for Tags {}

/// At most 20 entries; keys 1-64, values at most 256 characters. Shown in lists: never
/// confidential.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Metadata(pub BTreeMap<String, String>);

impl Deserr<Faults> for Metadata {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Metadata, Faults> {
        let map =
            <BTreeMap<String, String> as Deserr<Faults>>::deserialize_from_value(value, location)?;
        let characters = |text: &str| text.chars().count();
        let fits = |(key, value): (&String, &String)| {
            (1..=64).contains(&characters(key)) && characters(value) <= 256
        };
        if map.len() > 20 || !map.iter().all(fits) {
            let detail = "must have at most 20 entries, keys of 1-64 and values of at most 256 \
                          characters";
            let refused = InputError::new(FaultCode::TooLong, detail);
            return Err(Faults::refused(refused, location));
        }
        Ok(Metadata(map))
    }
}

impl PartialSchema for Metadata {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String).max_length(Some(256)).build();
        let object = ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some("Shown in lists: never put anything confidential here"))
            .additional_properties(Some(RefOr::T(Schema::Object(text))))
            .max_properties(Some(20));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl ToSchema for Metadata {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_paths_of_plain_segments() {
        for fine in ["a", "db/main", "A-1/b_2/c.d", "a/b/c/d/e/f/g/h/i/j", "x.."] {
            assert!(fine.parse::<SecretName>().is_ok(), "{fine}");
        }
        let long = "a".repeat(256);
        for wrong in [
            "",
            "1a",
            "/a",
            "a/",
            "a//b",
            "a/./b",
            "a/../b",
            "a b",
            "ä",
            "a/b/c/d/e/f/g/h/i/j/k",
            &long,
        ] {
            assert!(wrong.parse::<SecretName>().is_err(), "{wrong}");
        }
    }
}
