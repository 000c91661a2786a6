//! Errors on the wire: `application/problem+json` (RFC 9457).

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use millwright_core::{Error, Fault, Faults, InputError, Kind};
use serde_json::{Map, Value, json};

/// A core [`Error`] on its way out. `?` turns the one into the other.
#[derive(Debug)]
pub struct Problem(pub Error);

/// What handlers answer.
pub type Answered<T> = Result<T, Problem>;

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        Problem(error)
    }
}

impl From<Faults> for Problem {
    fn from(faults: Faults) -> Problem {
        Problem(faults.into())
    }
}

impl From<InputError> for Problem {
    fn from(refused: InputError) -> Problem {
        Problem(refused.into())
    }
}

/// The media type of problems.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// The status of a kind of error.
pub fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::Invalid => StatusCode::BAD_REQUEST,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::VersionStale => StatusCode::PRECONDITION_FAILED,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Kind::IdempotencyMismatch => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// The code of a problem response, for the request log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProblemCode(pub(crate) &'static str);

/// The members of a problem but `instance` and `requestId`, which the edge knows.
pub(crate) fn members(error: &Error) -> Map<String, Value> {
    let status = status(error.kind());
    let mut body = Map::new();
    body.insert("type".into(), json!("about:blank"));
    body.insert("title".into(), json!(error.code().title));
    body.insert("status".into(), json!(status.as_u16()));
    body.insert("code".into(), json!(error.code().name));
    // A failure of ours says nothing but its request id.
    if status.is_server_error() && error.kind() != Kind::Unavailable {
        return body;
    }
    if !error.detail().is_empty() {
        body.insert("detail".into(), json!(error.detail()));
    }
    for (name, value) in error.members() {
        body.insert(name.clone(), value.clone());
    }
    if !error.faults().is_empty() {
        let fault = |fault: &Fault| {
            json!({
                "pointer": fault.pointer,
                "code": fault.code.as_str(),
                "detail": fault.detail,
            })
        };
        body.insert("errors".into(), error.faults().iter().map(fault).collect());
    }
    body
}

/// Renders a problem. `instance` and `requestId` are added by the edge, which knows them.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let error = self.0;
        let status = status(error.kind());
        let body = members(&error);
        if status.is_server_error() {
            tracing::error!(%error, "request failed");
        } else if let Some(reason) = error.internal_message() {
            tracing::info!(code = error.code().name, reason, "request refused");
        }
        let mut response = problem_response(status, &Value::Object(body));
        response.extensions_mut().insert(ProblemCode(error.code().name));
        let headers = response.headers_mut();
        if let Some(seconds) = error.retry_after_seconds() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if error.kind() == Kind::Unauthenticated {
            headers.insert(header::WWW_AUTHENTICATE, challenge(error.code().name));
        }
        if let Some(version) = error.members().get("currentVersion").and_then(Value::as_u64) {
            headers.insert(header::ETAG, etag(version));
        }
        response
    }
}

pub(crate) fn problem_response(status: StatusCode, body: &Value) -> Response {
    let mut response = (status, body.to_string()).into_response();
    let value = HeaderValue::from_static(PROBLEM_JSON);
    response.headers_mut().insert(header::CONTENT_TYPE, value);
    response
}

fn challenge(code: &'static str) -> HeaderValue {
    match code {
        // RFC 6750 section 3: no error code where no credential was given.
        "unauthenticated" => HeaderValue::from_static("Bearer"),
        "reauthentication_required" => HeaderValue::from_static(
            "Bearer error=\"insufficient_user_authentication\", max_age=600",
        ),
        _ => HeaderValue::from_static("Bearer error=\"invalid_token\""),
    }
}

/// `"<version>"`.
pub(crate) fn etag(version: u64) -> HeaderValue {
    HeaderValue::try_from(format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"0\""))
}

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
