//! `events/<type>.json`: the schema of every public event as it travels, with an example.

use anyhow::{Context, Result, bail};
use millwright_core::{OrgId, UserId};
use millwright_event::{Envelope, EventType, MAX_EVENT_BYTES, SOURCE_PREFIX};
use millwright_manifest::Service;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{json, output::Output};

/// Of the examples, so that they stay the same.
const EXAMPLE_ID: Uuid = Uuid::from_u128(0x0193_57d4_8c21_7e55_9d0b_3a6f_12c8_40aa);
const EXAMPLE_ORGANIZATION: Uuid = Uuid::from_u128(0x0193_57d0_1f4e_7c3a_8a11_5be2_77d0_9c01);
const EXAMPLE_USER: Uuid = Uuid::from_u128(0x0193_57d0_5a90_7b1d_b6c4_08f3_e1a9_2d02);
const EXAMPLE_TIME: &str = "2026-11-23T01:04:58.123Z";
const EXAMPLE_TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const EXAMPLE_REQUEST: &str = "019357d4-8b02-7d10-8c55-2f1e9a7704be";

pub(super) fn generate(services: &[Service], output: &mut Output) -> Result<()> {
    for event in services.iter().flat_map(|service| &service.events) {
        let schema = schema(event).with_context(|| format!("event {}", event.name))?;
        output.add(format!("events/{}.json", event.name), json::pretty(&schema)?)?;
    }
    Ok(())
}

/// The JSON Schema of the whole envelope.
fn schema(event: &EventType) -> Result<Value> {
    let (data, referenced) = (event.schema)();
    let example = example(event)?;
    let text = |description: &str| json!({ "type": "string", "description": description });
    let properties = json!({
        "specversion": { "const": "1.0" },
        "id": { "type": "string", "format": "uuid", "description": "Of this event: whoever has seen it before skips it" },
        "source": { "const": format!("{SOURCE_PREFIX}{}", event.service) },
        "type": { "const": event.name },
        "time": { "type": "string", "format": "date-time", "description": "When it happened" },
        "subject": text("Id of the thing it is about"),
        "datacontenttype": { "const": "application/json" },
        "dataschema": { "const": example.dataschema },
        "orgid": { "type": "string", "pattern": "^org_[0-9a-z]{26}$", "description": "Organization it happened in" },
        "actorid": text("User, service key, agent or service that did it"),
        "traceparent": text("W3C trace context"),
        "correlationid": text("Request that everything began with"),
        "causationid": text("Event that led to this one, if one did"),
        "data": data,
    });
    let mut optional = vec!["traceparent", "causationid"];
    if !event.in_organization {
        optional.push("orgid");
    }
    let required: Vec<&String> = properties
        .as_object()
        .into_iter()
        .flat_map(Map::keys)
        .filter(|name| !optional.contains(&name.as_str()))
        .collect();
    let definitions: Map<String, Value> = referenced.into_iter().collect();
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": example.dataschema,
        "title": event.name,
        "description": format!(
            "CloudEvents 1.0 in JSON, version {} of this type, emitted by {}.",
            event.version, event.service
        ),
        "type": "object",
        "properties": properties,
        "required": required,
        "examples": [example],
    });
    if !definitions.is_empty() {
        schema["$defs"] = Value::Object(definitions);
    }
    localize(&mut schema);
    Ok(schema)
}

/// One event as a consumer meets it.
fn example(event: &EventType) -> Result<Envelope> {
    let (data, subject) = (event.example)();
    let example = Envelope {
        specversion: "1.0".to_owned(),
        id: EXAMPLE_ID.to_string(),
        source: format!("{SOURCE_PREFIX}{}", event.service),
        kind: event.name.to_owned(),
        time: EXAMPLE_TIME.parse().map_err(|_| anyhow::anyhow!("{EXAMPLE_TIME} is no time"))?,
        subject,
        datacontenttype: "application/json".to_owned(),
        dataschema: format!("urn:millwright:event:{}:{}", event.name, event.version),
        orgid: event.in_organization.then(|| OrgId::from_uuid(EXAMPLE_ORGANIZATION)),
        actorid: UserId::from_uuid(EXAMPLE_USER).to_string(),
        traceparent: Some(EXAMPLE_TRACE.to_owned()),
        correlationid: EXAMPLE_REQUEST.to_owned(),
        causationid: None,
        data,
    };
    let bytes = serde_json::to_vec(&example)?.len();
    if bytes > MAX_EVENT_BYTES {
        bail!("the example has {bytes} bytes");
    }
    Ok(example)
}

/// References into an OpenAPI document become references within the schema.
fn localize(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(target)) = members.get_mut("$ref")
                && let Some(name) = target.strip_prefix("#/components/schemas/")
            {
                *target = format!("#/$defs/{name}");
            }
            members.values_mut().for_each(localize);
        }
        Value::Array(items) => items.iter_mut().for_each(localize),
        _ => {}
    }
}
