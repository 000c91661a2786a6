//! HTTP functions: API Gateway's event into the edge, its answer back.

use std::convert::Infallible;

use http::{HeaderValue, header};
use lambda_http::{
    Adapter, Body, LambdaEvent, StreamAdapter, aws_lambda_events::apigw::ApiGatewayV2httpRequest,
    request::LambdaRequest, service_fn,
};
use millwright_http::{ACT_FOR_HEADER, CALLER_HEADER, Edge};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use tower::ServiceExt;

use crate::StartError;

/// Serves an edge as a Lambda function until it is stopped.
///
/// # Errors
/// If the Lambda runtime API cannot be reached.
pub async fn serve_http(edge: Edge) -> Result<(), StartError> {
    let adapter = Adapter::from(service_fn(move |request: lambda_http::Request| {
        let edge = edge.clone();
        async move { Ok::<_, Infallible>(to_edge(&edge, request).await) }
    }));
    lambda_runtime::run(service_fn(move |event: LambdaEvent<LambdaRequest>| {
        let LambdaEvent { payload, context } = event;
        adapter.clone().oneshot(LambdaEvent::new(tamed(payload), context))
    }))
    .await
}

/// As [`serve_http`], but answers leave piece by piece: for functions with a URL that streams
/// (`InvokeMode: RESPONSE_STREAM`). The invocation lasts until the body has ended.
///
/// # Errors
/// If the Lambda runtime API cannot be reached.
pub async fn serve_http_streams(edge: Edge) -> Result<(), StartError> {
    let adapter = StreamAdapter::from(service_fn(move |request: lambda_http::Request| {
        let edge = edge.clone();
        async move { Ok::<_, Infallible>(edge.call(request.map(received)).await) }
    }));
    lambda_runtime::run(service_fn(move |event: LambdaEvent<LambdaRequest>| {
        let LambdaEvent { payload, context } = event;
        adapter.clone().oneshot(LambdaEvent::new(tamed(payload), context))
    }))
    .await
}

fn received(body: Body) -> axum::body::Body {
    match body {
        Body::Empty => axum::body::Body::empty(),
        Body::Text(text) => axum::body::Body::from(text),
        Body::Binary(bytes) => axum::body::Body::from(bytes),
        #[allow(unreachable_patterns, reason = "the enum is open")]
        _ => axum::body::Body::empty(),
    }
}

/// One request through the edge, with the body types of the Lambda library.
pub async fn to_edge(edge: &Edge, request: lambda_http::Request) -> http::Response<Body> {
    let response = edge.call(request.map(received)).await;
    let (parts, body) = response.into_parts();
    // Our bodies are in memory already: this cannot fail and has no limit to meet.
    let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let body = match String::from_utf8(bytes.to_vec()) {
        Ok(text) if text.is_empty() => Body::Empty,
        Ok(text) => Body::Text(text),
        Err(binary) => Body::Binary(binary.into_bytes()),
    };
    http::Response::from_parts(parts, body)
}

/// What a path may contain as it stands; everything else is encoded.
const PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'\\')
    .add(b'^')
    .add(b'|')
    .add(b'[')
    .add(b']');

/// The library builds a URL of what the caller sent and panics if that is none: hand it only what
/// makes one. The path is what routing needs; host and scheme mean nothing to us.
fn tamed(request: LambdaRequest) -> LambdaRequest {
    match request {
        LambdaRequest::ApiGatewayV2(mut request) => {
            tame(&mut request);
            LambdaRequest::ApiGatewayV2(request)
        }
        #[allow(unreachable_patterns, reason = "other events depend on features")]
        other => other,
    }
}

fn tame(request: &mut ApiGatewayV2httpRequest) {
    request.headers.insert(header::HOST, HeaderValue::from_static("localhost"));
    request.headers.insert("x-forwarded-proto", HeaderValue::from_static("https"));
    let path = request.raw_path.take().unwrap_or_default();
    let path = format!("/{}", path.trim_start_matches('/'));
    request.raw_path = Some(utf8_percent_encode(&path, PATH).to_string());
    let query = request.raw_query_string.take().unwrap_or_default();
    request.raw_query_string = Some(utf8_percent_encode(&query, QUERY).to_string());
    // The gateway and function URLs always set an id, the local server always its own stage.
    let context = &mut request.request_context;
    let is_direct = context.apiid.is_none() && context.stage.as_deref() == Some("internal");
    if !is_direct {
        request.headers.remove(CALLER_HEADER);
        request.headers.remove(ACT_FOR_HEADER);
    }
    // The library would put any other stage in front of the path.
    context.stage = Some("$default".to_owned());
}

/// What a query may contain as it stands.
const QUERY: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'\\')
    .add(b'^')
    .add(b'|');

#[cfg(test)]
mod tests {
    use super::*;

    fn request(raw_path: &str, headers: &[(&str, &str)]) -> lambda_http::Request {
        let mut event = serde_json::json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": raw_path,
            "rawQueryString": "a=b&c=%20 {",
            "headers": {},
            "requestContext": {
                "stage": "$default",
                "http": { "method": "GET", "path": raw_path, "sourceIp": "192.0.2.1" },
            },
            "isBase64Encoded": false,
        });
        for (name, value) in headers {
            event["headers"][*name] = (*value).into();
        }
        let parsed: LambdaRequest = serde_json::from_value(event).expect("an event");
        tamed(parsed).into()
    }

    #[test]
    fn mangled_hosts_schemes_and_paths_make_a_request_all_the_same() {
        for host in ["", "a b", "[::1", "host:notaport", "%", "exa<mple.org"] {
            for scheme in ["https", "", "no scheme", "1:"] {
                let headers = [("host", host), ("x-forwarded-proto", scheme)];
                let request = request("/api/v1/planning/tasks", &headers);
                assert_eq!(request.uri().path(), "/api/v1/planning/tasks", "{host} {scheme}");
            }
        }
        for path in
            ["", "no-slash", "//double", "/with space", "/a?b#c", "/ü", "/%zz", "/a\\b", "/\u{0}"]
        {
            let request = request(path, &[]);
            assert!(request.uri().path().starts_with('/'), "{path}");
        }
    }

    #[test]
    fn decoded_and_encoded_paths_come_out_the_same() {
        let id = "/api/v1/planning/tasks/task_01jdz7xk2nf5h9vq3w8c6m4t0b";
        assert_eq!(request(id, &[]).uri().path(), id);
        assert_eq!(
            request("/api/v1/planning/projects/A%2DB", &[]).uri().path(),
            "/api/v1/planning/projects/A%2DB"
        );
    }
}
