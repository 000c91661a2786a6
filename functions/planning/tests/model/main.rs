//! planning against a plain model: random sequences of operations over the in-process router, then
//! everything that can be read is compared (specs planning 22, number 7).
//!
//! `PROPTEST_CASES` sets the number of sequences.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod drive;
mod graph;
mod model;
mod operation;
mod verify;
mod verify_lists;

use std::time::Duration;

use axum::Router;
use drive::Driver;
use millwright_files::Files;
use millwright_http::Platform;
use millwright_store::Store;
use millwright_testkit::TestApp;
use operation::{Sequence, sequence};
use planning::Planning;
use proptest::{
    prelude::*,
    test_runner::{FileFailurePersistence, TestRunner},
};

/// Sequences in each of the tests below.
const SEQUENCES: u32 = 50;

/// Without a cache: what one request changes the next one sees.
fn router(platform: Platform, store: Store, files: Files) -> Router {
    planning::router(platform, Planning::new(store, files, Duration::ZERO))
}

fn run(share: u32) {
    #[allow(clippy::disallowed_methods, reason = "the variable of proptest, read as it does")]
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse::<u32>().ok());
    let config = ProptestConfig {
        cases: asked.map_or(SEQUENCES, |cases| cases.div_ceil(share)),
        max_shrink_iters: 400,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        source_file: Some(file!()),
        ..ProptestConfig::default()
    };
    let outcome = TestRunner::new(config).run(&sequence(), |sequence| {
        // Its servers end with the runtime: a thousand databases would not fit.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(play(&sequence));
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

async fn play(sequence: &Sequence) {
    let app = TestApp::start("planning", router).await;
    let mut driver = Driver::start(app).await;
    for operation in &sequence.operations {
        driver.apply(operation).await;
    }
    verify::everything(&driver, sequence.seed).await;
}

/// Two tests, so that two cores share the work.
#[test]
fn sequences_end_as_in_the_model() {
    run(2);
}

#[test]
fn more_sequences_end_as_in_the_model() {
    run(2);
}
