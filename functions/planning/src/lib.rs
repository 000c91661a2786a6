//! planning turns an intent into work a team can follow. It owns projects, tasks, comments and their
//! history, in the table `<prefix>-planning`; plans, roadmaps and the rest of the capability list
//! come in later stages.
//!
//! Events out: [`events::EVENTS`]. Events in: its own task events ([`consumer::CONSUMED`]), from
//! which planning-on-events keeps the counts of project summaries.

// The example of a task has more members than `json!` expands by default.
#![recursion_limit = "256"]

mod api;
mod app;
pub mod codes;
mod comment;
pub mod consumer;
pub mod domain;
pub mod events;
mod export;
mod functions;
mod history;
mod import;
pub mod job;
mod key;
pub mod permissions;
mod project;
mod relation;
pub mod store;
mod summary;
mod task;
pub mod transfer;
mod watch;
pub mod worker;

use millwright_http::Describing;
use millwright_manifest::{
    Bucket, FileAction, Function, Right, Service, Table, TableAction, Trigger,
};

pub use api::{api, router};
pub use app::Planning;
pub use functions::{planning_api, planning_jobs, planning_on_events};

use store::{RESULTS, UPLOADS};

const SUMMARY: &str = "Projects, tasks, comments and their history";

/// The manifest.
pub fn service() -> Service {
    Service {
        name: "planning",
        summary: SUMMARY,
        bases: &["planning"],
        permissions: permissions::CATALOGUE,
        codes: codes::ALL,
        operations: api::<Describing>().operations(),
        events: events::EVENTS.to_vec(),
        table: Some(Table { has_outbox: true }),
        bucket: Some(Bucket { folders: &[UPLOADS, RESULTS] }),
        functions: vec![
            Function {
                name: "planning-api",
                summary: "Serves every planning operation",
                memory_megabytes: 512,
                timeout_seconds: 15,
                triggers: vec![Trigger::Http],
                rights: vec![
                    Right::OwnTable(TableAction::READ_AND_WRITE),
                    Right::OwnFiles(UPLOADS, &[FileAction::Put]),
                    Right::OwnFiles(RESULTS, &[FileAction::Get]),
                    Right::VerifyCredentials,
                    Right::ReadSecret("internal"),
                ],
                start: || Box::pin(planning_api()),
            },
            Function {
                name: "planning-jobs",
                summary: "Works off jobs",
                memory_megabytes: 1_024,
                timeout_seconds: 60,
                triggers: vec![Trigger::Jobs { concurrency: 10 }],
                rights: vec![
                    Right::OwnTable(TableAction::READ_AND_WRITE),
                    Right::OwnFiles(
                        UPLOADS,
                        &[FileAction::Get, FileAction::Put, FileAction::Delete],
                    ),
                    Right::OwnFiles(RESULTS, &[FileAction::Put]),
                ],
                start: || Box::pin(planning_jobs()),
            },
            Function {
                name: "planning-on-events",
                summary: "Keeps the task counts of project summaries",
                memory_megabytes: 256,
                timeout_seconds: 30,
                triggers: vec![Trigger::Events {
                    types: consumer::CONSUMED,
                    batch_size: 100,
                    window_seconds: 1,
                    concurrency: 4,
                }],
                rights: vec![Right::OwnTable(&[TableAction::PutItem, TableAction::UpdateItem])],
                start: || Box::pin(planning_on_events()),
            },
        ],
        openapi: || api::<Describing>().document("Millwright planning", SUMMARY, codes::ALL).0,
    }
}
