//! secret-management keeps the credentials of an organization: encrypted under data keys that a
//! master key wraps, versioned, granted, rotated, and with a record of every access. Its table is
//! `<prefix>-secret-management`.
//!
//! Two functions share the work: one stores values and cannot read them back, one reads them and is
//! small. Events out: [`events::EVENTS`]. Events in: none.

// The example of a secret has more members than `json!` expands by default.
#![recursion_limit = "256"]

mod access;
mod api;
mod app;
pub mod asking;
mod authority;
mod binding;
pub mod codes;
pub mod crypto;
pub mod directory;
pub mod domain;
#[cfg(feature = "doubles")]
pub mod doubles;
pub mod events;
mod functions;
mod generate;
mod grant;
mod kv;
pub mod permissions;
mod policy;
mod reveal;
mod rotation;
mod secret;
mod settings;
pub mod store;
mod value;
mod version;

use millwright_access::DIRECTORY;
use millwright_http::Describing;
use millwright_manifest::{Function, KeyAction, Right, Service, Table, TableAction, Trigger};

pub use api::{api, router};
pub use app::{Ports, SecretManagement};
pub use functions::{secret_management_api, secret_management_reveal};

const SUMMARY: &str = "Credentials of an organization, encrypted, versioned, granted and audited";

/// What reads values.
const REVEAL: &[&str] = &[
    "secret_reveal",
    "secret_resolve",
    "template_resolve",
    "secret_rollback",
    "rotation_start",
    "kv_data_read",
];

/// The roles that grants name; who has which is verified anyway.
const READ_ROLES: Right = Right::Elsewhere {
    service: DIRECTORY,
    actions: &[TableAction::GetItem],
    keys: &["ORG#*#ACCESS"],
};

/// The manifest.
pub fn service() -> Service {
    Service {
        name: "secret-management",
        summary: SUMMARY,
        bases: &["secrets"],
        permissions: permissions::CATALOGUE,
        codes: codes::ALL,
        operations: api::<Describing>().operations(),
        events: events::EVENTS.to_vec(),
        table: Some(Table { has_outbox: true }),
        bucket: None,
        functions: vec![
            Function {
                name: "secret-management-api",
                summary: "Serves secrets; stores values without being able to read one",
                memory_megabytes: 256,
                timeout_seconds: 10,
                triggers: vec![Trigger::Http],
                rights: vec![
                    Right::OwnTable(TableAction::READ_AND_WRITE),
                    Right::NeverRead(&["*#VAL"]),
                    Right::OwnKey(&[KeyAction::GenerateDataKey, KeyAction::Decrypt]),
                    Right::VerifyCredentials,
                    READ_ROLES,
                    Right::Invoke("user-management-api"),
                    Right::Invoke("planning-api"),
                    Right::ReadSecret("internal"),
                ],
                start: || Box::pin(secret_management_api()),
            },
            Function {
                name: "secret-management-reveal",
                summary: "Gives values away, each counted and recorded",
                memory_megabytes: 256,
                timeout_seconds: 10,
                triggers: vec![Trigger::Operations(REVEAL)],
                rights: vec![
                    Right::OwnTable(TableAction::READ_AND_WRITE),
                    Right::OwnKey(&[KeyAction::GenerateDataKey, KeyAction::Decrypt]),
                    Right::VerifyCredentials,
                    READ_ROLES,
                    Right::Invoke("user-management-api"),
                    Right::ReadSecret("internal"),
                ],
                start: || Box::pin(secret_management_reveal()),
            },
        ],
        openapi: || {
            api::<Describing>().document("Millwright secret-management", SUMMARY, codes::ALL).0
        },
    }
}
