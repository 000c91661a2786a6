//! Whole numbers within limits.

use std::{borrow::Cow, fmt, str::FromStr};

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use serde::{Deserialize, Serialize};
use utoipa::{
    __dev::ComposeSchema,
    ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use crate::{FaultCode, Faults, InputError};

/// A whole number from `MIN` to `MAX`; the limits are stated in the API document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bounded<const MIN: u32, const MAX: u32>(u32);

impl<const MIN: u32, const MAX: u32> Bounded<MIN, MAX> {
    /// # Errors
    /// `too_small`, `too_large`.
    pub fn new(number: u64) -> Result<Bounded<MIN, MAX>, InputError> {
        let detail = || format!("must be {MIN} to {MAX}");
        match u32::try_from(number) {
            Ok(number) if number < MIN => Err(InputError::new(FaultCode::TooSmall, detail())),
            Ok(number) if number <= MAX => Ok(Bounded(number)),
            _ => Err(InputError::new(FaultCode::TooLarge, detail())),
        }
    }

    pub fn get(self) -> u32 {
        self.0
    }
}

impl<const MIN: u32, const MAX: u32> fmt::Display for Bounded<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// In digits alone, as in paths.
impl<const MIN: u32, const MAX: u32> FromStr for Bounded<MIN, MAX> {
    type Err = InputError;

    fn from_str(text: &str) -> Result<Self, InputError> {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InputError::bad_format("must be a whole number"));
        }
        Bounded::new(text.parse().unwrap_or(u64::MAX))
    }
}

impl<const MIN: u32, const MAX: u32> Deserr<Faults> for Bounded<MIN, MAX> {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Faults> {
        // Signed, so that -1 is too small and not of the wrong type.
        let number = match value {
            Value::NegativeInteger(_) => {
                let detail = format!("must be {MIN} to {MAX}");
                let refused = InputError::new(FaultCode::TooSmall, detail);
                return Err(Faults::refused(refused, location));
            }
            value => u64::deserialize_from_value(value, location)?,
        };
        Bounded::new(number).map_err(|refused| Faults::refused(refused, location))
    }
}

impl<const MIN: u32, const MAX: u32> ComposeSchema for Bounded<MIN, MAX> {
    fn compose(_generics: Vec<RefOr<Schema>>) -> RefOr<Schema> {
        let object =
            ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(MIN)).maximum(Some(MAX));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl<const MIN: u32, const MAX: u32> ToSchema for Bounded<MIN, MAX> {
    fn name() -> Cow<'static, str> {
        format!("Bounded{MIN}To{MAX}").into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_belong_to_it() {
        for inside in [1, 2, 100] {
            assert!(Bounded::<1, 100>::new(inside).is_ok(), "{inside}");
        }
        for outside in [0, 101, u64::MAX] {
            assert!(Bounded::<1, 100>::new(outside).is_err(), "{outside}");
        }
    }

    #[test]
    fn texts_are_digits_alone() {
        let code = |text: &str| text.parse::<Bounded<1, 100>>().err().map(|it| it.code);
        assert_eq!(code("007"), None);
        assert_eq!(code("0"), Some(FaultCode::TooSmall));
        assert_eq!(code(&"9".repeat(99)), Some(FaultCode::TooLarge));
        for bad in ["", "+1", "-1", "1.0", " 1"] {
            assert_eq!(code(bad), Some(FaultCode::BadFormat), "{bad}");
        }
    }

    #[test]
    fn every_fault_has_its_code() {
        let code = |text: &str| {
            let value: serde_json::Value = serde_json::from_str(text).expect("JSON");
            let read = deserr::deserialize::<Bounded<1, 100>, _, Faults>(value);
            read.err().map(|faults| faults.0[0].code)
        };
        assert_eq!(code("50"), None);
        assert_eq!(code("0"), Some(FaultCode::TooSmall));
        assert_eq!(code("-3"), Some(FaultCode::TooSmall));
        assert_eq!(code("101"), Some(FaultCode::TooLarge));
        assert_eq!(code("1e30"), Some(FaultCode::WrongType));
        assert_eq!(code("\"5\""), Some(FaultCode::WrongType));
    }
}
