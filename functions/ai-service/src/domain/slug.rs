//! Slugs: how things are called in model strings and templates.

use std::{borrow::Cow, fmt, str::FromStr};

use millwright_core::{FaultCode, InputError};
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

/// `MIN` to `MAX` characters `a-z 0-9 -`, the first a letter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Slug<const MIN: usize, const MAX: usize>(String);

impl<const MIN: usize, const MAX: usize> Slug<MIN, MAX> {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MIN: usize, const MAX: usize> fmt::Display for Slug<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MIN: usize, const MAX: usize> FromStr for Slug<MIN, MAX> {
    type Err = InputError;

    fn from_str(text: &str) -> Result<Self, InputError> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !text.starts_with(|c: char| c.is_ascii_lowercase()) || !text.chars().all(plain) {
            let detail = "must consist of a-z, 0-9 and -, and begin with a letter";
            return Err(InputError::bad_format(detail));
        }
        let detail = || format!("must have {MIN} to {MAX} characters");
        match text.len() {
            length if length < MIN => Err(InputError::new(FaultCode::TooShort, detail())),
            length if length > MAX => Err(InputError::new(FaultCode::TooLong, detail())),
            _ => Ok(Slug(text.to_owned())),
        }
    }
}

millwright_core::deserr_from_str!([const MIN: usize, const MAX: usize] Slug<MIN, MAX>);

impl<const MIN: usize, const MAX: usize> PartialSchema for Slug<MIN, MAX> {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(MIN))
            .max_length(Some(MAX))
            .pattern(Some("^[a-z][a-z0-9-]*$"));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl<const MIN: usize, const MAX: usize> ToSchema for Slug<MIN, MAX> {
    fn name() -> Cow<'static, str> {
        format!("Slug{MIN}To{MAX}").into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_begin_with_a_letter() {
        for good in ["ab", "a1", "open-ai", "a-"] {
            assert!(good.parse::<Slug<2, 31>>().is_ok(), "{good}");
        }
        for bad in ["", "a", "1a", "-a", "Ab", "a_b", "é1", &"a".repeat(32)] {
            assert!(bad.parse::<Slug<2, 31>>().is_err(), "{bad}");
        }
    }
}
