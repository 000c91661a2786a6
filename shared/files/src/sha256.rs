//! Checksums of files.

use std::{fmt, str::FromStr};

use millwright_core::{InputError, deserr_from_str};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

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

deserr_from_str!(Sha256);

impl Serialize for Sha256 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sha256 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl PartialSchema for Sha256 {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(64))
            .max_length(Some(64))
            .pattern(Some("^[0-9a-f]{64}$"));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl ToSchema for Sha256 {}

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
}
