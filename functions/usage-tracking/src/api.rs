//! The table of contents: every operation of usage-tracking.

use axum::Router;
use millwright_core::codes::CONTENTION;
use millwright_http::{Api, Purpose, Serving, operation};

use crate::{app::UsageTracking, codes::TITLE_TAKEN, quota};

/// `usage-tracking`, served.
pub fn router(state: UsageTracking) -> Router {
    api::<Serving>().router(state)
}

/// All operations of usage-tracking.
pub fn api<P: Purpose>() -> Api<UsageTracking, P> {
    Api::new("usage-tracking", "usage")
        .with(operation!(quota::quota_create).answers(&[TITLE_TAKEN]))
        .with(operation!(quota::quota_list))
        .with(operation!(quota::quota_get))
        .with(operation!(quota::quota_update).answers(&[TITLE_TAKEN, CONTENTION]))
        .with(operation!(quota::quota_delete).answers(&[CONTENTION]))
}
