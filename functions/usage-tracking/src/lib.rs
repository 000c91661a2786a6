//! usage-tracking counts what an organization consumes, says what it costs, and stops it where
//! somebody drew a line. It owns usage events, categories, meters, prices, limits, reservations,
//! alerts and the counters behind them, in the table `<prefix>-usage-tracking`.
//!
//! Events out: [`events::EVENTS`]. Events in: those of the platform that are usage
//! ([`domain::USAGE_TYPES`]).

#![recursion_limit = "256"]

mod alert;
mod alerting;
mod anomaly;
mod api;
mod app;
mod category;
pub mod codes;
pub mod domain;
pub mod doubles;
mod event;
pub mod events;
mod functions;
pub mod ingest;
pub mod job;
mod limits;
mod meter;
mod monthly;
pub mod permissions;
mod price;
pub mod query;
mod settings;
pub mod statement;
pub mod store;
pub mod thresholds;

use millwright_http::Describing;
use millwright_manifest::{
    Bucket, FileAction, Function, Right, Service, Table, TableAction, Trigger,
};

pub use api::{api, router};
pub use app::{IngestQueue, Usage, UsageTracking};
pub use functions::{
    usage_tracking_api, usage_tracking_hourly, usage_tracking_ingest, usage_tracking_jobs,
    usage_tracking_on_limits,
};

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
        bucket: Some(Bucket { folders: &[store::EXPORTS] }),
        functions: vec![
            Function {
                name: "usage-tracking-api",
                summary: "Serves every operation of usage-tracking",
                memory_megabytes: 256,
                timeout_seconds: 10,
                triggers: vec![Trigger::Http],
                rights: vec![
                    Right::OwnTable(TableAction::READ_AND_WRITE),
                    Right::VerifyCredentials,
                    Right::ReadSecret("internal"),
                    Right::SendTo(functions::INGEST),
                    Right::OwnFiles(store::EXPORTS, &[FileAction::Get]),
                ],
                start: || Box::pin(usage_tracking_api()),
            },
            Function {
                name: "usage-tracking-ingest",
                summary: "Counts accepted events and the platform's own",
                memory_megabytes: 256,
                timeout_seconds: 60,
                triggers: vec![Trigger::Events {
                    types: domain::USAGE_TYPES,
                    batch_size: 500,
                    window_seconds: 2,
                    concurrency: 10,
                }],
                rights: vec![Right::OwnTable(&[
                    TableAction::GetItem,
                    TableAction::BatchGetItem,
                    TableAction::Query,
                    TableAction::PutItem,
                    TableAction::UpdateItem,
                ])],
                start: || Box::pin(usage_tracking_ingest()),
            },
            Function {
                name: "usage-tracking-jobs",
                summary: "Works off jobs: exports, what is counted anew, what falls due",
                memory_megabytes: 512,
                timeout_seconds: 60,
                triggers: vec![Trigger::Jobs { concurrency: 5 }],
                rights: vec![
                    Right::OwnTable(TableAction::READ_AND_WRITE),
                    Right::OwnFiles(store::EXPORTS, &[FileAction::Get, FileAction::Put]),
                ],
                start: || Box::pin(usage_tracking_jobs()),
            },
            Function {
                name: "usage-tracking-hourly",
                summary: "Orders a job for every organization in which something has fallen due",
                memory_megabytes: 128,
                timeout_seconds: 60,
                triggers: vec![Trigger::Schedule {
                    name: "due",
                    expression: "rate(1 hour)",
                    input: r#"{"action":"order"}"#,
                }],
                rights: vec![Right::OwnTable(&[
                    TableAction::GetItem,
                    TableAction::Query,
                    TableAction::PutItem,
                    TableAction::UpdateItem,
                    TableAction::DeleteItem,
                ])],
                start: || Box::pin(usage_tracking_hourly()),
            },
            Function {
                name: "usage-tracking-on-limits",
                summary: "Alerts as soon as a limit is used up to a threshold",
                memory_megabytes: 128,
                timeout_seconds: 30,
                triggers: vec![Trigger::Changes {
                    kind: store::LIMIT_COUNTER,
                    batch_size: 1_000,
                    window_seconds: 1,
                }],
                rights: vec![Right::OwnTable(&[
                    TableAction::BatchGetItem,
                    TableAction::Query,
                    TableAction::PutItem,
                ])],
                start: || Box::pin(usage_tracking_on_limits()),
            },
        ],
        openapi: || {
            api::<Describing>().document("Millwright usage-tracking", SUMMARY, codes::ALL).0
        },
    }
}
