//! auth signs people in through OpenID Connect providers, keeps their sessions and issues the tokens
//! that every function verifies. Its table is `<prefix>-auth`; users, organizations and memberships
//! are read as access facts from the table of user-management.
//!
//! Events out: [`events::events`]. Events in: none.

mod api;
mod app;
mod codes;
pub mod directory;
mod documents;
pub mod domain;
#[cfg(feature = "doubles")]
pub mod doubles;
pub mod events;
mod facts;
mod functions;
mod history;
mod identity;
mod key;
mod login;
pub mod permissions;
mod principal;
pub mod provider;
pub mod rotation;
pub mod secret;
pub mod secrets;
mod session;
pub mod settings;
pub mod stages;
pub mod store;
mod token;
mod vouch;

use millwright_http::Describing;
use millwright_manifest::{Function, Right, Service, Table, TableAction, Trigger};

pub use api::{api, router};
pub use app::{Auth, Ports};
pub use facts::Facts;
pub use functions::{auth_api, auth_login, auth_token, rotate_keys};

const SUMMARY: &str = "Sign-in, sessions, tokens and API keys";

/// The manifest.
pub fn service() -> Service {
    Service {
        name: "auth",
        summary: SUMMARY,
        bases: &["auth", ".well-known"],
        permissions: permissions::CATALOGUE,
        codes: codes::ALL,
        operations: api::<Describing>().operations(),
        events: events::events(),
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
                Right::ReadSecret("auth/jwks"),
                Right::ReadSecret("auth/signing"),
                Right::ReadSecret("auth/refresh"),
                Right::ReadSecret("internal"),
            ],
            start: || Box::pin(auth_api()),
        }],
        openapi: || api::<Describing>().document("Millwright auth", SUMMARY, codes::ALL).0,
    }
}
