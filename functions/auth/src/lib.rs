//! auth signs people in through OpenID Connect providers, keeps their sessions and issues the tokens
//! that every function verifies. Its table is `<prefix>-auth`; users, organizations and memberships
//! are read as access facts from the table of user-management.
//!
//! Events out: [`events::EVENTS`]. Events in: [`jobs::CONSUMED`].

mod api;
mod app;
mod codes;
pub mod directory;
mod documents;
pub mod domain;
#[cfg(feature = "doubles")]
pub mod doubles;
pub mod events;
mod export;
mod facts;
mod functions;
mod history;
mod identity;
pub mod jobs;
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

use millwright_access::DIRECTORY;
use millwright_http::Describing;
use millwright_manifest::{Function, Right, Service, Table, TableAction, Trigger};

pub use api::{api, router};
pub use app::{Auth, Ports};
pub use facts::Facts;
pub use functions::{auth_api, auth_jobs, auth_keys, auth_login, auth_token};

const SUMMARY: &str = "Sign-in, sessions, tokens and API keys";

/// Where a person belongs: more than verifying takes.
const READ_MEMBERSHIPS: Right = Right::Elsewhere {
    service: DIRECTORY,
    actions: &[TableAction::Query],
    keys: &["USER#*#ACCESS"],
};

/// What needs the providers' secrets.
const LOGIN: &[&str] = &["login_start", "login_finish", "login_create", "authorization_start"];

/// What needs the signing key, or the keys of refresh tokens.
const TOKEN: &[&str] =
    &["token_create", "token_revoke", "session_refresh", "session_switch", "session_end"];

/// The manifest.
pub fn service() -> Service {
    Service {
        name: "auth",
        summary: SUMMARY,
        bases: &["auth", ".well-known"],
        permissions: permissions::CATALOGUE,
        codes: codes::ALL,
        operations: api::<Describing>().operations(),
        events: events::EVENTS.to_vec(),
        table: Some(Table { has_outbox: true }),
        bucket: None,
        functions: vec![
            Function {
                name: "auth-api",
                summary: "Serves sessions, identities, keys and the published documents",
                memory_megabytes: 512,
                timeout_seconds: 15,
                triggers: vec![Trigger::Http],
                rights: vec![
                    Right::OwnTable(TableAction::READ_AND_WRITE),
                    Right::VerifyCredentials,
                    READ_MEMBERSHIPS,
                    Right::ReadParameter("auth/settings"),
                    Right::ReadSecret("internal"),
                ],
                start: || Box::pin(auth_api()),
            },
            Function {
                name: "auth-login",
                summary: "Signs people in with their provider",
                memory_megabytes: 512,
                timeout_seconds: 25,
                triggers: vec![Trigger::Operations(LOGIN)],
                rights: vec![
                    Right::OwnTable(TableAction::READ_AND_WRITE),
                    Right::VerifyCredentials,
                    READ_MEMBERSHIPS,
                    Right::ReadSecret("auth/providers/*"),
                    Right::ReadSecret("auth/refresh"),
                    Right::ReadSecret("internal"),
                    Right::ReadParameter("auth/settings"),
                    Right::Invoke("user-management-api"),
                ],
                start: || Box::pin(auth_login()),
            },
            Function {
                name: "auth-token",
                summary: "Issues and refreshes tokens; the only one with the signing key",
                memory_megabytes: 512,
                timeout_seconds: 15,
                triggers: vec![Trigger::Operations(TOKEN)],
                rights: vec![
                    Right::OwnTable(TableAction::READ_AND_WRITE),
                    Right::VerifyCredentials,
                    READ_MEMBERSHIPS,
                    Right::ReadSecret("auth/signing"),
                    Right::ReadSecret("auth/refresh"),
                    Right::ReadSecret("internal"),
                    Right::ReadParameter("auth/settings"),
                ],
                start: || Box::pin(auth_token()),
            },
            Function {
                name: "auth-keys",
                summary: "Rotates signing keys without being able to read one",
                memory_megabytes: 256,
                timeout_seconds: 60,
                triggers: vec![Trigger::Schedule {
                    name: "rotation",
                    expression: "rate(1 day)",
                    input: r#"{"action":"rotate"}"#,
                }],
                rights: vec![
                    Right::ReadSecret("auth/jwks"),
                    Right::RotateSecret("auth/jwks"),
                    Right::RotateSecret("auth/signing"),
                    Right::RotateSecret("auth/refresh"),
                ],
                start: || Box::pin(auth_keys()),
            },
            Function {
                name: "auth-jobs",
                summary: "Tidies up behind people and organizations that are gone",
                memory_megabytes: 256,
                timeout_seconds: 60,
                triggers: vec![
                    Trigger::Events {
                        types: jobs::CONSUMED,
                        batch_size: 10,
                        window_seconds: 1,
                        concurrency: 2,
                    },
                    Trigger::Schedule {
                        name: "sweep",
                        expression: "rate(1 hour)",
                        input: r#"{"action":"sweep"}"#,
                    },
                ],
                rights: vec![Right::OwnTable(TableAction::READ_AND_WRITE)],
                start: || Box::pin(auth_jobs()),
            },
        ],
        openapi: || api::<Describing>().document("Millwright auth", SUMMARY, codes::ALL).0,
    }
}
