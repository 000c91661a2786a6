//! `infra/openapi/<service>.json`, and all of them joined in `infra/openapi.json`.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use millwright_manifest::Service;
use serde_json::{Map, Value, json};

use super::{json, output::Output};

const DESCRIPTION: &str = "The backend of an AI-assisted software-engineering workspace. Every \
    operation takes and gives JSON; errors are problems (RFC 9457).";

pub(super) fn generate(services: &[Service], output: &mut Output) -> Result<()> {
    let mut joined = Joined::default();
    for service in services {
        let document = (service.openapi)();
        let has_paths = document["paths"].as_object().is_some_and(|paths| !paths.is_empty());
        if !has_paths {
            continue;
        }
        joined.add(service, &document)?;
        output.add(format!("infra/openapi/{}.json", service.name), json::pretty(&document)?)?;
    }
    output.add("infra/openapi.json", json::pretty(&joined.document())?)
}

#[derive(Default)]
struct Joined {
    tags: Vec<Value>,
    paths: Map<String, Value>,
    components: Map<String, Value>,
    operations: BTreeSet<String>,
}

impl Joined {
    fn add(&mut self, service: &Service, document: &Value) -> Result<()> {
        for (path, operations) in members(&document["paths"]) {
            for (method, operation) in members(operations) {
                let Some(id) = operation["operationId"].as_str() else {
                    bail!("{}: {method} {path} has no operationId", service.name);
                };
                if !self.operations.insert(id.to_owned()) {
                    bail!("{}: operationId {id} exists already", service.name);
                }
            }
            if self.paths.insert(path.clone(), operations.clone()).is_some() {
                bail!("{}: another service has the path {path}", service.name);
            }
        }
        for (kind, components) in members(&document["components"]) {
            let all = self.components.entry(kind.clone()).or_insert_with(|| json!({}));
            for (name, component) in members(components) {
                match all.get(name) {
                    Some(other) if other != component => {
                        bail!("{}: another service means something else by {name}", service.name);
                    }
                    _ => all[name] = component.clone(),
                }
            }
        }
        for tag in document["tags"].as_array().into_iter().flatten() {
            if !self.tags.contains(tag) {
                self.tags.push(tag.clone());
            }
        }
        Ok(())
    }

    fn document(self) -> Value {
        let mut document = json!({
            "openapi": "3.1.0",
            "info": { "title": "Millwright", "description": DESCRIPTION, "version": "1" },
            "paths": self.paths,
            "components": self.components,
        });
        if !self.tags.is_empty() {
            document["tags"] = Value::Array(self.tags);
        }
        document
    }
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}
