//! usage-tracking owns quotas, in the table `<prefix>-usage-tracking`.
//!
//! Events out: [`events::EVENTS`]. Events in: none.

mod api;
mod app;
mod codes;
pub mod domain;
pub mod events;
mod functions;
pub mod permissions;
mod quota;
pub mod store;

use millwright_http::Describing;
use millwright_manifest::{Function, Right, Service, Table, TableAction, Trigger};

pub use api::{api, router};
pub use app::UsageTracking;
pub use functions::usage_tracking_api;

const SUMMARY: &str = "What an organization consumes, what it costs, and where it is stopped";

/// The manifest.
pub fn service() -> Service {
    Service {
        name: "usage-tracking",
        summary: SUMMARY,
        bases: &["usage"],
        permissions: permissions::CATALOGUE,
        codes: codes::ALL,
        operations: api::<Describing>().operations(),
        events: events::EVENTS.to_vec(),
        table: Some(Table { has_outbox: true }),
        bucket: None,
        functions: vec![Function {
            name: "usage-tracking-api",
            summary: "Serves every operation of usage-tracking",
            memory_megabytes: 512,
            timeout_seconds: 15,
            triggers: vec![Trigger::Http],
            rights: vec![
                Right::OwnTable(&[
                    TableAction::GetItem,
                    TableAction::BatchGetItem,
                    TableAction::Query,
                    TableAction::PutItem,
                    TableAction::UpdateItem,
                    TableAction::DeleteItem,
                ]),
                Right::VerifyCredentials,
                Right::ReadSecret("internal"),
            ],
            start: || Box::pin(usage_tracking_api()),
        }],
        openapi: || {
            api::<Describing>().document("Millwright usage-tracking", SUMMARY, codes::ALL).0
        },
    }
}
