//! relay (skeleton; being written)
use millwright_manifest::{Function, Right, Service, StartError, Trigger};

/// The manifest.
pub fn service() -> Service {
    Service {
        name: "relay",
        summary: "Delivers the outboxes of all services to the event bus and to queues",
        bases: &[],
        permissions: &[],
        codes: &[],
        operations: vec![],
        events: vec![],
        table: None,
        functions: vec![Function {
            name: "relay",
            summary: "Delivers outbox items as they are written, and hourly what was left behind",
            memory_megabytes: 256,
            timeout_seconds: 60,
            triggers: vec![
                Trigger::Outboxes,
                Trigger::Schedule {
                    name: "sweep",
                    expression: "rate(1 hour)",
                    input: r#"{"action":"sweep"}"#,
                },
            ],
            rights: vec![Right::DeliverOutboxes],
            start: || Box::pin(not_yet()),
        }],
        openapi: || serde_json::json!({}),
    }
}

async fn not_yet() -> Result<(), StartError> {
    Ok(())
}
