//! Objects with any keys.

use std::{
    collections::BTreeMap,
    ops::{ControlFlow, Deref},
};

use deserr::{
    DeserializeError, Deserr, ErrorKind, IntoValue, Map, MergeWithError, Value, ValueKind,
    ValuePointerRef,
};

use crate::Faults;

/// An object of a request with any keys. deserr's own way to read a map leaves out, without a word,
/// the entries that cannot be read; here each is a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entries<T>(pub BTreeMap<String, T>);

impl<T> Default for Entries<T> {
    fn default() -> Entries<T> {
        Entries(BTreeMap::new())
    }
}

impl<T> FromIterator<(String, T)> for Entries<T> {
    fn from_iter<I: IntoIterator<Item = (String, T)>>(entries: I) -> Entries<T> {
        Entries(entries.into_iter().collect())
    }
}

impl<T> Deref for Entries<T> {
    type Target = BTreeMap<String, T>;

    fn deref(&self) -> &BTreeMap<String, T> {
        &self.0
    }
}

impl<T: Deserr<Faults>> Deserr<Faults> for Entries<T> {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Faults> {
        let Value::Map(map) = value else {
            let kind = ErrorKind::IncorrectValueKind { actual: value, accepted: &[ValueKind::Map] };
            return Err(merged(Faults::error::<V>(None, kind, location)));
        };
        let (mut entries, mut faults) = (BTreeMap::new(), None);
        for (key, value) in map.into_iter() {
            let place = location.push_key(&key);
            match T::deserialize_from_value(value.into_value(), place) {
                Ok(value) => drop(entries.insert(key, value)),
                Err(more) => faults = Some(merged(Faults::merge(faults, more, place))),
            }
        }
        faults.map_or(Ok(Entries(entries)), Err)
    }
}

fn merged(flow: ControlFlow<Faults, Faults>) -> Faults {
    match flow {
        ControlFlow::Continue(faults) | ControlFlow::Break(faults) => faults,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Bounded;

    #[test]
    fn every_entry_is_read_or_a_fault() {
        let read = |json: &str| {
            let value: serde_json::Value = serde_json::from_str(json).expect("JSON");
            deserr::deserialize::<Entries<Bounded<1, 5>>, _, Faults>(value)
                .map(|it| it.len())
                .map_err(|it| it.0.into_iter().map(|it| it.pointer).collect::<Vec<_>>())
        };
        assert_eq!(read(r#"{"a": 1, "b": 5}"#), Ok(2));
        assert_eq!(read(r#"{"a": 9, "b": 5, "c/d": "x"}"#), Err(vec!["/a".into(), "/c~1d".into()]));
        assert_eq!(read("[1]"), Err(vec![String::new()]));
    }
}
