//! What is documented is what happens.

use std::collections::BTreeSet;

use millwright_testkit::Contract;
use serde_json::Value;

use crate::{MINE, Scene, fixture::Call, guarded};

/// Puts the ids and tokens of the scene where the example has made-up ones. What must be unique besides, such as
/// a name, the fixture of the service calls otherwise than the example does.
fn with_real_ids(example: &Value, real: &Value) -> Value {
    if let (Some(example), Some(real)) = (example.as_array(), real.as_array()) {
        // Lists of things, each with ids of its own.
        let within = |(place, value): (usize, &Value)| match real.get(place) {
            Some(real) => with_real_ids(value, real),
            None => value.clone(),
        };
        return Value::Array(example.iter().enumerate().map(within).collect());
    }
    let (Some(example), Some(real)) = (example.as_object(), real.as_object()) else {
        return example.clone();
    };
    let is_id = |value: &Value| {
        let parts = value.as_str().and_then(|text| text.split_once('_'));
        parts.is_some_and(|(_, suffix)| suffix.len() == 26)
    };
    let member = |(name, value): (&String, &Value)| {
        let refers = name.ends_with("Id") || name == "token" || is_id(value);
        let is_reference = real.contains_key(name) && refers;
        let value = match real.get(name) {
            Some(real) if is_reference => real.clone(),
            Some(real) if value.is_object() || value.is_array() => with_real_ids(value, real),
            _ => value.clone(),
        };
        (name.clone(), value)
    };
    Value::Object(example.iter().map(member).collect())
}

#[tokio::test]
async fn every_example_runs() {
    for guarded in guarded() {
        let mut scene = Scene::set(guarded.clone()).await;
        for operation in guarded.service.operations.clone() {
            scene.reset();
            let call = &scene.calls[operation.name];
            let Some(body) = &call.body else { continue };
            if body.as_object().is_some_and(serde_json::Map::is_empty) {
                continue;
            }
            let example = guarded.contract.example(operation.method.as_str(), &operation.path);
            let example = example.unwrap_or_else(|| panic!("{} has no example", operation.name));
            let mut call = call.clone();
            call.body = Some(with_real_ids(&example, body));
            let answer = call.send(&scene.caller(&operation)).await;
            assert!(answer.status.is_success(), "{}: {answer:?}", operation.name);
            scene.check(operation.name, &answer);
        }
    }
}

#[tokio::test]
async fn every_event_fits_its_schema_and_every_declared_event_is_emitted() {
    for guarded in guarded() {
        let mut emitted = BTreeSet::new();
        let mut scene = Scene::set(guarded.clone()).await;
        for operation in guarded.service.operations.clone() {
            scene.reset();
            scene.call(operation.name, &scene.caller(&operation)).await;
            scene.call(operation.name, &scene.app.client_with(MINE, "nothing.at.all")).await;
            let further = guarded.further.iter().filter(|(name, _)| *name == operation.name);
            for (_, body) in further {
                let owner = scene.caller(&operation);
                let call = Call { body: Some(body(&owner)), ..scene.calls[operation.name].clone() };
                let answer = call.send(&owner).await;
                assert!(answer.status.is_success(), "{}: {answer:?}", operation.name);
            }
            for event in scene.app.events().await {
                Contract::check_event(&guarded.service.events, &event);
                emitted.insert(event.kind);
            }
        }
        emitted.extend(guarded.said_elsewhere.iter().map(|name| (*name).to_owned()));
        let declared: BTreeSet<String> =
            guarded.service.events.iter().map(|event| event.name.to_owned()).collect();
        assert_eq!(emitted, declared);
    }
}

#[test]
fn every_operation_is_described() {
    for guarded in guarded() {
        let document = (guarded.service.openapi)();
        for operation in &guarded.service.operations {
            let method = operation.method.as_str().to_ascii_lowercase();
            let path = operation.path.replace("{*", "{");
            let described = &document["paths"][path][method];
            let id = format!("{}.{}", guarded.service.name, operation.name);
            assert_eq!(described["operationId"], id);
            let summary = described["summary"].as_str().unwrap_or_default();
            let words = summary.split_whitespace().count();
            assert!((1..=6).contains(&words), "{id}: {summary:?} has {words} words");
            assert!(described["description"].as_str().is_some_and(|text| !text.is_empty()), "{id}");
            if let Some(permission) = operation.permission() {
                assert_eq!(described["x-permission"], permission.code);
                assert!(guarded.service.permissions.contains(&permission), "{id}");
            }
        }
    }
}
