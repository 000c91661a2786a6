//! auth over its router, DynamoDB in memory. Modules mirror what people do.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "made-up tenants")]

mod api_keys;
mod browser;
mod costs;
mod documents;
mod export;
mod jobs;
mod refresh;
mod rotation;
mod scene;
mod secrecy;
mod sessions;
mod sign_in;
mod token_endpoint;
