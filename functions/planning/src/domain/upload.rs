//! Uploads: what somebody promises to send.

use std::{fmt, str::FromStr};

use millwright_core::{InputError, Line, Timestamp, deserr_from_str};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use super::{ActorId, Sha256};

millwright_core::id! {
    /// An upload.
    UploadId = UploadNoun("upl");
}

/// The most bytes of an upload: 50 MB.
pub const MAX_UPLOAD_BYTES: u64 = 52_428_800;

/// The name of a file, 1-200 characters.
pub type FileName = Line<1, 200>;

/// `text/csv`, `application/json; charset=utf-8`: 3-100 visible ASCII characters and spaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaType(String);

impl MediaType {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MediaType {
    type Err = InputError;

    fn from_str(text: &str) -> Result<MediaType, InputError> {
        let is_sane = (3..=100).contains(&text.len())
            && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
            && text.trim() == text;
        let essence = text.split(';').next().unwrap_or_default().trim_end();
        let is_token = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
        };
        match essence.split_once('/') {
            Some((kind, subtype)) if is_sane && is_token(kind) && is_token(subtype) => {
                Ok(MediaType(text.to_owned()))
            }
            _ => Err(InputError::bad_format("must be a media type such as text/csv")),
        }
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

deserr_from_str!(MediaType);

impl Serialize for MediaType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MediaType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl PartialSchema for MediaType {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(3))
            .max_length(Some(100))
            .pattern(Some("^[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+( *;.*)?$"));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl ToSchema for MediaType {}

/// A file somebody may send for a quarter of an hour, and that a job may use for a week.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Upload {
    pub id: UploadId,
    pub file_name: FileName,
    pub content_type: MediaType,
    pub size_bytes: u64,
    pub sha256: Sha256,
    pub created_at: Timestamp,
    pub created_by: ActorId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_cannot_end_a_header() {
        for good in ["text/csv", "application/json; charset=utf-8", "application/x-ndjson"] {
            assert_eq!(good.parse::<MediaType>().expect(good).as_str(), good);
        }
        for bad in ["", "csv", "text/", "/csv", "a/b\r\nx: y", "te xt/csv", "text/ü", " text/csv"]
        {
            assert!(bad.parse::<MediaType>().is_err(), "{bad:?}");
        }
    }
}
