//! The OpenAPI 3.1 document of a service.

use std::collections::{BTreeMap, BTreeSet};

use millwright_core::{Code, codes};
use millwright_manifest::Method;
use serde_json::{Map, Value, json};
use utoipa::__dev::Tags;

use super::{Api, Describing, Entry};
use crate::{
    OperationDocument,
    describe::{each_reference, problem_schema},
};

/// How an operation is described.
#[derive(Clone, Copy, Debug)]
pub struct Description {
    /// What it is called and does, as OpenAPI's operation object.
    pub(super) texts: fn() -> Value,
    /// What it takes and answers.
    pub(super) describe: fn(&mut OperationDocument),
}

impl Description {
    /// What `#[utoipa::path]` has read from the comment of the handler.
    pub(super) fn texts_of<R: utoipa::Path + for<'t> Tags<'t>>() -> Value {
        let mut operation = R::operation();
        // The library keeps the tag of an operation apart from it.
        operation.tags = Some(R::tags().into_iter().map(str::to_owned).collect());
        serde_json::to_value(operation).unwrap_or_default()
    }
}

impl<S> Api<S, Describing> {
    /// The OpenAPI 3.1 document.
    pub fn document(&self, title: &str, description: &str, own_codes: &[Code]) -> Document {
        let mut paths: Map<String, Value> = Map::new();
        let mut schemas: BTreeMap<String, Value> = BTreeMap::new();
        let mut inputs: BTreeSet<String> = BTreeSet::new();
        for entry in &self.entries {
            let mut described = OperationDocument::default();
            (entry.description.describe)(&mut described);
            described.problem(500, "internal", "Something went wrong: tell us the requestId");
            described.problem(503, "unavailable", "Temporarily not available: try again");
            for code in entry.problems {
                let status = crate::problem::status(code.kind).as_u16();
                described.problem(status, code.name, code.title);
            }
            inputs.extend(described.input_schemas.iter().cloned());
            schemas.extend(described.schemas.drain(..));
            let operation = operation_document(self.service, entry, described);
            let method = entry.operation.method.as_str().to_ascii_lowercase();
            let documented = entry.operation.path.replace("{*", "{");
            let path = paths.entry(documented).or_insert_with(|| json!({}));
            path[method] = operation;
        }
        let all_codes: Vec<&Code> = codes::ALL.iter().chain(own_codes).collect();
        schemas.insert("Problem".to_owned(), problem_schema(&all_codes));
        close_inputs(&mut schemas, &inputs);
        let mut document = json!({
            "openapi": "3.1.0",
            "info": { "title": title, "description": description, "version": "1" },
            "paths": paths,
            "components": {
                "schemas": schemas,
                "securitySchemes": {
                    "bearer": {
                        "type": "http",
                        "scheme": "bearer",
                        "bearerFormat": "JWT",
                        "description": "An access token or API key",
                    },
                },
            },
        });
        inline_leaves(&mut document);
        prefix_schemas(&mut document, self.service);
        Document(document)
    }
}

/// An OpenAPI document.
#[derive(Clone, Debug)]
pub struct Document(pub Value);

fn operation_document<S>(
    service: &str,
    entry: &Entry<S, Describing>,
    described: OperationDocument,
) -> Value {
    let mut document = (entry.description.texts)();
    let path = &entry.operation.path;
    document["operationId"] = json!(format!("{service}.{}", entry.operation.name));
    let names = path.split('/').filter_map(|s| s.strip_prefix('{')?.strip_suffix('}'));
    let names = names.map(|name| name.trim_start_matches('*'));
    let mut parameters: Vec<Value> = names
        .zip(described.path_parameters)
        .map(|(name, schema)| json!({ "name": name, "in": "path", "required": true, "schema": schema }))
        .collect();
    let is_get = entry.operation.method == Method::Get;
    parameters.extend(
        described.parameters.into_iter().filter(|p| is_get || p["name"] != "If-None-Match"),
    );
    if !parameters.is_empty() {
        document["parameters"] = Value::Array(parameters);
    }
    if let Some(body) = described.request_body {
        document["requestBody"] = body;
    }
    let responses: Map<String, Value> = described
        .responses
        .into_iter()
        .filter(|(status, _)| is_get || *status != 304)
        .map(|(status, response)| (status.to_string(), response))
        .collect();
    document["responses"] = Value::Object(responses);
    if described.needs_credential {
        document["security"] = json!([{ "bearer": [] }]);
    }
    if let Some(permission) = described.permission {
        document["x-permission"] = json!(permission.code);
    }
    document
}

/// Inputs refuse unknown members, and so do the objects within them.
fn close_inputs(schemas: &mut BTreeMap<String, Value>, inputs: &BTreeSet<String>) {
    let mut reachable: BTreeSet<String> = BTreeSet::new();
    let mut pending: Vec<String> = inputs.iter().cloned().collect();
    while let Some(name) = pending.pop() {
        let Some(schema) = schemas.get_mut(&name) else { continue };
        if !reachable.insert(name) {
            continue;
        }
        each_reference(schema, &mut |reference| {
            if let Some(Value::String(target)) = reference.get("$ref") {
                pending.extend(target.rsplit('/').next().map(str::to_owned));
            }
        });
        if schema["type"] == "object" {
            schema["additionalProperties"] = json!(false);
        }
    }
}

/// Replaces references to plain strings, numbers and the like by what they refer to: a reader
/// wants `maxLength: 200`, not `Line1To200`.
fn inline_leaves(document: &mut Value) {
    let schemas = document["components"]["schemas"].as_object().cloned().unwrap_or_default();
    let is_leaf = |schema: &Value| {
        schema["type"] != "object" && schema.get("enum").is_none() && schema.get("allOf").is_none()
    };
    // Leaves refer to other leaves at most a few levels deep (a list of labels, a nullable line).
    for _ in 0..4 {
        each_reference(document, &mut |reference| {
            let Some(Value::String(target)) = reference.get("$ref") else { return };
            let name = target.rsplit('/').next().unwrap_or_default();
            let Some(schema) = schemas.get(name).filter(|schema| is_leaf(schema)) else { return };
            let mut inlined = schema.as_object().cloned().unwrap_or_default();
            for (member, value) in std::mem::take(reference) {
                if member != "$ref" {
                    inlined.insert(member, value);
                }
            }
            *reference = inlined;
        });
    }
    if let Some(all) = document["components"]["schemas"].as_object_mut() {
        all.retain(|_, schema| !is_leaf(schema));
    }
}

/// `Task` becomes `PlanningTask`: the joined document has no double.
fn prefix_schemas(document: &mut Value, service: &str) {
    let prefix: String = service
        .split('-')
        .map(|word| {
            let (first, rest) = word.split_at(1.min(word.len()));
            format!("{}{rest}", first.to_ascii_uppercase())
        })
        .collect();
    each_reference(document, &mut |reference| {
        if let Some(Value::String(target)) = reference.get_mut("$ref")
            && let Some(name) = target.strip_prefix("#/components/schemas/")
        {
            *target = format!("#/components/schemas/{prefix}{name}");
        }
    });
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        *schemas = std::mem::take(schemas)
            .into_iter()
            .map(|(name, schema)| (format!("{prefix}{name}"), schema))
            .collect();
    }
}
