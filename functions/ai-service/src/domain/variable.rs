//! Variables of prompts, and whether a value fits.

use std::{fmt, str::FromStr};

use deserr::Deserr;
use millwright_core::{Bounded, Fault, FaultCode, Faults, InputError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use super::Few;

/// Bytes of all values of a rendering together, as JSON.
pub const MAX_VALUES_BYTES: usize = 256 * 1024;

millwright_core::wire_enum! {
    /// What a value must be.
    pub enum VariableType {
        String = "string",
        Integer = "integer",
        Number = "number",
        Boolean = "boolean",
        Array = "array",
        Object = "object",
    }
}

/// A letter or `_`, and up to 63 letters, digits and `_`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VariableName(String);

impl VariableName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for VariableName {
    type Err = InputError;

    fn from_str(text: &str) -> Result<VariableName, InputError> {
        let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_';
        let is_plain = |c: char| is_letter(c) || c.is_ascii_digit();
        if text.len() > 64 {
            return Err(InputError::new(FaultCode::TooLong, "must have at most 64 characters"));
        }
        if !text.starts_with(is_letter) || !text.chars().all(is_plain) {
            let detail = "must consist of letters, digits and _, and not begin with a digit";
            return Err(InputError::bad_format(detail));
        }
        if text == "loop" {
            return Err(InputError::not_allowed("is what loops call themselves"));
        }
        Ok(VariableName(text.to_owned()))
    }
}

millwright_core::deserr_from_str!(VariableName);

impl PartialSchema for VariableName {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new()
            .schema_type(Type::String)
            .max_length(Some(64))
            .pattern(Some("^[A-Za-z_][A-Za-z0-9_]*$"));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl ToSchema for VariableName {}

/// A variable of a prompt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Deserr, ToSchema)]
#[serde(rename_all = "camelCase")]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase")]
pub struct Variable {
    #[schema(inline)]
    pub name: VariableName,
    #[serde(rename = "type")]
    #[deserr(rename = "type", default = VariableType::String)]
    #[schema(rename = "type", required = false)]
    pub kind: VariableType,
    /// Whoever leaves out one that is not gets its default, or null.
    #[deserr(default = true)]
    #[schema(required = false)]
    pub required: bool,
    #[deserr(default)]
    #[schema(required = false, value_type = Option<Value>)]
    pub default: Option<Value>,
    /// Characters of a string, or entries of an array.
    #[deserr(default)]
    #[schema(required = false, inline)]
    pub max_length: Option<Bounded<1, 262_144>>,
}

/// The same name twice is the same variable twice.
impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name.as_str())
    }
}

impl Variable {
    /// Whether its default fits.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self) -> Result<(), InputError> {
        self.default.as_ref().map_or(Ok(()), |value| self.fits(value))
    }

    fn fits(&self, value: &Value) -> Result<(), InputError> {
        let is_one = match self.kind {
            VariableType::String => value.is_string(),
            VariableType::Integer => value.is_i64() || value.is_u64(),
            VariableType::Number => value.is_number(),
            VariableType::Boolean => value.is_boolean(),
            VariableType::Array => value.is_array(),
            VariableType::Object => value.is_object(),
        };
        if !is_one {
            let detail = format!("must be of type {}", self.kind);
            return Err(InputError::new(FaultCode::WrongType, detail));
        }
        let length = match value {
            Value::String(text) => text.chars().count(),
            Value::Array(values) => values.len(),
            _ => 0,
        };
        match self.max_length.map(|it| usize::try_from(it.get()).unwrap_or(usize::MAX)) {
            Some(most) if length > most => {
                let detail = format!("must have a length of at most {most}, has {length}");
                Err(InputError::new(FaultCode::TooLong, detail))
            }
            _ => Ok(()),
        }
    }
}

