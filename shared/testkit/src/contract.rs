//! Answers and events against the documents that are generated from the code.

use jsonschema::Validator;
use millwright_event::{Envelope, EventType};
use serde_json::{Value, json};

use crate::Answer;

/// The API document of a service, as a judge.
pub struct Contract {
    document: Value,
}

impl Contract {
    pub fn new(document: Value) -> Contract {
        Contract { document }
    }

    /// The example body of an operation, if its schema has one.
    pub fn example(&self, method: &str, path: &str) -> Option<Value> {
        let content = &self.operation(method, path)["requestBody"]["content"]["application/json"];
        // What is no object stands where it is used.
        let Some(reference) = content["schema"]["$ref"].as_str() else {
            return content["schema"].get("example").cloned();
        };
        let name = reference.rsplit('/').next()?;
        self.document["components"]["schemas"][name].get("example").cloned()
    }

    /// True if the document lets every parameter of the operation's path have this value.
    pub fn accepts_in_path(&self, method: &str, path: &str, value: &str) -> bool {
        let parameters = self.operation(method, path)["parameters"].as_array();
        parameters.into_iter().flatten().filter(|parameter| parameter["in"] == "path").all(
            |parameter| {
                let schema = self.self_contained(&parameter["schema"]);
                faults(&schema, &value.into()).is_empty()
            },
        )
    }

    /// Panics if the answer has a status, media type or body that is not documented.
    #[track_caller]
    pub fn check(&self, method: &str, path: &str, answer: &Answer) {
        let status = answer.status.as_str();
        let documented = &self.operation(method, path)["responses"][status];
        assert!(documented.is_object(), "{method} {path} answers {status}: {answer:?}");
        let Some(content) = documented["content"].as_object() else {
            assert!(answer.text.is_empty(), "{method} {path} {status} has a body: {answer:?}");
            return;
        };
        let media_type = answer.header("content-type").unwrap_or_default();
        let schema = content.get(media_type).map(|content| &content["schema"]);
        let schema = schema.unwrap_or_else(|| panic!("{method} {path}: {media_type}"));
        let value = match media_type.contains("json") {
            true => answer.json(),
            false => Value::String(answer.text.clone()),
        };
        let faults = faults(&self.self_contained(schema), &value);
        assert!(faults.is_empty(), "{method} {path} {status}: {faults:?}\n{answer:?}");
    }

    fn operation(&self, method: &str, path: &str) -> &Value {
        let documented = path.replace("{*", "{");
        let operation = &self.document["paths"][documented][method.to_ascii_lowercase()];
        assert!(operation.is_object(), "{method} {path} is not documented");
        operation
    }

    fn self_contained(&self, schema: &Value) -> Value {
        json!({ "allOf": [schema], "components": self.document["components"] })
    }
}

fn faults(schema: &Value, value: &Value) -> Vec<String> {
    let validator: Validator =
        jsonschema::draft202012::new(schema).unwrap_or_else(|error| panic!("{error}"));
    validator
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

impl Contract {
    /// Panics if the event is of no declared type or does not fit its schema.
    #[track_caller]
    pub fn check_event(declared: &[EventType], envelope: &Envelope) {
        let event = declared.iter().find(|event| event.name == envelope.kind);
        let event = event.unwrap_or_else(|| panic!("{} is not declared", envelope.kind));
        let (schema, referenced) = (event.schema)();
        let schemas: serde_json::Map<String, Value> = referenced.into_iter().collect();
        let document = json!({ "allOf": [schema], "components": { "schemas": schemas } });
        let faults = faults(&document, &envelope.data);
        assert!(faults.is_empty(), "{}: {faults:?}\n{}", envelope.kind, envelope.data);
        assert_eq!(envelope.specversion, "1.0");
        assert_eq!(envelope.source, format!("millwright.{}", event.service));
        assert!(!envelope.subject.is_empty() && !envelope.id.is_empty());
    }
}
