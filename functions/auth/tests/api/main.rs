//! auth over its router, DynamoDB in memory. Modules mirror URLs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod sessions;

use auth::Auth;
use axum::Router;
use millwright_http::Platform;
use millwright_store::Store;
use millwright_testkit::Files;

/// Two organizations.
const A: u128 = 1;
const B: u128 = 2;

fn router(platform: Platform, store: Store, _files: Files) -> Router {
    auth::router(Auth::new(platform, store))
}
