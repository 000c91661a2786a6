//! The facade for clients of key-value stores of version 2 (KV v2): their paths, bodies and errors
//! over the same secrets, with the same rights, records and limits.
//!
//! What the dialect wants otherwise than this API is translated around the router ([`dialect`]):
//! `X-Vault-Token`, the verb `LIST`, `PUT` for `POST`, and errors as `{"errors": […]}`.

mod address;
mod data;
mod metadata;
mod token;
mod versions;

pub mod handlers {
    //! Where the table of contents finds them.
    pub use super::{data::*, metadata::*, token::*, versions::*};
}

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, Method, StatusCode, Uri, header};
use millwright_core::Timestamp;
use millwright_http::{Caller, Describe, OperationDocument, bearer_from, in_own_form};
use serde::Serialize;
use serde_json::{Value, json};
use tower::ServiceExt;
use utoipa::ToSchema;

pub use self::address::{KvAddress, KvMount};
use crate::{
    domain::{Plaintext, Secret, Version, VersionState},
    store::VersionItem,
};

/// What the paths of the facade begin with.
const PREFIX: &str = "/api/v1/secrets/kv/";
/// What a client is told whose expectation was not met.
const MISMATCH: &str = "check-and-set parameter did not match the current version";

/// The router with the dialect around it.
pub fn dialect(inner: Router) -> Router {
    Router::new().fallback(move |request: Request| {
        let inner = inner.clone();
        async move {
            if !request.uri().path().starts_with(PREFIX) {
                return answered(inner, request).await;
            }
            let response = answered(inner, understood(request)).await;
            in_its_words(response).await
        }
    })
}

async fn answered(router: Router, request: Request) -> Response {
    match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// Credential, verb and parameters as this API has them.
fn understood(mut request: Request) -> Request {
    let headers = request.headers_mut();
    bearer_from(headers, "x-vault-token");
    if request.method() == Method::PUT {
        *request.method_mut() = Method::POST;
    }
    if request.method().as_str() == "LIST" {
        *request.method_mut() = Method::GET;
        let listing = format!("{}?list=true", request.uri().path());
        if let Ok(uri) = Uri::try_from(listing) {
            *request.uri_mut() = uri;
        }
    }
    request
}

/// The largest problem that is translated.
const MAX_PROBLEM_BYTES: usize = 256 * 1024;

/// Errors as clients of the dialect read them: they compare the whole media type.
async fn in_its_words(response: Response) -> Response {
    let json = HeaderValue::from_static("application/json");
    let (mut parts, body) = response.into_parts();
    let is_error = parts.status.is_client_error() || parts.status.is_server_error();
    if !is_error || parts.headers.get(header::CONTENT_TYPE) == Some(&json) {
        return in_own_form(Response::from_parts(parts, body));
    }
    let bytes = to_bytes(body, MAX_PROBLEM_BYTES).await.unwrap_or_default();
    let problem: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let text = problem["detail"].as_str().or(problem["title"].as_str()).unwrap_or("refused");
    let (status, errors) = match parts.status {
        StatusCode::UNAUTHORIZED => (StatusCode::FORBIDDEN, vec!["permission denied"]),
        StatusCode::NOT_FOUND => (StatusCode::NOT_FOUND, Vec::new()),
        StatusCode::PRECONDITION_FAILED => (StatusCode::BAD_REQUEST, vec![MISMATCH]),
        StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY => {
            (StatusCode::BAD_REQUEST, vec![text])
        }
        status => (status, vec![text]),
    };
    parts.status = status;
    parts.headers.insert(header::CONTENT_TYPE, json);
    for stale in [header::CONTENT_LENGTH, header::WWW_AUTHENTICATE, header::ETAG] {
        parts.headers.remove(stale);
    }
    let body = json!({ "errors": errors }).to_string();
    in_own_form(Response::from_parts(parts, Body::from(body)))
}

/// What the dialect wraps every answer in.
#[derive(Serialize, ToSchema)]
pub struct KvEnvelope {
    request_id: String,
    lease_id: String,
    renewable: bool,
    lease_duration: u32,
    /// By the operation.
    #[schema(value_type = Value)]
    data: Plaintext,
    wrap_info: Option<String>,
    warnings: Option<Vec<String>>,
    auth: Option<String>,
}

/// What the dialect says of errors.
#[derive(Serialize, ToSchema)]
pub struct KvErrors {
    errors: Vec<String>,
}

/// What the dialect says of what is not there: of a version that is gone its metadata.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "describes the two")]
enum KvMissing {
    Nothing(KvErrors),
    Gone(KvEnvelope),
}

/// An answer with data.
pub struct KvAnswer {
    status: StatusCode,
    envelope: KvEnvelope,
}

impl KvAnswer {
    pub fn new(caller: &Caller, data: Value) -> KvAnswer {
        KvAnswer {
            status: StatusCode::OK,
            envelope: KvEnvelope {
                request_id: caller.request.request_id.clone(),
                lease_id: String::new(),
                renewable: false,
                lease_duration: 0,
                data: Plaintext::new(data),
                wrap_info: None,
                warnings: None,
                auth: None,
            },
        }
    }

    /// 404, though there is something to say of it.
    #[must_use]
    pub fn not_found(mut self) -> KvAnswer {
        self.status = StatusCode::NOT_FOUND;
        self
    }
}

impl IntoResponse for KvAnswer {
    fn into_response(self) -> Response {
        let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        let body = serde_json::to_string(&self.envelope).unwrap_or_default();
        (self.status, json, body).into_response()
    }
}

fn describe_errors(document: &mut OperationDocument) {
    for (status, description) in [
        (400, "Refused; also another version is current"),
        (403, "Not permitted, or no valid credential"),
        (413, "Too large"),
        (415, "Not JSON"),
        (429, "Too many values within a minute"),
        (503, "Temporarily not available: try again"),
        (500, "Something went wrong"),
    ] {
        document.own_problem::<KvErrors>(status, description);
    }
    document.own_problem::<KvMissing>(404, "Nothing there; of a deleted version its metadata");
}

impl Describe for KvAnswer {
    fn describe(document: &mut OperationDocument) {
        document.answer::<KvEnvelope>(200, "OK");
        describe_errors(document);
    }
}

/// An answer without data.
pub struct KvDone;

impl IntoResponse for KvDone {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

impl Describe for KvDone {
    fn describe(document: &mut OperationDocument) {
        document.empty_answer(204, "Done");
        describe_errors(document);
    }
}

fn time(at: Option<Timestamp>) -> String {
    at.map(|at| at.to_string()).unwrap_or_default()
}

/// The metadata of one version.
fn metadata_of(secret: &Secret, version: &Version) -> Value {
    json!({
        "created_time": version.created_at,
        "custom_metadata": (!secret.metadata.0.is_empty()).then_some(&secret.metadata),
        "deletion_time": time(version.deleted_at),
        "destroyed": version.state == VersionState::Destroyed,
        "version": version.number,
    })
}

/// The same in the list of all versions.
fn version_of(item: VersionItem) -> (String, Value) {
    let version = item.version();
    let value = json!({
        "created_time": version.created_at,
        "deletion_time": time(version.deleted_at),
        "destroyed": version.state == VersionState::Destroyed,
    });
    (version.number.to_string(), value)
}
