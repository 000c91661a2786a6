//! JSON Schemas as a reader wants them: one row per field, types in words.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use super::{
    members,
    text::{escape, phrase},
};

/// The schemas of one service.
pub(super) struct Schemas<'a> {
    components: &'a Value,
    /// What their names begin with.
    prefix: String,
}

/// A schema with a section of its own.
#[derive(Debug, Serialize)]
pub(super) struct SchemaView {
    id: String,
    name: String,
    description_html: String,
    fields: Vec<Field>,
}

/// A row: a field of a body, or a parameter.
#[derive(Debug, Serialize)]
pub(super) struct Field {
    /// `settings.` where it is a field of a field.
    pub(super) owner: String,
    pub(super) name: String,
    pub(super) is_required: bool,
    pub(super) type_html: String,
    /// Limits, format, default.
    pub(super) facts_html: Vec<String>,
    /// The closed list of values.
    pub(super) values: Vec<String>,
    pub(super) description_html: String,
}

/// Whether fields of fields become rows too, or links to their schema's section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nested {
    Rows,
    Links,
}

/// Deeper than anybody reads.
const MAX_DEPTH: usize = 5;

const REFERENCE: &str = "#/components/schemas/";

impl<'a> Schemas<'a> {
    pub(super) fn of(service: &str, document: &'a Value) -> Schemas<'a> {
        let prefix = service
            .split('-')
            .map(|word| {
                let (first, rest) = word.split_at(word.len().min(1));
                format!("{}{rest}", first.to_ascii_uppercase())
            })
            .collect();
        Schemas { components: &document["components"]["schemas"], prefix }
    }

    /// The schema a reference leads to; any other is itself.
    pub(super) fn resolve<'s>(&self, schema: &'s Value) -> &'s Value
    where
        'a: 's,
    {
        match reference(schema) {
            Some(name) => &self.components[name],
            None => schema,
        }
    }

