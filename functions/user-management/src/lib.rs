//! user-management owns who exists and who belongs where: users, organizations, roles, members,
//! invitations and teams, in the table `<prefix>-user-management`. It signs nobody in: `auth` does,
//! and reads the access facts kept here.
//!
//! Events out: [`events::EVENTS`]. Events in: none.

mod api;
mod app;
pub mod codes;
pub mod domain;
pub mod events;
mod functions;
mod invitation;
mod member;
pub mod organization;
pub mod permissions;
mod role;
pub mod seed;
pub mod store;
mod team;
mod user;
mod vouch;

use millwright_http::Describing;
use millwright_manifest::{Function, Right, Service, Table, TableAction, Trigger};

pub use api::{api, router};
pub use app::UserManagement;
pub use functions::user_management_api;

const SUMMARY: &str = "Users, organizations, roles, members, teams and invitations";

/// The manifest.
pub fn service() -> Service {
    Service {
        name: "user-management",
        summary: SUMMARY,
        bases: &["users", "organizations", "permissions", "invitations", "teams"],
        permissions: permissions::CATALOGUE,
        codes: codes::ALL,
        operations: api::<Describing>().operations(),
        events: events::EVENTS.to_vec(),
        table: Some(Table { has_outbox: true }),
        bucket: None,
        functions: vec![Function {
            name: "user-management-api",
            summary: "Serves every operation of user-management",
            memory_megabytes: 512,
            timeout_seconds: 15,
            triggers: vec![Trigger::Http],
            rights: vec![
                Right::OwnTable(TableAction::READ_AND_WRITE),
                Right::VerifyCredentials,
                Right::ReadSecret("internal"),
            ],
            start: || Box::pin(user_management_api()),
        }],
        openapi: || {
            api::<Describing>().document("Millwright user-management", SUMMARY, codes::ALL).0
        },
    }
}
