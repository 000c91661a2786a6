//! `GET /`: what this is and where to go on.

use axum::response::{IntoResponse, Response};
use millwright_http::{Answered, Describe, OperationDocument, Public};
use millwright_manifest::Service;
use serde::Serialize;
use utoipa::ToSchema;

use crate::document::Document;

/// Where a client that knows nothing but the host begins.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "name": "Millwright",
    "version": "0.1.0",
    "links": { "openapi": "/openapi.json", "docs": "/docs", "health": "/health" },
    "services": [{
        "name": "planning",
        "summary": "Projects, tasks, comments and their history",
        "basePaths": ["/api/v1/planning"],
        "healthPath": "/api/v1/planning/health",
    }],
}))]
pub struct Root {
    #[schema(value_type = String)]
    pub name: &'static str,
    /// Of the release.
    #[schema(value_type = String)]
    pub version: &'static str,
    pub links: Links,
    #[schema(max_items = 100)]
    pub services: Vec<ServiceEntry>,
}

/// Paths at the same host.
#[derive(Debug, Serialize, ToSchema)]
pub struct Links {
    /// The OpenAPI 3.1 document of all services.
    #[schema(value_type = String)]
    pub openapi: &'static str,
    /// The reference page, for people.
    #[schema(value_type = String)]
    pub docs: &'static str,
    #[schema(value_type = String)]
    pub health: &'static str,
}

/// A service that clients can call.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(rename_all = "camelCase")]
pub struct ServiceEntry {
    #[schema(value_type = String)]
    pub name: &'static str,
    #[schema(value_type = String)]
    pub summary: &'static str,
    /// Everything below these is served by it.
    #[schema(min_items = 1, max_items = 10)]
    pub base_paths: Vec<String>,
    /// Answers 200 while its process runs.
    pub health_path: String,
}

impl Root {
    /// The root of an API of these services; `cargo xtask gen` writes it.
    pub fn of(services: &[Service]) -> Root {
        Root {
            name: "Millwright",
            version: env!("CARGO_PKG_VERSION"),
            links: Links { openapi: "/openapi.json", docs: "/docs", health: "/health" },
            services: services.iter().filter_map(ServiceEntry::of).collect(),
        }
    }
}

impl ServiceEntry {
    /// None for a service without paths of its own.
    fn of(service: &Service) -> Option<ServiceEntry> {
        let base_paths: Vec<String> =
            service.bases.iter().map(|base| format!("/api/v1/{base}")).collect();
        let health_path = format!("{}/health", base_paths.first()?);
        Some(ServiceEntry { name: service.name, summary: service.summary, base_paths, health_path })
    }
}

static ROOT: Document = Document::new("application/json", include_str!("generated/root.json"));

/// The [`Root`] of this release.
pub struct RootDocument;

impl Describe for RootDocument {
    fn describe(operation: &mut OperationDocument) {
        operation.answer::<Root>(200, "OK");
        Document::describe_caching(operation);
    }
}

impl IntoResponse for RootDocument {
    fn into_response(self) -> Response {
        ROOT.answer()
    }
}

/// Read the API root
///
/// Names the services and where their paths begin. The same for everybody until the next release.
#[utoipa::path(get, path = "/", tag = "Meta")]
pub async fn root_get(_: Public) -> Answered<RootDocument> {
    Ok(RootDocument)
}