    /// `Task` of `PlanningTask`.
    fn short<'n>(&self, name: &'n str) -> &'n str {
        name.strip_prefix(&self.prefix).unwrap_or(name)
    }

    /// Without null, and whether null was one of its values.
    pub(super) fn not_null<'s>(&self, schema: &'s Value) -> (&'s Value, bool) {
        for choice in ["oneOf", "anyOf"] {
            let Some(choices) = schema[choice].as_array() else { continue };
            let is_null = |choice: &&Value| choice["type"] == "null";
            let mut others = choices.iter().filter(|choice| !is_null(choice));
            if let (Some(only), None, true) =
                (others.next(), others.next(), choices.iter().any(|choice| is_null(&choice)))
            {
                return (only, true);
            }
        }
        let is_nullable =
            schema["type"].as_array().is_some_and(|types| types.contains(&Value::from("null")));
        (schema, is_nullable)
    }

    /// Properties of an object, of all parts of a composed one: the required first, as declared.
    pub(super) fn properties<'s>(&self, schema: &'s Value) -> Vec<(&'s String, &'s Value, bool)>
    where
        'a: 's,
    {
        let schema = self.resolve(schema);
        let mut properties = Vec::new();
        for part in schema["allOf"].as_array().into_iter().flatten() {
            properties.extend(self.properties(part));
        }
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let place = |name: &str| required.iter().position(|known| *known == name);
        let mut own: Vec<(&String, &Value, bool)> = members(&schema["properties"])
            .map(|(name, property)| (name, property, place(name).is_some()))
            .collect();
        own.sort_by_key(|(name, _, _)| place(name).unwrap_or(usize::MAX));
        properties.extend(own);
        properties
    }

    pub(super) fn fields(&self, schema: &Value, nested: Nested) -> Vec<Field> {
        let mut fields = Vec::new();
        self.add_fields(schema, nested, "", &mut fields, 0);
        fields
    }

    fn add_fields(
        &self,
        schema: &Value,
        nested: Nested,
        owner: &str,
        fields: &mut Vec<Field>,
        depth: usize,
    ) {
        for (name, property, is_required) in self.properties(schema) {
            fields.push(self.field(owner, name, property, is_required, nested));
            let (inner, _) = self.not_null(property);
            let (below, mark) = match inner.get("items") {
                Some(items) => (self.not_null(items).0, "[]"),
                None => (inner, ""),
            };
            let is_linked = nested == Nested::Links && self.link(below).is_some();
            if !is_linked && depth < MAX_DEPTH {
                let owner = format!("{owner}{name}{mark}.");
                self.add_fields(below, nested, &owner, fields, depth + 1);
            }
        }
    }

    pub(super) fn field(
        &self,
        owner: &str,
        name: &str,
        schema: &Value,
        is_required: bool,
        nested: Nested,
    ) -> Field {
        let (inner, is_nullable) = self.not_null(schema);
        let resolved = self.resolve(inner);
        let element = match resolved.get("items") {
            Some(items) => self.resolve(self.not_null(items).0),
            None => resolved,
        };
        let mut type_html = self.type_html(inner, nested);
        if is_nullable {
            type_html.push_str(" or null");
        }
        // The description of a type's own says nothing of this use of it.
        let description = [schema, inner]
            .iter()
            .find_map(|schema| schema["description"].as_str())
            .filter(|text| !text.starts_with("TypeID: "))
            .unwrap_or_default();
        Field {
            owner: owner.to_owned(),
            name: name.to_owned(),
            is_required,
            type_html,
            facts_html: facts(schema, resolved, element),
            values: element["enum"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
                .collect(),
            description_html: phrase(description),
        }
    }

    /// The type in words, with links to the sections of schemas unless their fields are rows.
    pub(super) fn type_html(&self, schema: &Value, nested: Nested) -> String {
        if let Some((name, id)) = self.link(schema).filter(|_| nested == Nested::Links) {
            return format!("<a href=\"#{id}\">{}</a>", escape(name));
        }
        let schema = self.resolve(schema);
        if let Some(prefixes) = type_id_prefixes(schema) {
            let ids: Vec<String> =
                prefixes.iter().map(|prefix| format!("<code>{prefix}_…</code>")).collect();
            return format!("id {}", ids.join(" or "));
        }
        if let Some(items) = schema.get("items") {
            return format!("array of {}", self.type_html(self.not_null(items).0, nested));
        }
        if let Some(values) = schema.get("additionalProperties").filter(|values| values.is_object())
        {
            return format!("object: text to {}", self.type_html(values, nested));
        }
        let types: Vec<&str> = match &schema["type"] {
            Value::String(one) => vec![one],
            Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
            _ if schema.get("allOf").is_some() => vec!["object"],
            _ => vec!["any JSON"],
        };
        let named: Vec<&str> = types.into_iter().filter(|name| *name != "null").collect();
        escape(&named.join(" or "))
    }

    /// The example of a schema that is composed of this one and others.
    pub(super) fn lent_example<'s>(&self, schema: &'s Value) -> Option<&'s Value>
    where
        'a: 's,
    {
        let name = schema.get("$ref")?;
        members(self.components)
            .filter(|(_, other)| {
                let mut parts = other["allOf"].as_array().into_iter().flatten();
                parts.any(|part| part.get("$ref") == Some(name))
            })
            .find_map(|(_, other)| other.get("example"))
    }

    /// Name and section of a schema that has one: an object with fields, of some name.
    fn link<'s>(&self, schema: &'s Value) -> Option<(&'s str, String)>
    where
        'a: 's,
    {
        let name = reference(schema)?;
        let is_object = !self.properties(schema).is_empty();
        is_object.then(|| (self.short(name), format!("schema.{name}")))
    }

    /// The schema of a page's items, if this is one.
    pub(super) fn page_items<'s>(&self, schema: &'s Value) -> Option<&'s Value>
    where
        'a: 's,
    {
        let properties = &self.resolve(schema)["properties"];
        properties.get("nextCursor").and(properties["items"].get("items"))
    }

    /// All schemas that answers lead to, by name.
    pub(super) fn answered(&self, paths: &Value) -> Vec<SchemaView> {
        let mut names = BTreeSet::new();
        for (_, operations) in members(paths) {
            for (_, operation) in members(operations) {
                for (status, response) in members(&operation["responses"]) {
                    if status.starts_with('2') {
                        let schema = &response["content"]["application/json"]["schema"];
                        let schema = self.page_items(schema).unwrap_or(schema);
                        self.collect(schema, &mut names);
                    }
                }
            }
        }
        names
            .into_iter()
            .map(|name| {
                let schema = &self.components[&name];
                SchemaView {
                    id: format!("schema.{name}"),
                    name: self.short(&name).to_owned(),
                    description_html: phrase(schema["description"].as_str().unwrap_or_default()),
                    fields: self.fields(schema, Nested::Links),
                }
            })
            .collect()
    }

    fn collect(&self, schema: &Value, names: &mut BTreeSet<String>) {
        if self.link(schema).is_some()
            && let Some(name) = reference(schema)
            && !names.insert(name.to_owned())
        {
            return;
        }
        for (_, property, _) in self.properties(schema) {
            self.collect(self.not_null(property).0, names);
        }
        for below in ["items", "additionalProperties"] {
            if let Some(inner) = schema.get(below).filter(|inner| inner.is_object()) {
                self.collect(self.not_null(inner).0, names);
            }
        }
    }
}

fn reference(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.strip_prefix(REFERENCE)
}

