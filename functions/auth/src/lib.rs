//! auth owns sessions, in the table `<prefix>-auth`.
//!
//! Events out: [`events::EVENTS`]. Events in: none.

mod api;
mod app;
mod codes;
pub mod domain;
pub mod events;
mod functions;
pub mod permissions;
mod session;
pub mod store;

use millwright_http::Describing;
use millwright_manifest::{Function, Right, Service, Table, TableAction, Trigger};

pub use api::{api, router};
pub use app::Auth;
pub use functions::auth_api;

const SUMMARY: &str = "Sign-in, sessions, tokens and API keys";

/// The manifest.
pub fn service() -> Service {
    Service {
        name: "auth",
        summary: SUMMARY,
        bases: &["auth"],
        permissions: permissions::CATALOGUE,
        codes: codes::ALL,
        operations: api::<Describing>().operations(),
        events: events::EVENTS.to_vec(),
        table: Some(Table { has_outbox: true }),
        bucket: None,
        functions: vec![Function {
            name: "auth-api",
            summary: "Serves every operation of auth",
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
            start: || Box::pin(auth_api()),
        }],
        openapi: || api::<Describing>().document("Millwright auth", SUMMARY, codes::ALL).0,
    }
}
