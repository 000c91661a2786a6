//! gateway answers what no other service does: the API root, the joined OpenAPI document, the
//! reference page, its own health, and the problem for an unknown path. It has no table, no secret
//! and no event; everything it serves is compiled into it.
//!
//! `cargo xtask gen` writes what is served from the manifests of all services: [`Root`] and the
//! reference page into `src/generated/`, the joined document into `infra/openapi.json`. They are
//! part of the next build.

mod api;
mod document;
mod functions;
mod reference;
mod root;

use millwright_http::Describing;
use millwright_manifest::{Function, Service, Trigger};

pub use api::{api, router};
pub use functions::gateway;
pub use root::{Links, Root, ServiceEntry};

const SUMMARY: &str = "API root, joined OpenAPI document, reference page, health, 404";

/// The manifest.
pub fn service() -> Service {
    Service {
        name: "gateway",
        summary: SUMMARY,
        bases: &[],
        permissions: &[],
        codes: &[],
        operations: api::<Describing>().operations(),
        events: vec![],
        table: None,
        bucket: None,
        functions: vec![Function {
            name: "gateway",
            summary: "Answers whatever no service serves",
            memory_megabytes: 256,
            timeout_seconds: 10,
            triggers: vec![Trigger::DefaultRoute],
            rights: vec![],
            start: || Box::pin(gateway()),
        }],
        openapi: || api::<Describing>().document("Millwright gateway", SUMMARY, &[]).0,
    }
}
