//! The table of contents: every operation of the gateway.

use axum::Router;
use millwright_http::{Api, Platform, Purpose, Serving, operation};

use crate::{reference, root};

/// The gateway, served.
pub fn router(platform: Platform) -> Router {
    api::<Serving>().router(platform)
}

/// All operations of the gateway. Its state is the platform alone.
pub fn api<P: Purpose>() -> Api<Platform, P> {
    Api::of_root("gateway")
        .with(operation!(root::root_get))
        .with(operation!(reference::openapi_get))
        .with(operation!(reference::reference_get))
}
