//! ai-service owns providers, models, routes, limits, and the log of completions, in the table `<prefix>-ai-service`.
//!
//! Events out: [`events::EVENTS`]. Events in: none.

mod api;
mod app;
mod catalog;
mod chain;
mod codes;
pub mod completion;
mod digest;
pub mod domain;
#[cfg(feature = "doubles")]
pub mod doubles;
mod estimate;
pub mod events;
mod functions;
pub mod gateway;
pub mod keys;
mod limit;
mod model;
pub mod permissions;
mod prompt;
mod provider;
mod rule;
pub mod secrets;
mod settings;
pub mod store;
mod surface;
mod thing;
mod vouch;

use millwright_http::Describing;
use millwright_manifest::{Function, Right, Service, Table, TableAction, Trigger};

pub use api::{api, router};
pub use app::{AiService, Ports};
pub use functions::{ai_service_api, ai_service_completions, ai_service_on_events};
pub use surface::OPERATIONS as SURFACES;

const SUMMARY: &str = "One gateway to every language model an organization uses";

/// The manifest.
pub fn service() -> Service {
    Service {
        name: "ai-service",
        summary: SUMMARY,
        bases: &["ai"],
        permissions: permissions::CATALOGUE,
        codes: codes::ALL,
        operations: api::<Describing>().operations(),
        events: events::EVENTS.to_vec(),
        table: Some(Table { has_outbox: true }),
        bucket: None,
        functions: vec![
            Function {
                name: "ai-service-api",
                summary: "Serves what administrators and members do beside asking models",
                memory_megabytes: 256,
                timeout_seconds: 29,
                triggers: vec![Trigger::Http],
                rights: vec![
                    Right::OwnTable(TableAction::READ_AND_WRITE),
                    Right::VerifyCredentials,
                    Right::ReadSecret("internal"),
                    Right::Invoke("secret-management-api"),
                    // Tests of providers use their keys.
                    Right::Invoke("secret-management-reveal"),
                    Right::ReachPrivateHosts,
                ],
                start: || Box::pin(ai_service_api()),
            },
            Function {
                name: "ai-service-completions",
                summary: "Asks models, and streams what they say",
                memory_megabytes: 512,
                timeout_seconds: 900,
                triggers: vec![Trigger::Url(surface::OPERATIONS)],
                rights: vec![
                    Right::OwnTable(&[
                        TableAction::GetItem,
                        TableAction::Query,
                        TableAction::PutItem,
                        TableAction::UpdateItem,
                        TableAction::DeleteItem,
                    ]),
                    Right::VerifyCredentials,
                    Right::ReadSecret("internal"),
                    Right::Invoke("secret-management-reveal"),
                    Right::Invoke("usage-tracking-api"),
                    Right::ReachPrivateHosts,
                ],
                start: || Box::pin(ai_service_completions()),
            },
            Function {
                name: "ai-service-on-events",
                summary: "Closes what a crash has left open",
                memory_megabytes: 128,
                timeout_seconds: 60,
                triggers: vec![Trigger::Schedule {
                    name: "sweep",
                    expression: "rate(15 minutes)",
                    input: r#"{"action":"sweep"}"#,
                }],
                rights: vec![
                    Right::OwnTable(&[
                        TableAction::GetItem,
                        TableAction::Query,
                        TableAction::PutItem,
                        TableAction::UpdateItem,
                    ]),
                    Right::Invoke("usage-tracking-api"),
                    Right::ReachPrivateHosts,
                ],
                start: || Box::pin(ai_service_on_events()),
            },
        ],
        openapi: || api::<Describing>().document("Millwright ai-service", SUMMARY, codes::ALL).0,
    }
}