/// The values of a rendering: those given, and defaults; null where neither is.
///
/// # Errors
/// Everything that is wrong with those given, by its place below `pointer`.
pub fn values(
    variables: &Few<Variable, 0, 50>,
    given: &Map<String, Value>,
    pointer: &str,
) -> Result<Value, Faults> {
    let variables = variables.as_slice();
    let mut faults = Vec::new();
    let mut fault = |name: &str, code, detail: String| {
        let name = name.replace('~', "~0").replace('/', "~1");
        faults.push(Fault::new(format!("{pointer}/{name}"), code, detail));
    };
    let mut bytes = 0;
    for (name, value) in given {
        bytes += name.len() + value.to_string().len();
        if !variables.iter().any(|variable| variable.name.as_str() == name) {
            fault(name, FaultCode::UnknownField, "the prompt has no such variable".to_owned());
        }
    }
    let mut values = Map::new();
    for variable in variables {
        let name = variable.name.as_str();
        let value = match (given.get(name), &variable.default) {
            (Some(value), _) if !value.is_null() => {
                if let Err(InputError { code, detail, .. }) = variable.fits(value) {
                    fault(name, code, detail);
                }
                value.clone()
            }
            (_, Some(default)) => default.clone(),
            (_, None) if variable.required => {
                fault(name, FaultCode::Required, "is required".to_owned());
                continue;
            }
            (_, None) => Value::Null,
        };
        values.insert(name.to_owned(), value);
    }
    if bytes > MAX_VALUES_BYTES {
        let detail = format!("must have at most {MAX_VALUES_BYTES} bytes together");
        faults.push(Fault::new(pointer, FaultCode::TooLong, detail));
    }
    if faults.is_empty() { Ok(Value::Object(values)) } else { Err(Faults(faults)) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn variables(value: Value) -> Few<Variable, 0, 50> {
        deserr::deserialize::<_, Value, Faults>(value).unwrap()
    }

    fn render(given: Value) -> Result<Value, Vec<(String, FaultCode)>> {
        let variables = variables(json!([
            { "name": "text", "maxLength": 3 },
            { "name": "count", "type": "integer", "required": false, "default": 7 },
            { "name": "share", "type": "number", "required": false },
            { "name": "is_new", "type": "boolean", "required": false },
            { "name": "files", "type": "array", "required": false, "maxLength": 1 },
            { "name": "map", "type": "object", "required": false },
        ]));
        values(&variables, given.as_object().unwrap(), "/variables")
            .map_err(|faults| faults.0.into_iter().map(|it| (it.pointer, it.code)).collect())
    }

    #[test]
    fn what_is_left_out_has_its_default_or_is_null() {
        let values = render(json!({ "text": "äöü", "share": 1 })).unwrap();
        let expected = json!({
            "text": "äöü", "count": 7, "share": 1, "is_new": null, "files": null, "map": null,
        });
        assert_eq!(values, expected);
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let told = render(json!({
            "count": 1.5, "share": "1", "is_new": 1, "files": [1, 2], "map": [], "a/b": 1,
        }));
        let at = |name: &str, code| (format!("/variables/{name}"), code);
        assert_eq!(
            told.unwrap_err(),
            [
                at("a~1b", FaultCode::UnknownField),
                at("text", FaultCode::Required),
                at("count", FaultCode::WrongType),
                at("share", FaultCode::WrongType),
                at("is_new", FaultCode::WrongType),
                at("files", FaultCode::TooLong),
                at("map", FaultCode::WrongType),
            ]
        );
        let long = render(json!({ "text": "x".repeat(4) })).unwrap_err();
        assert_eq!(long, [at("text", FaultCode::TooLong)]);
        let huge = render(json!({ "text": "abc", "map": { "x": "x".repeat(MAX_VALUES_BYTES) } }));
        assert_eq!(huge.unwrap_err(), [("/variables".to_owned(), FaultCode::TooLong)]);
    }

    #[test]
    fn names_are_words() {
        for good in ["a", "_a1", "Name", &"a".repeat(64)] {
            assert!(good.parse::<VariableName>().is_ok(), "{good}");
        }
        for bad in ["", "1a", "a-b", "ä", "loop", &"a".repeat(65)] {
            assert!(bad.parse::<VariableName>().is_err(), "{bad}");
        }
    }
}
