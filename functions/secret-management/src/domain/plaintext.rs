//! Values in clear.

use std::fmt;

use deserr::{Deserr, IntoValue, ValuePointerRef};
use millwright_core::{Error, Faults, Result};
use serde::Serialize;
use serde_json::Value;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::SchemaType},
};
use zeroize::{Zeroize, Zeroizing};

/// A value in clear. It prints nothing, and is wiped when it is dropped.
#[derive(Clone, PartialEq)]
pub struct Plaintext(Value);

impl Plaintext {
    pub fn new(value: Value) -> Plaintext {
        Plaintext(value)
    }

    /// # Errors
    /// `internal` if it is no JSON; nothing of it is told.
    pub fn parse(bytes: &[u8]) -> Result<Plaintext> {
        let parsed = serde_json::from_slice(bytes).map(Plaintext);
        parsed.map_err(|_| Error::internal("an opened value is no JSON"))
    }

    pub fn expose(&self) -> &Value {
        &self.0
    }

    /// As compact JSON.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(serde_json::to_vec(&self.0).unwrap_or_default())
    }

    /// A member by its dotted path.
    pub fn member(&self, path: &[String]) -> Option<&Value> {
        path.iter().try_fold(&self.0, |value, name| value.get(name.as_str()))
    }
}

impl fmt::Debug for Plaintext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plaintext")
    }
}

impl Drop for Plaintext {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(values) => values.iter_mut().for_each(wipe),
        Value::Object(members) => members.iter_mut().for_each(|(_, value)| wipe(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Only answers that give values away.
impl Serialize for Plaintext {
    fn serialize<S: serde::Serializer>(
        &self,
        serializer: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl Deserr<Faults> for Plaintext {
    fn deserialize_from_value<V: IntoValue>(
        value: deserr::Value<V>,
        _location: ValuePointerRef<'_>,
    ) -> std::result::Result<Plaintext, Faults> {
        Ok(Plaintext(Value::from(value)))
    }
}

impl PartialSchema for Plaintext {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new().schema_type(SchemaType::AnyValue).description(Some(
            "An object with the members of the type of the secret; at most 64 KB",
        ));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl ToSchema for Plaintext {}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_print_nothing() {
        let value = Plaintext::new(json!({ "key": "hidden" }));
        assert_eq!(format!("{value:?}"), "Plaintext");
    }
}