/// `prj` of `^prj_[0-7]…`, both of `^(usr|agt)_[0-7]…`.
pub(super) fn type_id_prefixes(schema: &Value) -> Option<Vec<&str>> {
    let (prefixes, rest) = schema["pattern"].as_str()?.strip_prefix('^')?.split_once("_[0-7]")?;
    if !rest.ends_with("{25}$") || rest.contains('|') {
        return None;
    }
    let prefixes = prefixes.trim_start_matches('(').trim_end_matches(')');
    let all: Vec<&str> = prefixes.split('|').collect();
    all.iter()
        .all(|prefix| prefix.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
        .then_some(all)
}

/// Limits in words; `element` is what an array holds, else the same as `schema`.
fn facts(outer: &Value, schema: &Value, element: &Value) -> Vec<String> {
    let mut facts = Vec::new();
    if let Some(format) = element["format"].as_str().and_then(format_in_words) {
        facts.push(format.to_owned());
    }
    facts.extend(range(element, "minLength", "maxLength", "characters"));
    facts.extend(range(element, "minimum", "maximum", ""));
    // An id is told by its prefix; what else a path takes in its place, by the description.
    if let Some(pattern) = element["pattern"].as_str().filter(|pattern| !pattern.contains("_[0-7]"))
    {
        facts.push(format!("matches <code>{}</code>", escape(pattern)));
    }
    if schema.get("items").is_some()
        && let Some(first) = facts.first_mut()
    {
        first.insert_str(0, "each ");
    }
    facts.extend(range(schema, "minItems", "maxItems", "items"));
    let default = [outer, schema].iter().find_map(|schema| schema.get("default"));
    if let Some(default) = default.filter(|default| !default.is_null()) {
        facts.push(format!("default <code>{}</code>", escape(&plain(default))));
    }
    facts
}

/// `1–200 characters`, `at most 100`.
fn range(schema: &Value, least: &str, most: &str, unit: &str) -> Option<String> {
    let least = schema.get(least).filter(|least| least.as_f64() != Some(0.0)).map(grouped);
    let most = schema.get(most).map(grouped);
    let numbers = match (least, most) {
        (Some(least), Some(most)) => format!("{least}–{most}"),
        (Some(least), None) => format!("at least {least}"),
        (None, Some(most)) => format!("at most {most}"),
        (None, None) => return None,
    };
    Some(if unit.is_empty() { numbers } else { format!("{numbers} {unit}") })
}

/// `64,000`.
fn grouped(number: &Value) -> String {
    let text = number.to_string();
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
    if digits.len() < 5 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return text;
    }
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{sign}{grouped}")
}

fn format_in_words(format: &str) -> Option<&'static str> {
    Some(match format {
        "date-time" => "RFC 3339 time, UTC",
        "date" => "<code>YYYY-MM-DD</code>",
        "markdown" => "CommonMark",
        "uri" => "URI",
        "email" => "e-mail address",
        "uuid" => "UUID",
        _ => return None,
    })
}

/// A text without its quotes.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_are_told_by_their_prefixes() {
        let id = json!({ "pattern": "^(usr|agt)_[0-7][0-9a-hjkmnp-tv-z]{25}$" });
        assert_eq!(type_id_prefixes(&id), Some(vec!["usr", "agt"]));
        let either = json!({ "pattern": "^(prj_[0-7][0-9a-hjkmnp-tv-z]{25}|[A-Z]+)$" });
        assert_eq!(type_id_prefixes(&either), None);
    }

    #[test]
    fn ranges_read_as_one_would_say_them() {
        let schema = json!({ "minLength": 1, "maxLength": 64_000, "minimum": 0, "maximum": 100 });
        let range = |least, most, unit| range(&schema, least, most, unit);
        assert_eq!(
            range("minLength", "maxLength", "characters").expect("both"),
            "1–64,000 characters"
        );
        assert_eq!(range("minimum", "maximum", "").expect("one"), "at most 100");
        assert_eq!(range("minItems", "maxItems", "items"), None);
    }

    #[test]
    fn fields_of_fields_are_rows_of_their_own() {
        let document = json!({ "components": { "schemas": {
            "PlanningIn": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "criteria": { "type": "array", "items": {
                        "type": "object", "properties": { "text": { "type": "string" } },
                    } },
                    "name": { "oneOf": [{ "type": "string" }, { "type": "null" }] },
                },
            },
        } } });
        let schemas = Schemas::of("planning", &document);
        let body = json!({ "$ref": "#/components/schemas/PlanningIn" });
        let rows: Vec<(String, String, bool)> = schemas
            .fields(&body, Nested::Rows)
            .into_iter()
            .map(|field| (field.owner + &field.name, field.type_html, field.is_required))
            .collect();
        let expected = [
            ("name", "string or null", true),
            ("criteria", "array of object", false),
            ("criteria[].text", "string", false),
        ];
        assert_eq!(rows, expected.map(|(name, kind, is)| (name.to_owned(), kind.to_owned(), is)));
    }
}
