//! usage-tracking over its router, DynamoDB in memory. Modules mirror URLs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod clients;
mod corrections;
mod costs;
mod days;
mod events;
mod exactly;
mod ingest;
mod jobs;
mod limits;
mod meters;
mod prices;
mod queries;
mod reservations;
mod scene;
mod statements;
mod thresholds;

pub use scene::{A, B, Scene};
