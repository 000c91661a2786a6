//! relay delivers what services have to say: the outbox items that their transactions write.
//!
//! The stream of each table feeds it ([`stream`]); what it could not deliver within the stream's 24
//! hours, an hourly sweep finds in the tables ([`sweep`]). Everything is delivered at least once:
//! consumers keep an inbox. It owns no table; it reads, and marks as sent, the `OUT#` items of all.

mod aws;
mod deliver;
mod function;
mod stream;
mod sweep;

use millwright_manifest::{Function, Right, Service, Trigger};

pub use deliver::{Delivery, Failure, Outlet, Parcel, deliver};
pub use function::relay;
pub use stream::{StreamRecord, relay_stream};
pub use sweep::{SweepReport, sweep};

/// The manifest.
pub fn service() -> Service {
    Service {
        name: "relay",
        summary: "Delivers the outboxes of all services to the event bus and to queues",
        bases: &[],
        permissions: &[],
        codes: &[],
        operations: Vec::new(),
        events: Vec::new(),
        table: None,
        bucket: None,
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
            start: || Box::pin(relay()),
        }],
        openapi: || serde_json::json!({}),
    }
}
