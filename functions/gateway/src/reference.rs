//! `GET /openapi.json` and `GET /docs`: the API described, for programs and for people.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use axum::response::{IntoResponse, Response};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderValue, header};
use millwright_http::{Answered, Describe, OperationDocument, Public};
use utoipa::ToSchema;

use crate::document::Document;

const PAGE: &str = include_str!("generated/reference.html");

static REFERENCE: Document = Document::new("text/html; charset=utf-8", PAGE);

static OPENAPI: Document = Document::new(
    "application/json",
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/openapi.json")),
);

/// The page loads nothing, and of what could be smuggled into it nothing runs.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let style = content_hash(PAGE, "style");
    let script = content_hash(PAGE, "script");
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; \
         img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

/// The hash of what the first such element holds, as a content security policy names it.
fn content_hash(page: &str, element: &str) -> String {
    let (start, end) = (format!("<{element}>"), format!("</{element}>"));
    let content = page
        .split_once(&start)
        .and_then(|(_, rest)| rest.split_once(&end))
        .map_or("", |(content, _)| content);
    STANDARD.encode(digest(&SHA256, content.as_bytes()))
}

/// An OpenAPI 3.1 document.
#[derive(ToSchema)]
#[allow(dead_code, reason = "described, never built: the text is served as it is")]
struct OpenApi {
    /// Version of the format.
    openapi: String,
    #[schema(value_type = Object)]
    info: (),
    /// Operations by path and method.
    #[schema(value_type = Object)]
    paths: (),
    #[schema(value_type = Object)]
    components: (),
}

/// The joined document of all services.
pub struct OpenApiDocument;

impl Describe for OpenApiDocument {
    fn describe(operation: &mut OperationDocument) {
        operation.answer::<OpenApi>(200, "OK");
        Document::describe_caching(operation);
    }
}

impl IntoResponse for OpenApiDocument {
    fn into_response(self) -> Response {
        OPENAPI.answer()
    }
}

/// The reference page.
pub struct ReferencePage;

impl Describe for ReferencePage {
    fn describe(operation: &mut OperationDocument) {
        operation.answer_text(200, "text/html", "OK");
        Document::describe_caching(operation);
    }
}

impl IntoResponse for ReferencePage {
    fn into_response(self) -> Response {
        let mut response = REFERENCE.answer();
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
        response
    }
}

/// Read the OpenAPI document
///
/// Describes every operation of every service, in OpenAPI 3.1. The same for everybody until the
/// next release.
#[utoipa::path(get, path = "/openapi.json", tag = "Meta")]
pub async fn openapi_get(_: Public) -> Answered<OpenApiDocument> {
    Ok(OpenApiDocument)
}

/// Read the reference page
///
/// The OpenAPI document as one page for people; it loads nothing from elsewhere.
#[utoipa::path(get, path = "/docs", tag = "Meta")]
pub async fn reference_get(_: Public) -> Answered<ReferencePage> {
    Ok(ReferencePage)
}
