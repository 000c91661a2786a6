//! Whole numbers beyond 32 bits, within a limit.

use std::borrow::Cow;

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use millwright_core::{FaultCode, Faults, InputError};
use serde::{Deserialize, Serialize};
use utoipa::{
    __dev::ComposeSchema,
    ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

/// A whole number from 0 to `MAX`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct UpTo<const MAX: u64>(u64);

impl<const MAX: u64> UpTo<MAX> {
    pub fn get(self) -> u64 {
        self.0
    }

    /// The number, or the limit.
    pub fn saturating(number: u64) -> UpTo<MAX> {
        UpTo(number.min(MAX))
    }
}

impl<const MAX: u64> Deserr<Faults> for UpTo<MAX> {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Faults> {
        let refused = |code| {
            let detail = format!("must be 0 to {MAX}");
            Err(Faults::refused(InputError::new(code, detail), location))
        };
        match value {
            Value::NegativeInteger(_) => refused(FaultCode::TooSmall),
            value => match u64::deserialize_from_value(value, location)? {
                number if number > MAX => refused(FaultCode::TooLarge),
                number => Ok(UpTo(number)),
            },
        }
    }
}

impl<const MAX: u64> ComposeSchema for UpTo<MAX> {
    fn compose(_generics: Vec<RefOr<Schema>>) -> RefOr<Schema> {
        // Limits of JSON Schema are decimals here; all of ours are exact in them.
        #[allow(clippy::cast_precision_loss, reason = "below 2^53")]
        let object = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(0))
            .maximum(Some(MAX as f64));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl<const MAX: u64> ToSchema for UpTo<MAX> {
    fn name() -> Cow<'static, str> {
        format!("UpTo{MAX}").into()
    }
}
