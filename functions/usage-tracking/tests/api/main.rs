//! usage-tracking over its router, DynamoDB in memory. Modules mirror URLs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod quotas;

use axum::Router;
use millwright_http::Platform;
use millwright_store::Store;
use millwright_testkit::Files;
use usage_tracking::UsageTracking;

/// Two organizations.
const A: u128 = 1;
const B: u128 = 2;

fn router(platform: Platform, store: Store, _files: Files) -> Router {
    ::usage_tracking::router(UsageTracking::new(platform, store))
}
