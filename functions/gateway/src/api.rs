//! The table of contents: every operation of the gateway.

use millwright_http::{Api, Platform, operation};

use crate::{reference, root};

/// All operations of the gateway. Its state is the platform alone.
pub fn api() -> Api<Platform> {
    Api::of_root("gateway")
        .with(operation!(root::root_get))
        .with(operation!(reference::openapi_get))
        .with(operation!(reference::reference_get))
}
