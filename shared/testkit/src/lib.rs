//! The test kit: the real code against DynamoDB in memory.
//!
//! - [`TestApp`]: a service over its in-process router, with clients per organization and role;
//!   [`TestApp::instance`] is a second function instance on the same table.
//! - [`Faults`]: counts calls, injects transaction conflicts (seeded) and crashes, below the SDK.
//! - [`TestApp::outbox`]: what was said; [`deliveries`] makes queue batches of it, [`settled`] tells
//!   how one ended.
//! - [`JobQueue`]: delivers messages to the workers of jobs, which die where the test says.
//! - [`TestFiles`]: a bucket that verifies signatures and checksums.
//! - [`TestMail`]: a post office that keeps letters.
//! - [`LambdaProcess`]: a real binary behind a Runtime API, with [`AwsDouble`] beside it.
//! - [`unseen_problems`]: which problem codes no test expects.
//! - [`Contract`]: answers and events against the generated documents.

#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, reason = "a test kit panics")]

mod app;
mod contract;
mod database;
mod faults;
mod files;
mod lambda;
mod mail;
mod problems;
mod queue;
mod secrets;

pub use app::{Answer, Client, TestApp, signing_pem};
pub use contract::Contract;
pub use database::{Database, DeadLetterBox, Kept, deliveries, settled};
pub use faults::{CrashPoint, Faults};
pub use files::TestFiles;
pub use lambda::{AwsDouble, LambdaProcess};
pub use mail::TestMail;
pub use millwright_files::Files;
pub use problems::unseen_problems;
pub use queue::JobQueue;
pub use secrets::TestSecrets;

use millwright_core::Timestamp;

/// When tests begin: a Monday, late in the second minute past one.
pub fn beginning() -> Timestamp {
    "2026-11-23T01:04:58.000Z".parse().expect("a time")
}

/// The same text but for its last character, which is certainly another one.
pub fn mistyped(text: &str) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    if let Some(last) = characters.last_mut() {
        *last = if *last == 'x' { 'y' } else { 'x' };
    }
    characters.into_iter().collect()
}
