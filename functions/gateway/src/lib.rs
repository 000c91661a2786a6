//! gateway (skeleton; being written)
use millwright_manifest::{Function, Service, StartError, Trigger};

/// The manifest.
pub fn service() -> Service {
    Service {
        name: "gateway",
        summary: "API root, joined OpenAPI document, reference page, health, 404",
        bases: &[],
        permissions: &[],
        codes: &[],
        operations: vec![],
        events: vec![],
        table: None,
        functions: vec![Function {
            name: "gateway",
            summary: "Answers whatever no service serves",
            memory_megabytes: 256,
            timeout_seconds: 10,
            triggers: vec![Trigger::DefaultRoute],
            rights: vec![],
            start: || Box::pin(not_yet()),
        }],
        openapi: || serde_json::json!({}),
    }
}

async fn not_yet() -> Result<(), StartError> {
    Ok(())
}
