//! JSON Pointers (RFC 6901) into data whose numbers are never read through a float.

use std::{borrow::Cow, collections::BTreeMap, fmt, str::FromStr};

use millwright_core::InputError;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

/// A pointer of at most 200 characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pointer(String);

impl Pointer {
    /// A pointer of the code; a test reads them all.
    pub(crate) fn of(text: &str) -> Pointer {
        Pointer(text.to_owned())
    }

    fn tokens(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.0.split('/').skip(1).map(|token| match token.contains('~') {
            true => Cow::Owned(token.replace("~1", "/").replace("~0", "~")),
            false => Cow::Borrowed(token),
        })
    }

    /// The JSON text it points at.
    pub fn find<'d>(&self, data: &'d str) -> Option<Leaf<'d>> {
        let mut here: &'d str = data.trim();
        for token in self.tokens() {
            here = match here.as_bytes().first()? {
                b'{' => {
                    let members: BTreeMap<Cow<'d, str>, &'d RawValue> =
                        serde_json::from_str(here).ok()?;
                    members.get(token.as_ref())?.get().trim()
                }
                b'[' => {
                    let index: usize = token.parse().ok()?;
                    let values: Vec<&'d RawValue> = serde_json::from_str(here).ok()?;
                    values.get(index)?.get().trim()
                }
                _ => return None,
            };
        }
        Some(Leaf(here))
    }
}

/// A value within data, as it is written.
#[derive(Clone, Copy, Debug)]
pub struct Leaf<'d>(&'d str);

impl<'d> Leaf<'d> {
    pub fn is_null(self) -> bool {
        self.0 == "null"
    }

    pub fn is_true(self) -> bool {
        self.0 == "true"
    }

    /// The digits of a number, or the text of a string.
    pub fn scalar(self) -> Option<Cow<'d, str>> {
        match self.0.as_bytes().first()? {
            b'"' => serde_json::from_str::<String>(self.0).ok().map(Cow::Owned),
            b'{' | b'[' | b'n' => None,
            _ => Some(Cow::Borrowed(self.0)),
        }
    }
}

impl FromStr for Pointer {
    type Err = InputError;

    fn from_str(text: &str) -> Result<Pointer, InputError> {
        let escapes_are_proper =
            text.split('~').skip(1).all(|rest| rest.starts_with('0') || rest.starts_with('1'));
        if !text.starts_with('/') || text.chars().count() > 200 || !escapes_are_proper {
            let detail =
                "must be a JSON Pointer such as /usage/inputTokens, at most 200 characters";
            return Err(InputError::bad_format(detail));
        }
        Ok(Pointer(text.to_owned()))
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

millwright_core::deserr_from_str!(Pointer);

impl PartialSchema for Pointer {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new()
            .schema_type(Type::String)
            .max_length(Some(200))
            .pattern(Some("^/([^~]|~[01])*$"))
            .description(Some("JSON Pointer (RFC 6901) into the data of an event"));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl ToSchema for Pointer {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_come_as_they_are_written() {
        let data = r#" {"usage": {"a/b": 0.10000000000000000001, "list": [1, {"x": "te\u0078t"}]},
            "null": null, "": 7, "big": 123456789012345678.123456789 } "#;
        let find = |pointer: &str| {
            let pointer: Pointer = pointer.parse().expect("a pointer");
            pointer.find(data).and_then(Leaf::scalar).map(Cow::into_owned)
        };
        assert_eq!(find("/usage/a~1b").as_deref(), Some("0.10000000000000000001"));
        assert_eq!(find("/usage/list/1/x").as_deref(), Some("text"));
        assert_eq!(find("/big").as_deref(), Some("123456789012345678.123456789"));
        assert_eq!(find("/").as_deref(), Some("7"));
        for nothing in ["/null", "/usage", "/usage/list/2", "/usage/list/x", "/big/1", "/nope"] {
            assert_eq!(find(nothing), None, "{nothing}");
        }
        for bad in ["", "a", "/~", "/~2"] {
            assert!(bad.parse::<Pointer>().is_err(), "{bad}");
        }
    }
}
