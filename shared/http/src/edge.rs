//! Around the router: ids, problems, panics, conditional requests, headers, the request log.

use std::{panic::AssertUnwindSafe, sync::Arc};

use axum::{
    Router,
    body::{Body, to_bytes},
    response::{IntoResponse, Response},
};
use futures::FutureExt;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header, request::Parts,
};
use millwright_core::{Error, Timestamp};
use serde_json::{Value, json};
use tower::ServiceExt;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::{
    Platform, Problem, RequestContext,
    browser::OwnForm,
    exchange::{Exchange, Left},
    idempotency::ReadAgain,
    problem::{PROBLEM_JSON, ProblemCode, X_REQUEST_ID, problem_response},
};

/// The whole of a service's HTTP function: call it with what the gateway sent.
#[derive(Clone)]
pub struct Edge {
    router: Router,
    platform: Platform,
    function: Arc<str>,
}

/// How much of a problem is looked at to complete it.
const MAX_PROBLEM_BYTES: usize = 256 * 1024;

impl Edge {
    pub fn new(router: Router, platform: Platform, function: &str) -> Edge {
        let router = router.layer(cors(&platform.0.allowed_origins));
        Edge { router, platform, function: function.into() }
    }

    /// For pages of the configured origins that send cookies along.
    pub fn with_cookies(router: Router, platform: Platform, function: &str) -> Edge {
        let router = router.layer(cors(&platform.0.allowed_origins).allow_credentials(true));
        Edge { router, platform, function: function.into() }
    }

    /// Answers one request; never fails and never panics.
    pub async fn call(&self, request: Request<Body>) -> Response {
        let started = self.platform.clock().now();
        let (mut parts, body) = request.into_parts();
        let context = RequestContext::of(&parts, &self.platform);
        let exchange = Exchange::default();
        parts.extensions.insert(context.clone());
        parts.extensions.insert(exchange.clone());
        let head = Head::of(&parts);
        let mut response = self.route(Request::from_parts(parts, body)).await;
        if let Some(again) = response.extensions().get::<ReadAgain>().cloned() {
            response = self.read_again(&head, &context, again, response).await;
        }
        let left = exchange.with(std::mem::take);
        if let (Some(claim), Some(store)) = (&left.claim, &self.platform.0.store) {
            if response.status().is_success() && !claim.is_settled() {
                // The handler wrote past its submission: a repeat would do it again.
                let error = Error::internal("a submission was answered without being completed");
                response = Problem(error).into_response();
            } else {
                claim.release(store).await;
            }
        }
        response = complete_problem(response, &head, &context).await;
        response = not_modified(response, &head);
        finish_headers(&mut response, &context, &left);
        self.log(&head, &context, &left, &response, started);
        response
    }

    async fn route(&self, request: Request<Body>) -> Response {
        let answered = AssertUnwindSafe(self.router.clone().oneshot(request)).catch_unwind().await;
        match answered {
            Ok(Ok(response)) => response,
            Err(panic) => {
                let message = panic
                    .downcast_ref::<&str>()
                    .map(|text| (*text).to_owned())
                    .or_else(|| panic.downcast_ref::<String>().cloned())
                    .unwrap_or_default();
                Problem(Error::internal(format!("panic: {message}"))).into_response()
            }
        }
    }

    /// The stored answer was too large to keep: reads the thing again for the same caller.
    async fn read_again(
        &self,
        head: &Head,
        context: &RequestContext,
        again: ReadAgain,
        replay: Response,
    ) -> Response {
        let mut request = Request::get(&again.resource);
        if let Some(credential) = head.headers.get(header::AUTHORIZATION) {
            request = request.header(header::AUTHORIZATION, credential);
        }
        let request = request.extension(context.clone()).body(Body::empty());
        let Ok(request) = request else { return replay };
        let mut response = self.route(request).await;
        if response.status() == StatusCode::OK {
            *response.status_mut() = again.status;
            if let Some(Ok(location)) = again.location.map(HeaderValue::try_from) {
                response.headers_mut().insert(header::LOCATION, location);
            }
        }
        response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
        response
    }

    fn log(
        &self,
        head: &Head,
        context: &RequestContext,
        left: &Left,
        response: &Response,
        started: Timestamp,
    ) {
        let milliseconds = self.platform.clock().now().since(started).as_millis();
        let status = response.status().as_u16();
        let code = response.extensions().get::<ProblemCode>().map(|code| code.0);
        tracing::info!(
            request_id = context.request_id,
            traceparent = context.traceparent,
            method = %head.method,
            operation = left.operation.unwrap_or("none"),
            status,
            code,
            milliseconds,
            organization = left.organization,
            actor = left.actor,
            "request"
        );
        metric(self.platform.0.service, &self.function, status, milliseconds);
    }
}

