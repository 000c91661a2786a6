//! JSON files that a person reads: the members that say what a thing is come first, the others in
//! alphabetical order, whatever order the value was built in.

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;

/// In this order before all others: of documents and schemas, then of event envelopes.
#[rustfmt::skip]
const FIRST: [&str; 32] = [
    "$schema", "$id", "openapi", "operationId", "title", "summary", "description", "info", "tags",
    "servers", "name", "in", "type", "format", "const", "enum", "properties", "required", "items",
    "specversion", "id", "source", "time", "subject", "datacontenttype", "dataschema", "orgid",
    "actorid", "traceparent", "correlationid", "causationid", "data",
];

/// Indented text with a final line feed.
pub(super) fn pretty(value: &Value) -> anyhow::Result<String> {
    let mut text = serde_json::to_string_pretty(&Ordered(value))?;
    text.push('\n');
    Ok(text)
}

struct Ordered<'a>(&'a Value);

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(members) => {
                let mut sorted: Vec<_> = members.iter().collect();
                sorted.sort_by_key(|(name, _)| (rank(name), name.as_str()));
                let mut map = serializer.serialize_map(Some(sorted.len()))?;
                for (name, member) in sorted {
                    map.serialize_entry(name, &Ordered(member))?;
                }
                map.end()
            }
            Value::Array(items) => serializer.collect_seq(items.iter().map(Ordered)),
            scalar => scalar.serialize(serializer),
        }
    }
}

fn rank(name: &str) -> usize {
    FIRST.iter().position(|first| *first == name).unwrap_or(FIRST.len())
}
