//! Query parameters, read with the same rules as bodies: unknown ones are refused, all faults at
//! once.

use std::str::FromStr;

use axum::extract::FromRequestParts;
use deserr::{Deserr, IntoValue, Sequence, Value, ValuePointerRef};
use http::request::Parts;
use millwright_core::{Fault, FaultCode, Faults, InputError};
use serde_json::{Map, Value as Json};
use utoipa::{
    // What the derive asks of generic field types; `PartialSchema` follows from it.
    __dev::ComposeSchema,
    IntoParams,
    PartialSchema,
    ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use crate::{Describe, OperationDocument, Problem};

/// The query parameters of an operation that is no list.
#[derive(Clone, Debug)]
pub struct Parameters<T>(pub T);

impl<T: IntoParams> Describe for Parameters<T> {
    const TAKES_QUERY: bool = true;

    fn describe(document: &mut OperationDocument) {
        document.query_parameters::<T>();
    }
}

impl<S: Send + Sync, T: Deserr<Faults>> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        Ok(Parameters(read(pairs(parts))?))
    }
}

/// Name and value of every query parameter, decoded.
pub(crate) fn pairs(parts: &Parts) -> Vec<(String, String)> {
    let query = parts.uri.query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// At most this many query parameters are looked at.
const MAX_PARAMETERS: usize = 100;

/// Reads parameters into `T`: a repeated one is a list.
pub(crate) fn read<T: Deserr<Faults>>(pairs: Vec<(String, String)>) -> Result<T, Faults> {
    if pairs.len() > MAX_PARAMETERS {
        let detail = format!("at most {MAX_PARAMETERS} query parameters");
        return Err(Faults::of(Fault::new("query", FaultCode::TooLong, detail)));
    }
    let mut object = Map::new();
    for (name, text) in pairs {
        let text = Json::String(text);
        match object.get_mut(&name) {
            None => {
                object.insert(name, text);
            }
            Some(Json::Array(values)) => values.push(text),
            Some(first) => *first = Json::Array(vec![first.take(), text]),
        }
    }
    deserr::deserialize::<T, Json, Faults>(Json::Object(object))
        .map_err(|faults| faults.located_in("query"))
}

/// A boolean query parameter: `true` or `false`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flag(pub bool);

impl FromStr for Flag {
    type Err = InputError;

    fn from_str(text: &str) -> Result<Flag, InputError> {
        match text {
            "true" => Ok(Flag(true)),
            "false" => Ok(Flag(false)),
            _ => Err(InputError::bad_format("must be true or false")),
        }
    }
}

impl Deserr<Faults> for Flag {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Faults> {
        from_text(value, location)
    }
}

impl PartialSchema for Flag {
    fn schema() -> RefOr<Schema> {
        RefOr::T(Schema::Object(ObjectBuilder::new().schema_type(Type::Boolean).build()))
    }
}

impl ToSchema for Flag {}

/// A query parameter that may be repeated; at most 20 times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Several<T>(pub Vec<T>);

impl<T> Default for Several<T> {
    fn default() -> Self {
        Several(Vec::new())
    }
}

impl<T: PartialEq> Several<T> {
    /// True if nothing was asked for, or `value` was.
    pub fn admits(&self, value: &T) -> bool {
        self.0.is_empty() || self.0.contains(value)
    }
}

impl<T: Deserr<Faults>> Deserr<Faults> for Several<T> {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Faults> {
        match value {
            Value::Sequence(values) if values.len() > 20 => {
                let refused = InputError::new(FaultCode::TooLong, "may be repeated 20 times");
                Err(Faults::refused(refused, location))
            }
            Value::Sequence(values) => {
                let read = |value: V| T::deserialize_from_value(value.into_value(), location);
                Ok(Several(values.into_iter().map(read).collect::<Result<_, _>>()?))
            }
            value => Ok(Several(vec![T::deserialize_from_value(value, location)?])),
        }
    }
}

impl<T: ToSchema> ComposeSchema for Several<T> {
    fn compose(_generics: Vec<RefOr<Schema>>) -> RefOr<Schema> {
        let array =
            utoipa::openapi::ArrayBuilder::new().items(T::schema()).max_items(Some(20)).build();
        RefOr::T(Schema::Array(array))
    }
}

impl<T: ToSchema> ToSchema for Several<T> {}

/// Reads a parameter by its `FromStr`.
pub(crate) fn from_text<T: FromStr<Err = InputError>, V: IntoValue>(
    value: Value<V>,
    location: ValuePointerRef<'_>,
) -> Result<T, Faults> {
    let text = <String as Deserr<Faults>>::deserialize_from_value(value, location)?;
    text.parse().map_err(|refused| Faults::refused(refused, location))
}