/// What of the request is needed after the router has consumed it.
struct Head {
    method: Method,
    path: String,
    headers: HeaderMap,
}

impl Head {
    fn of(parts: &Parts) -> Head {
        Head {
            method: parts.method.clone(),
            path: parts.uri.path().to_owned(),
            headers: parts.headers.clone(),
        }
    }
}

/// Adds `instance` and `requestId`, and makes a problem of any error that is none yet.
async fn complete_problem(response: Response, head: &Head, context: &RequestContext) -> Response {
    let status = response.status();
    let is_own = response.extensions().get::<OwnForm>().is_some();
    if is_own || (!status.is_client_error() && !status.is_server_error()) {
        return response;
    }
    let is_problem = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(PROBLEM_JSON.as_bytes()));
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, MAX_PROBLEM_BYTES).await.unwrap_or_default();
    let mut problem: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    if !is_problem || !problem.is_object() {
        let detail = String::from_utf8_lossy(&bytes).into_owned();
        problem = json!({
            "type": "about:blank",
            "title": status.canonical_reason().unwrap_or("Error"),
            "status": status.as_u16(),
            "code": if status.is_server_error() { "internal" } else { "invalid_request" },
        });
        if status.is_client_error() && !detail.is_empty() {
            problem["detail"] = json!(detail);
        }
    }
    problem["instance"] = json!(head.path);
    problem["requestId"] = json!(context.request_id);
    let mut completed = problem_response(status, &problem);
    for (name, value) in &parts.headers {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
            completed.headers_mut().insert(name, value.clone());
        }
    }
    *completed.extensions_mut() = parts.extensions;
    completed
}

/// `If-None-Match` on a read whose answer has an ETag (RFC 9110 section 13.1.2).
fn not_modified(response: Response, head: &Head) -> Response {
    let is_read = matches!(head.method, Method::GET | Method::HEAD);
    if !is_read || response.status() != StatusCode::OK {
        return response;
    }
    let Some(current) = response.headers().get(header::ETAG).cloned() else { return response };
    let matches = head
        .headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || tag.trim_start_matches("W/").as_bytes() == current.as_bytes());
    if !matches {
        return response;
    }
    // Caching and CORS hold for the 304 as for the 200 (RFC 9110 section 15.4.5).
    let (mut parts, _) = response.into_parts();
    for of_the_body in [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::CONTENT_ENCODING] {
        parts.headers.remove(of_the_body);
    }
    parts.status = StatusCode::NOT_MODIFIED;
    Response::from_parts(parts, Body::empty())
}

fn finish_headers(response: &mut Response, context: &RequestContext, left: &Left) {
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::try_from(&context.request_id) {
        headers.insert(X_REQUEST_ID, value);
    }
    if let Ok(value) = HeaderValue::try_from(&context.traceparent) {
        headers.insert("traceparent", value);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let https_only = HeaderValue::from_static("max-age=31536000; includeSubDomains");
    headers.insert(header::STRICT_TRANSPORT_SECURITY, https_only);
    if let Some(allowance) = &left.allowance {
        let pairs = [("ratelimit-policy", allowance.policy()), ("ratelimit", allowance.state())];
        for (name, text) in pairs {
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
    }
}

/// CORS for the configured origins; none answers none.
fn cors(origins: &[String]) -> CorsLayer {
    let origins: Vec<HeaderValue> =
        origins.iter().filter_map(|origin| HeaderValue::try_from(origin).ok()).collect();
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_MATCH,
            header::IF_NONE_MATCH,
            HeaderName::from_static("idempotency-key"),
            X_REQUEST_ID,
            HeaderName::from_static("traceparent"),
        ])
        .expose_headers([
            header::ETAG,
            header::LOCATION,
            header::RETRY_AFTER,
            X_REQUEST_ID,
            HeaderName::from_static("ratelimit"),
            HeaderName::from_static("ratelimit-policy"),
            HeaderName::from_static("idempotency-replayed"),
        ])
        .max_age(std::time::Duration::from_secs(600))
}

/// CloudWatch embedded metric format: one log record carries the metrics of the request.
/// Dimensions are service and function only; operation and organization are log fields.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>
fn metric(service: &str, function: &str, status: u16, milliseconds: u128) {
    let server_error = u8::from(status >= 500);
    let client_error = u8::from((400..500).contains(&status));
    tracing::info!(
        target: "metric",
        service,
        function,
        Requests = 1u8,
        ClientErrors = client_error,
        ServerErrors = server_error,
        Milliseconds = u64::try_from(milliseconds).unwrap_or(u64::MAX),
    );
}
