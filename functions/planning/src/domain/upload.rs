//! Uploads: what somebody promises to send.

use std::{fmt, str::FromStr};

use millwright_core::{InputError, Line, Timestamp, deserr_from_str};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use super::ActorId;

millwright_core::id! {
    /// An upload.
    UploadId = UploadNoun("upl");
}

/// The most bytes of an upload: 50 MB.
pub const MAX_UPLOAD_BYTES: u64 = 52_428_800;

/// The name of a file, 1-200 characters.
pub type FileName = Line<1, 200>;

/// SHA-256 in 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Sha256(pub [u8; 32]);

impl FromStr for Sha256 {
    type Err = InputError;

    fn from_str(text: &str) -> Result<Sha256, InputError> {
        let bad = || InputError::bad_format("must be 64 hexadecimal digits, a to f in lower case");
        let digit = |byte: &u8| match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _ => Err(bad()),
        };
        let digits: Vec<u8> = text.as_bytes().iter().map(digit).collect::<Result<_, _>>()?;
        let bytes: Vec<u8> = match digits.as_chunks() {
            (pairs, []) => pairs.iter().map(|[high, low]| high * 16 + low).collect(),
            _ => return Err(bad()),
        };
        bytes.try_into().map(Sha256).map_err(|_| bad())
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

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

macro_rules! wire_text {
    ($($name:ident: $min:literal-$max:literal $pattern:expr;)+) => {$(
        deserr_from_str!($name);

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let object = ObjectBuilder::new()
                    .schema_type(Type::String)
                    .min_length(Some($min))
                    .max_length(Some($max))
                    .pattern(Some($pattern));
                RefOr::T(Schema::Object(object.build()))
            }
        }

        impl ToSchema for $name {}
    )+};
}

wire_text! {
    Sha256: 64-64 "^[0-9a-f]{64}$";
    MediaType: 3-100 "^[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+( *;.*)?$";
}

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
    fn digests_are_64_digits() {
        let text = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9";
        let digest: Sha256 = text.parse().expect("a digest");
        assert_eq!((digest.0[0], digest.0[31]), (0xb9, 0xe9));
        assert_eq!(digest.to_string(), text);
        for bad in ["", &text[1..], &format!("{text}0"), &text.to_uppercase(), &"ü".repeat(32)] {
            assert!(bad.parse::<Sha256>().is_err(), "{bad}");
        }
    }

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
