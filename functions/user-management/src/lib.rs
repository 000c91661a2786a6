//! user-management owns who exists and who belongs where: users, organizations, roles, members,
//! invitations and teams, in the table `<prefix>-user-management`. It signs nobody in: `auth` does,
//! and reads the access facts kept here.
//!
//! Events out: [`events::EVENTS`]. Events in: [`work::CONSUMED`].

mod api;
mod app;
mod app_url;
mod buckets;
pub mod codes;
pub mod domain;
pub mod events;
mod export;
mod functions;
mod invitation;
mod member;
pub mod organization;
pub mod permissions;
mod post;
mod role;
pub mod seed;
pub mod store;
mod team;
mod user;
mod vouch;
pub mod work;

use millwright_http::Describing;
use millwright_manifest::{
    Bucket, FileAction, Function, Right, Service, Table, TableAction, Trigger,
};

pub use api::{api, router};
pub use app::{Ports, UserManagement};
pub use app_url::AppUrl;
pub use export::{AuthData, AuthPage, Exporting, InvokedAuth};
pub use functions::{
    user_management_api, user_management_jobs, user_management_on_events, user_management_sweep,
};
pub use post::Post;

use export::{EXPORTS, PIECES};

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
        bucket: Some(Bucket { folders: &[EXPORTS, PIECES] }),
        functions: vec![
            Function {
                name: "user-management-api",
                summary: "Serves every operation of user-management",
                memory_megabytes: 512,
                timeout_seconds: 15,
                triggers: vec![Trigger::Http],
                rights: vec![
                    Right::OwnTable(TableAction::READ_AND_WRITE),
                    Right::OwnFiles(EXPORTS, &[FileAction::Get]),
                    Right::VerifyCredentials,
                    Right::ReadParameter("auth/settings"),
                    Right::SendMail,
                    Right::ReadSecret("internal"),
                ],
                start: || Box::pin(user_management_api()),
            },
            Function {
                name: work::JOBS,
                summary: "Erases accounts, purges organizations, invites in batches, exports data",
                memory_megabytes: 512,
                timeout_seconds: 60,
                triggers: vec![Trigger::Jobs { concurrency: 5 }],
                rights: vec![
                    Right::OwnTable(TableAction::READ_AND_WRITE),
                    Right::OwnFiles(EXPORTS, &[FileAction::Put]),
                    Right::OwnFiles(
                        PIECES,
                        &[FileAction::Get, FileAction::Put, FileAction::Delete],
                    ),
                    Right::Invoke("auth-api"),
                    Right::ReadParameter("auth/settings"),
                    Right::SendMail,
                ],
                start: || Box::pin(user_management_jobs()),
            },
            Function {
                name: "user-management-on-events",
                summary: "Follows what is said of users: activity, unlinked identities, cards",
                memory_megabytes: 256,
                timeout_seconds: 60,
                triggers: vec![Trigger::Events {
                    types: work::CONSUMED,
                    batch_size: 20,
                    window_seconds: 1,
                    concurrency: 4,
                }],
                rights: vec![Right::OwnTable(&[
                    TableAction::GetItem,
                    TableAction::BatchGetItem,
                    TableAction::Query,
                    TableAction::PutItem,
                    TableAction::DeleteItem,
                ])],
                start: || Box::pin(user_management_on_events()),
            },
            Function {
                name: "user-management-sweep",
                summary: "Orders what has fallen due, and settles what has expired",
                memory_megabytes: 256,
                timeout_seconds: 60,
                triggers: vec![Trigger::Schedule {
                    name: "due",
                    expression: "rate(1 hour)",
                    input: r#"{"action":"sweep"}"#,
                }],
                rights: vec![Right::OwnTable(&[
                    TableAction::GetItem,
                    TableAction::Query,
                    TableAction::PutItem,
                    TableAction::UpdateItem,
                    TableAction::DeleteItem,
                ])],
                start: || Box::pin(user_management_sweep()),
            },
        ],
        openapi: || {
            api::<Describing>().document("Millwright user-management", SUMMARY, codes::ALL).0
        },
    }
}
