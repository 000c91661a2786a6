//! Examples: those a schema gives, and made ones where it gives none.

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Number, Value};

use super::schema::{Schemas, type_id_prefixes};

/// JSON whose members keep the order of the schema.
#[derive(Debug, PartialEq)]
pub(super) enum Example {
    Object(Vec<(String, Example)>),
    Array(Vec<Example>),
    Scalar(Value),
}

impl Serialize for Example {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Example::Object(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (name, member) in members {
                    map.serialize_entry(name, member)?;
                }
                map.end()
            }
            Example::Array(items) => serializer.collect_seq(items),
            Example::Scalar(value) => value.serialize(serializer),
        }
    }
}

impl Example {
    pub(super) fn pretty(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Without members the schema does not know.
    fn only(self, properties: &[(&String, &Value, bool)]) -> Example {
        let Example::Object(mut members) = self else { return self };
        members.retain(|(name, _)| properties.iter().any(|(known, _, _)| *known == name));
        Example::Object(members)
    }

    /// The text of a scalar, as it stands in a path or query.
    pub(super) fn plain(&self) -> String {
        match self {
            Example::Scalar(Value::String(text)) => text.clone(),
            other => serde_json::to_string(other).unwrap_or_default(),
        }
    }
}

/// Deeper than any schema of ours.
const MAX_DEPTH: usize = 8;

/// Of ids, times and dates, so that they stay the same.
const ID: &str = "01jdz7xk2nf5h9vq3w8c6m4t0b";
const TIME: &str = "2026-11-23T01:04:58.000Z";
const DATE: &str = "2026-11-23";

impl Schemas<'_> {
    /// An example of a schema: its own, or one made of its types.
    pub(super) fn example(&self, schema: &Value) -> Example {
        self.example_at(schema, 0)
    }

    fn example_at(&self, schema: &Value, depth: usize) -> Example {
        let (schema, _) = self.not_null(schema);
        let lent = self.lent_example(schema);
        let schema = self.resolve(schema);
        let given = [&schema["example"], &schema["examples"][0], &schema["const"]];
        if let Some(given) = given.into_iter().find(|given| !given.is_null()) {
            return self.in_order(given, schema);
        }
        if let Some(lent) = lent {
            return self.in_order(lent, schema).only(&self.properties(schema));
        }
        let properties = self.properties(schema);
        if !properties.is_empty() && depth < MAX_DEPTH {
            let members = properties.into_iter().map(|(name, property, _)| {
                let example = match name.as_str() {
                    // Of a list with one page.
                    "nextCursor" => Example::Scalar(Value::Null),
                    _ => self.example_at(property, depth + 1),
                };
                (name.clone(), example)
            });
            return Example::Object(members.collect());
        }
        if let Some(items) = schema.get("items").filter(|_| depth < MAX_DEPTH) {
            return Example::Array(vec![self.example_at(items, depth + 1)]);
        }
        Example::Scalar(scalar(schema))
    }

    /// A given example with its members in the schema's order.
    fn in_order(&self, value: &Value, schema: &Value) -> Example {
        let schema = self.resolve(self.not_null(schema).0);
        match value {
            Value::Object(given) => {
                let properties = self.properties(schema);
                let known = properties.iter().filter_map(|(name, property, _)| {
                    given.get(*name).map(|value| ((*name).clone(), self.in_order(value, property)))
                });
                let is_known =
                    |name: &String| properties.iter().any(|(known, _, _)| *known == name);
                let unknown = given
                    .iter()
                    .filter(|(name, _)| !is_known(name))
                    .map(|(name, value)| (name.clone(), self.in_order(value, &Value::Null)));
                Example::Object(known.chain(unknown).collect())
            }
            Value::Array(given) => {
                let items = &schema["items"];
                Example::Array(given.iter().map(|value| self.in_order(value, items)).collect())
            }
            scalar => Example::Scalar(scalar.clone()),
        }
    }
}

fn scalar(schema: &Value) -> Value {
    let given = [&schema["default"], &schema["enum"][0]];
    if let Some(given) = given.into_iter().find(|given| !given.is_null()) {
        return given.clone();
    }
    let kind = match &schema["type"] {
        Value::Array(several) => several.iter().find(|kind| **kind != "null"),
        one => Some(one),
    };
    match kind.and_then(Value::as_str).unwrap_or_default() {
        "string" => text(schema).into(),
        "integer" => schema["minimum"].as_i64().unwrap_or_default().max(1).into(),
        "number" => Number::from_f64(0.5).into(),
        "boolean" => false.into(),
        "object" => Value::Object(serde_json::Map::new()),
        _ => Value::Null,
    }
}

fn text(schema: &Value) -> String {
    if let Some(prefix) = type_id_prefixes(schema).and_then(|all| all.first().copied()) {
        return format!("{prefix}_{ID}");
    }
    let text = match schema["format"].as_str().unwrap_or_default() {
        "date-time" => TIME,
        "date" => DATE,
        "email" => "ada@example.com",
        "uri" => "https://example.com/",
        "uuid" => "019357d4-8c21-7e55-9d0b-3a6f12c840aa",
        _ => match schema["pattern"].as_str().unwrap_or_default() {
            // Id or key: keys are what people type.
            pattern if pattern.contains("]{0,9}") => "WEB-1",
            pattern if pattern.contains("[A-Za-z0-9]{1,9}") => "WEB",
            _ => "text",
        },
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn examples_keep_the_order_of_the_schema() {
        let document = json!({ "components": { "schemas": {} } });
        let schemas = Schemas::of("planning", &document);
        let schema = json!({
            "type": "object",
            "required": ["to", "by"],
            "properties": {
                "at": { "type": "string", "format": "date" },
                "by": { "type": "string", "pattern": "^usr_[0-7][0-9a-hjkmnp-tv-z]{25}$" },
                "to": { "type": "string", "enum": ["done", "open"] },
            },
        });
        let made = schemas.example(&schema).pretty();
        let expected =
            format!("{{\n  \"to\": \"done\",\n  \"by\": \"usr_{ID}\",\n  \"at\": \"{DATE}\"\n}}");
        assert_eq!(made, expected);
        let mut with_example = schema.clone();
        with_example["example"] = json!({ "by": "x", "more": 1, "to": "y" });
        let given = serde_json::to_string(&schemas.example(&with_example)).expect("JSON");
        assert_eq!(given, "{\"to\":\"y\",\"by\":\"x\",\"more\":1}");
    }
}
