//! A map of names somebody else chose.

use std::{borrow::Cow, collections::BTreeMap, ops::ControlFlow};

use deserr::{
    Deserr, ErrorKind, IntoValue, Map, MergeWithError, Value, ValueKind, ValuePointerRef,
    take_cf_content,
};
use millwright_core::{FaultCode, Faults, InputError};
use utoipa::{
    // What the derive asks of generic field types; `PartialSchema` follows from it.
    __dev::ComposeSchema,
    ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

/// At most `MAX` names of 1-200 characters, each with its value. Unlike the plain map of deserr it
/// refuses an entry whose value is refused, instead of leaving it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names<V, const MAX: usize>(pub BTreeMap<String, V>);

const MAX_CHARACTERS: usize = 200;

impl<V, const MAX: usize> Default for Names<V, MAX> {
    fn default() -> Self {
        Names(BTreeMap::new())
    }
}

fn check(name: &str) -> Result<(), InputError> {
    match name.chars().count() {
        0 => Err(InputError::new(FaultCode::TooShort, "must have a name")),
        1..=MAX_CHARACTERS => Ok(()),
        _ => {
            let detail = format!("must have a name of at most {MAX_CHARACTERS} characters");
            Err(InputError::new(FaultCode::TooLong, detail))
        }
    }
}

impl<V: Deserr<Faults>, const MAX: usize> Deserr<Faults> for Names<V, MAX> {
    fn deserialize_from_value<I: IntoValue>(
        value: Value<I>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Faults> {
        let map = match value {
            Value::Map(map) => map,
            actual => {
                let error = ErrorKind::IncorrectValueKind { actual, accepted: &[ValueKind::Map] };
                return Err(take_cf_content(<Faults as deserr::DeserializeError>::error(
                    None, error, location,
                )));
            }
        };
        if map.len() > MAX {
            let detail = format!("must have at most {MAX} entries, has {}", map.len());
            return Err(Faults::refused(InputError::new(FaultCode::TooLong, detail), location));
        }
        let (mut entries, mut faults) = (BTreeMap::new(), None);
        for (name, value) in map.into_iter() {
            let shown: String = name.chars().take(MAX_CHARACTERS).collect();
            let place = location.push_key(&shown);
            let entry = check(&name)
                .map_err(|refused| Faults::refused(refused, place))
                .and_then(|()| V::deserialize_from_value(value.into_value(), place));
            match entry {
                Ok(value) => {
                    entries.insert(name, value);
                }
                Err(more) => match <Faults as MergeWithError<Faults>>::merge(faults, more, place) {
                    ControlFlow::Continue(all) => faults = Some(all),
                    ControlFlow::Break(all) => return Err(all),
                },
            }
        }
        match faults {
            Some(faults) => Err(faults),
            None => Ok(Names(entries)),
        }
    }
}

impl<V: ToSchema, const MAX: usize> ComposeSchema for Names<V, MAX> {
    fn compose(_generics: Vec<RefOr<Schema>>) -> RefOr<Schema> {
        let object = ObjectBuilder::new()
            .schema_type(Type::Object)
            .additional_properties(Some(V::schema()))
            .max_properties(Some(MAX))
            .description(Some("Names have 1-200 characters"));
        RefOr::T(Schema::Object(object.build()))
    }
}

impl<V: ToSchema, const MAX: usize> ToSchema for Names<V, MAX> {
    fn name() -> Cow<'static, str> {
        format!("{}By{MAX}Names", V::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        V::schemas(schemas);
    }
}
