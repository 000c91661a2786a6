//! Short lists with their limits in the type.

use std::{borrow::Cow, fmt::Display};

use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use serde::{Deserialize, Serialize};
use utoipa::{
    __dev::ComposeSchema,
    ToSchema,
    openapi::{ArrayBuilder, RefOr, Schema},
};

use crate::{Fault, FaultCode, Faults};

/// `MIN` to `MAX` things in their order, none twice whatever the case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Few<T, const MIN: usize, const MAX: usize>(Vec<T>);

impl<T, const MIN: usize, const MAX: usize> Few<T, MIN, MAX> {
    pub fn as_slice(&self) -> &[T] {
        &self.0
    }

    pub fn into_vec(self) -> Vec<T> {
        self.0
    }

    /// Of things that are valid already.
    pub fn of(things: Vec<T>) -> Few<T, MIN, MAX> {
        Few(things)
    }
}

impl<T, const MIN: usize, const MAX: usize> Default for Few<T, MIN, MAX> {
    fn default() -> Self {
        Few(Vec::new())
    }
}

impl<T, const MIN: usize, const MAX: usize> Deserr<Faults> for Few<T, MIN, MAX>
where
    T: Deserr<Faults> + Display,
{
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Faults> {
        let things = Vec::<T>::deserialize_from_value(value, location)?;
        let fault = |code, detail: String| {
            let refused = crate::InputError::new(code, detail);
            Faults::refused(refused, location)
        };
        if things.len() < MIN {
            return Err(fault(FaultCode::TooShort, format!("must have at least {MIN} entries")));
        }
        if things.len() > MAX {
            let detail = format!("must have at most {MAX} entries, has {}", things.len());
            return Err(fault(FaultCode::TooLong, detail));
        }
        let folded: Vec<String> =
            things.iter().map(|thing| thing.to_string().to_lowercase()).collect();
        for (index, thing) in folded.iter().enumerate() {
            if folded[..index].contains(thing) {
                let mut faults = fault(FaultCode::Duplicate, "is there already".to_owned());
                for Fault { pointer, .. } in &mut faults.0 {
                    *pointer = format!("{pointer}/{index}");
                }
                return Err(faults);
            }
        }
        Ok(Few(things))
    }
}

impl<T: ToSchema, const MIN: usize, const MAX: usize> ComposeSchema for Few<T, MIN, MAX> {
    fn compose(_generics: Vec<RefOr<Schema>>) -> RefOr<Schema> {
        let array = ArrayBuilder::new().items(T::schema()).max_items(Some(MAX)).unique_items(true);
        let array = if MIN > 0 { array.min_items(Some(MIN)) } else { array };
        RefOr::T(Schema::Array(array.build()))
    }
}

impl<T: ToSchema, const MIN: usize, const MAX: usize> ToSchema for Few<T, MIN, MAX> {
    fn name() -> Cow<'static, str> {
        format!("Few{}{MIN}To{MAX}", T::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        T::schemas(schemas);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Line;

    fn read(json: &str) -> Result<Few<Line<1, 5>, 1, 2>, Faults> {
        let value: serde_json::Value = serde_json::from_str(json).expect("JSON");
        deserr::deserialize(value)
    }

    #[test]
    fn limits_and_doubles_are_told() {
        assert_eq!(read(r#"["a","b"]"#).expect("two").as_slice().len(), 2);
        let code = |json| read(json).expect_err("refused").0[0].code;
        assert_eq!(code("[]"), FaultCode::TooShort);
        assert_eq!(code(r#"["a","b","c"]"#), FaultCode::TooLong);
        let faults = read(r#"["Rust","rust"]"#).expect_err("a double");
        assert_eq!((faults.0[0].code, faults.0[0].pointer.as_str()), (FaultCode::Duplicate, "/1"));
    }
}
