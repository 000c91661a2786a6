//! Every operation of the gateway through its edge, as the Lambda function calls it.

#![allow(clippy::expect_used, clippy::panic, reason = "tests")]

use std::sync::Arc;

use axum::body::Body;
use futures::future::BoxFuture;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use jsonwebtoken::jwk::JwkSet;
use millwright_core::{Clock, Result};
use millwright_http::{Edge, InternalSecret, Platform, PlatformParts};
use millwright_identity::{KeyCache, KeySource, NoApiKeys, NoRevocations, Verifier, VerifierParts};
use millwright_manifest::{Access, Right};
use serde_json::Value;

/// The gateway has no right to any secret.
struct OutOfReach;

impl KeySource for OutOfReach {
    fn fetch(&self) -> BoxFuture<'_, Result<JwkSet>> {
        panic!("the gateway asked for the token keys")
    }
}

impl InternalSecret for OutOfReach {
    fn fetch(&self) -> BoxFuture<'_, Result<Vec<u8>>> {
        panic!("the gateway asked for the internal secret")
    }
}

fn edge() -> Edge {
    let clock = Clock::system();
    let platform = Platform::new(PlatformParts {
        service: "gateway",
        verifier: Verifier::new(VerifierParts {
            issuer: "https://api.example.com/api/v1".to_owned(),
            audience: "millwright".to_owned(),
            keys: KeyCache::new(Arc::new(OutOfReach), clock.clone()),
            revocations: Arc::new(NoRevocations),
            api_keys: Arc::new(NoApiKeys),
            clock: clock.clone(),
        }),
        store: None,
        internal_secret: Arc::new(OutOfReach),
        requests_per_second: 100,
        allowed_origins: vec!["https://console.example.com".to_owned()],
        origin_secret_sha256: None,
        clock,
    });
    Edge::new(gateway::router(platform.clone()), platform, "gateway")
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn header(&self, name: impl header::AsHeaderName) -> &str {
        self.headers.get(name).expect("the header is there").to_str().expect("a text")
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

async fn send(method: Method, path: &str, headers: &[(header::HeaderName, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    let response = edge().call(request.body(Body::empty()).expect("a request")).await;
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("in memory").to_bytes();
    let body = String::from_utf8(body.to_vec()).expect("a text");
    Answer { status: parts.status, headers: parts.headers, body }
}

async fn get(path: &str) -> Answer {
    send(Method::GET, path, &[]).await
}

/// What is the same for everybody until the next release.
const DOCUMENTS: [(&str, &str); 3] = [
    ("/", "application/json"),
    ("/openapi.json", "application/json"),
    ("/docs", "text/html; charset=utf-8"),
];

#[tokio::test]
async fn the_root_names_the_services_and_where_to_go_on() {
    let root = get("/").await.json();
    assert_eq!(root["name"], "Millwright");
    assert_eq!(root["version"], env!("CARGO_PKG_VERSION"));
    for (name, path) in root["links"].as_object().expect("links") {
        let answer = get(path.as_str().expect("a path")).await;
        assert_eq!(answer.status, StatusCode::OK, "{name}");
    }
    let services = root["services"].as_array().expect("services");
    let planning = services.iter().find(|service| service["name"] == "planning").expect("planning");
    assert_eq!(planning["basePaths"][0], "/api/v1/planning");
    assert_eq!(planning["healthPath"], "/api/v1/planning/health");
}

#[tokio::test]
async fn the_openapi_document_holds_all_services_and_the_gateway() {
    let document = get("/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    for operation in gateway::service().operations {
        let described = &document["paths"][&operation.path]["get"];
        assert_eq!(described["operationId"], format!("gateway.{}", operation.name));
    }
    assert!(document["paths"]["/api/v1/planning/tasks"]["post"].is_object());
}

#[tokio::test]
async fn documents_are_cached_and_answered_304_while_they_stay() {
    for (path, media_type) in DOCUMENTS {
        let first = get(path).await;
        assert_eq!(first.status, StatusCode::OK, "{path}");
        assert_eq!(first.header(header::CONTENT_TYPE), media_type, "{path}");
        assert_eq!(first.header(header::CACHE_CONTROL), "public, max-age=300", "{path}");
        let tag = first.header(header::ETAG);
        assert!(tag.starts_with('"') && tag.len() == 24, "{tag}");
        assert_eq!(get(path).await.header(header::ETAG), tag, "{path}");

        for method in [Method::GET, Method::HEAD] {
            let console = "https://console.example.com";
            let again =
                send(method, path, &[(header::IF_NONE_MATCH, tag), (header::ORIGIN, console)])
                    .await;
            assert_eq!(again.status, StatusCode::NOT_MODIFIED, "{path}");
            assert!(again.body.is_empty());
            assert_eq!(again.header(header::ETAG), tag, "{path}");
            assert_eq!(again.header(header::CACHE_CONTROL), "public, max-age=300", "{path}");
            assert_eq!(again.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), console, "{path}");
        }
        let changed = send(Method::GET, path, &[(header::IF_NONE_MATCH, "\"other\"")]).await;
        assert_eq!(changed.status, StatusCode::OK, "{path}");
    }
    let tags = [get("/").await, get("/docs").await, get("/openapi.json").await];
    assert_ne!(tags[0].header(header::ETAG), tags[1].header(header::ETAG));
    assert_ne!(tags[1].header(header::ETAG), tags[2].header(header::ETAG));
}

#[tokio::test]
async fn head_is_a_get_without_the_body() {
    for (path, media_type) in DOCUMENTS {
        let head = send(Method::HEAD, path, &[]).await;
        assert_eq!(head.status, StatusCode::OK, "{path}");
        assert_eq!(head.header(header::CONTENT_TYPE), media_type);
        assert!(head.body.is_empty());
    }
}

#[tokio::test]
async fn the_reference_page_runs_its_own_script_and_nothing_else() {
    let page = get("/docs").await;
    let policy = page.header(header::CONTENT_SECURITY_POLICY);
    let hash = |element: &str| {
        let (_, rest) = page.body.split_once(&format!("<{element}>")).expect("opened");
        let (content, _) = rest.split_once(&format!("</{element}>")).expect("closed");
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, content.as_bytes());
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, digest)
    };
    assert_eq!(
        policy,
        format!(
            "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; img-src data:; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            hash("style"),
            hash("script"),
        )
    );
    // One of each, or the others would be blocked.
    for element in ["<style", "<script"] {
        assert_eq!(page.body.matches(element).count(), 1, "{element}");
    }
    assert!(!page.body.contains(" style="));
    assert!(!page.body.contains(" onclick="));
}

#[tokio::test]
async fn health_says_ok_and_is_not_cached() {
    let health = get("/health").await;
    assert_eq!(health.status, StatusCode::OK);
    assert_eq!(health.body, "{\"status\":\"ok\"}");
    assert_eq!(health.header(header::CACHE_CONTROL), "no-store");
}

#[tokio::test]
async fn unknown_paths_are_problems() {
    for path in ["/nowhere", "/api/v1", "/api/v1/nothing/here", "/docs/", "/favicon.ico", "//"] {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let answer = send(method, path, &[]).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
            assert_eq!(answer.header(header::CONTENT_TYPE), "application/problem+json");
            assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
            let problem = answer.json();
            assert_eq!(problem["status"], 404);
            assert_eq!(problem["code"], "not_found");
            assert_eq!(problem["instance"], path);
            assert_eq!(problem["requestId"], answer.header("x-request-id"));
        }
    }
}

#[tokio::test]
async fn wrong_methods_name_the_right_one() {
    for path in ["/", "/openapi.json", "/docs", "/health"] {
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let answer = send(method, path, &[]).await;
            assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
            assert_eq!(answer.header(header::ALLOW), "GET", "{path}");
            assert_eq!(answer.header(header::CONTENT_TYPE), "application/problem+json");
            assert_eq!(answer.json()["code"], "method_not_allowed");
        }
    }
}

#[tokio::test]
async fn credentials_are_neither_needed_nor_looked_at() {
    let answer = send(Method::GET, "/", &[(header::AUTHORIZATION, "Bearer nonsense")]).await;
    assert_eq!(answer.status, StatusCode::OK);
    let service = gateway::service();
    assert!(service.operations.iter().all(|operation| operation.access == Access::Public));
    assert!(service.functions.iter().all(|function| function.rights == Vec::<Right>::new()));
}
