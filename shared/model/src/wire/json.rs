//! Reading JSON of unknown form, with the name of the field in every fault.

use serde_json::{Map, Value};

use crate::common::Fault;

/// An object that is being read.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'a> {
    pub(crate) map: &'a Map<String, Value>,
    pub(crate) path: String,
}

impl<'a> Fields<'a> {
    pub(crate) fn of(value: &'a Value, path: impl Into<String>) -> Result<Fields<'a>, Fault> {
        let path = path.into();
        match value {
            Value::Object(map) => Ok(Fields { map, path }),
            _ => Err(Fault::new(path, "must be an object")),
        }
    }

    pub(crate) fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    pub(crate) fn fault(&self, name: &str, message: impl Into<String>) -> Fault {
        Fault::new(self.path_of(name), message)
    }

    /// Null is absent.
    pub(crate) fn get(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    fn typed<T>(
        &self,
        name: &str,
        wanted: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, Fault> {
        let Some(value) = self.get(name) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| self.fault(name, format!("must be {wanted}")))
    }

    pub(crate) fn str(&self, name: &str) -> Result<Option<&'a str>, Fault> {
        self.typed(name, "a string", Value::as_str)
    }

    pub(crate) fn text(&self, name: &str) -> Result<String, Fault> {
        self.str(name)?.map(str::to_owned).ok_or_else(|| self.fault(name, "is required"))
    }

    pub(crate) fn bool(&self, name: &str) -> Result<Option<bool>, Fault> {
        self.typed(name, "a boolean", Value::as_bool)
    }

    pub(crate) fn f64(&self, name: &str) -> Result<Option<f64>, Fault> {
        self.typed(name, "a number", Value::as_f64)
    }

    pub(crate) fn u64(&self, name: &str) -> Result<Option<u64>, Fault> {
        self.typed(name, "an integer, at least 0", Value::as_u64)
    }

    pub(crate) fn i64(&self, name: &str) -> Result<Option<i64>, Fault> {
        self.typed(name, "an integer", Value::as_i64)
    }

    pub(crate) fn array(&self, name: &str) -> Result<&'a [Value], Fault> {
        Ok(self.typed(name, "an array", Value::as_array)?.map(Vec::as_slice).unwrap_or_default())
    }

    pub(crate) fn object(&self, name: &str) -> Result<Option<Fields<'a>>, Fault> {
        self.get(name).map(|value| Fields::of(value, self.path_of(name))).transpose()
    }

    /// The objects of an array.
    pub(crate) fn objects(&self, name: &str) -> Result<Vec<Fields<'a>>, Fault> {
        let path = self.path_of(name);
        let each = |(index, value)| Fields::of(value, format!("{path}[{index}]"));
        self.array(name)?.iter().enumerate().map(each).collect()
    }

    /// A string, or an array of strings.
    pub(crate) fn strings(&self, name: &str) -> Result<Vec<String>, Fault> {
        let wanted = || self.fault(name, "must be a string or an array of strings");
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(Value::String(one)) => Ok(vec![one.clone()]),
            Some(Value::Array(many)) => many
                .iter()
                .map(|value| value.as_str().map(str::to_owned).ok_or_else(wanted))
                .collect(),
            Some(_) => Err(wanted()),
        }
    }
}

/// Of answers, where what is not there counts as empty.
pub(crate) fn string(value: &Value, name: &str) -> String {
    text_at(value, name).unwrap_or_default().to_owned()
}

pub(crate) fn text_at<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}

pub(crate) fn array<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// A count; some upstreams write `12.0`.
pub(crate) fn count(value: &Value, name: &str) -> u64 {
    let value = value.get(name);
    let whole = value.and_then(Value::as_u64);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    whole.or_else(|| value.and_then(Value::as_f64).map(|count| count as u64)).unwrap_or_default()
}

pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Sets a field if there is something to set.
pub(crate) fn set(map: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        map.insert(name.to_owned(), value.into());
    }
}

/// The arguments of a call as the object that Anthropic and Ollama want. What is no JSON object is
/// kept in one, or the model would be told that it said nothing.
pub(crate) fn arguments(json: &str) -> Value {
    match serde_json::from_str(json) {
        Ok(Value::Object(map)) => Value::Object(map),
        _ if json.trim().is_empty() => Value::Object(Map::new()),
        Ok(other) => serde_json::json!({ "arguments": other }),
        Err(_) => serde_json::json!({ "arguments": json }),
    }
}
