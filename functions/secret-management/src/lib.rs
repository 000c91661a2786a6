//! secret-management keeps the credentials of an organization: encrypted under data keys that a
//! master key wraps, versioned, granted, rotated, and with a record of every access. Its table is
//! `<prefix>-secret-management`.
//!
//! Four functions share the work: one stores values and cannot read them back, one reads them and is
//! small, one carries out what is due, and one finds what is due and has no key. Events out:
//! [`events::EVENTS`]. Events in: [`work::CONSUMED`].

// The example of a secret has more members than `json!` expands by default.
#![recursion_limit = "256"]

mod access;
mod api;
mod app;
mod authority;
pub mod backend;
mod binding;
pub mod codes;
pub mod crypto;
mod data_key;
mod denial;
pub mod directory;
pub mod domain;
#[cfg(feature = "doubles")]
pub mod doubles;
pub mod events;
mod functions;
mod generate;
mod grant;
pub mod job;
mod kv;
pub mod permissions;
mod policy;
mod posture;
mod reveal;
mod rotation;
mod secret;
mod settings;
pub mod store;
mod transfer;
mod value;
mod vault;
mod version;
mod vouch;
pub mod work;

use millwright_access::DIRECTORY;
use millwright_http::Describing;
use millwright_manifest::{
    Function, KeyAction, Right, SecretAction, Service, Table, TableAction, Trigger,
};

pub use api::{api, router};
pub use app::{Ports, SecretManagement};
pub use functions::{
    secret_management_api, secret_management_jobs, secret_management_on_events,
    secret_management_reveal,
};
pub use vault::Vault;

const SUMMARY: &str = "Credentials of an organization, encrypted, versioned, granted and audited";

/// What reads values.
const REVEAL: &[&str] = &[
    "secret_reveal",
    "secret_resolve",
    "template_resolve",
    "secret_rollback",
    "rotation_start",
    "secret_export",
    "kv_data_read",
];

/// The roles that grants name; who has which is verified anyway.
const READ_ROLES: Right = Right::Elsewhere {
    service: DIRECTORY,
    actions: &[TableAction::GetItem],
    keys: &["ORG#*#ACCESS"],
};

/// What of the secret store belongs to organizations.
const OUTSIDE: &str = "org_*/sec_*";

/// Adding values there, without reading one.
const KEEP_OUTSIDE: Right = Right::OwnSecrets { names: OUTSIDE, actions: SecretAction::KEEPING };

const USE_OUTSIDE: Right = Right::OwnSecrets {
    names: OUTSIDE,
    actions: &[SecretAction::Create, SecretAction::Put, SecretAction::Describe, SecretAction::Get],
};

const MANAGE_OUTSIDE: Right = Right::OwnSecrets {
    names: OUTSIDE,
    actions: &[
        SecretAction::Create,
        SecretAction::Put,
        SecretAction::Describe,
        SecretAction::Get,
        SecretAction::Label,
        SecretAction::Delete,
    ],
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
                    KEEP_OUTSIDE,
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
                    USE_OUTSIDE,
                    Right::VerifyCredentials,
                    READ_ROLES,
                    Right::Invoke("user-management-api"),
                    Right::ReadSecret("internal"),
                ],
                start: || Box::pin(secret_management_reveal()),
            },
            Function {
                name: work::JOBS,
                summary: "Rotates, expires, moves, purges and seals anew; no request reaches it",
                memory_megabytes: 256,
                timeout_seconds: 60,
                triggers: vec![Trigger::Jobs { concurrency: 5 }],
                rights: vec![
                    Right::OwnTable(TableAction::READ_AND_WRITE),
                    Right::OwnKey(&[KeyAction::GenerateDataKey, KeyAction::Decrypt]),
                    MANAGE_OUTSIDE,
                ],
                start: || Box::pin(secret_management_jobs()),
            },
            Function {
                name: "secret-management-on-events",
                summary: "Finds what is due, and follows the events of others",
                memory_megabytes: 128,
                timeout_seconds: 60,
                triggers: vec![
                    Trigger::Events {
                        types: work::CONSUMED,
                        batch_size: 10,
                        window_seconds: 1,
                        concurrency: 4,
                    },
                    Trigger::Schedule {
                        name: "sweep",
                        expression: "rate(1 hour)",
                        input: r#"{"action":"sweep"}"#,
                    },
                ],
                rights: vec![
                    Right::OwnTable(&[
                        TableAction::GetItem,
                        TableAction::Query,
                        TableAction::PutItem,
                    ]),
                    Right::NeverRead(&["*#VAL"]),
                ],
                start: || Box::pin(secret_management_on_events()),
            },
        ],
        openapi: || {
            api::<Describing>().document("Millwright secret-management", SUMMARY, codes::ALL).0
        },
    }
}
