//! What is known of a request beside its parts, and what extractors leave for the edge.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use aws_lc_rs::digest::{SHA256, digest};
use http::{HeaderMap, request::Parts};
use lambda_http::request::RequestContext as GatewayContext;
use millwright_core::IdGenerator;

use crate::{Platform, idempotency::Claim, limit::Allowance, problem::X_REQUEST_ID};

/// Where a distribution in front of us proves who it is; an operator sets it as its custom origin
/// header.
pub const ORIGIN_SECRET_HEADER: &str = "x-millwright-origin";
const VIEWER_HEADER: &str = "cloudfront-viewer-address";

/// Ids of a request, carried into logs, events and calls.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// `X-Request-Id` if the caller's is sane, else made.
    pub request_id: String,
    /// W3C trace context, continued or begun.
    pub traceparent: String,
    /// The caller's address as the gateway saw it, or as CloudFront did where the request proves
    /// that it came from there; never a header of the caller's.
    pub source_ip: Option<IpAddr>,
}

impl RequestContext {
    pub(crate) fn of(parts: &Parts, platform: &Platform) -> RequestContext {
        RequestContext::made(parts, platform.ids(), platform.0.origin_secret_sha256.as_ref())
    }

    fn made(parts: &Parts, ids: &IdGenerator, origin: Option<&[u8; 32]>) -> RequestContext {
        RequestContext {
            request_id: request_id(&parts.headers).unwrap_or_else(|| ids.next_uuid().to_string()),
            traceparent: traceparent(&parts.headers, ids),
            source_ip: viewer_ip(&parts.headers, origin).or_else(|| source_ip(parts)),
        }
    }
}

/// 8-128 characters of the set that is safe in logs.
fn request_id(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(&X_REQUEST_ID)?.to_str().ok()?;
    let sane = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    ((8..=128).contains(&text.len()) && text.bytes().all(sane)).then(|| text.to_owned())
}

/// The caller's trace with a span of our own, or a new, unsampled trace
/// (<https://www.w3.org/TR/trace-context/>).
fn traceparent(headers: &HeaderMap, ids: &IdGenerator) -> String {
    let span: u64 = u64::from_be_bytes(ids.random_bytes()) | 1;
    let continued =
        headers.get("traceparent").and_then(|value| value.to_str().ok()).and_then(|v| {
            let hex = |text: &str, length: usize| {
                text.len() == length
                    && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
                    && text.bytes().any(|b| b != b'0')
            };
            let mut parts = v.split('-');
            let (version, trace, parent, flags) =
                (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
            let proper =
                version == "00" && hex(trace, 32) && hex(parent, 16) && parts.next().is_none();
            let flags_proper = matches!(flags, "00" | "01");
            (proper && flags_proper).then(|| format!("00-{trace}-{span:016x}-{flags}"))
        });
    continued.unwrap_or_else(|| {
        let trace = u128::from_be_bytes(ids.random_bytes()) | 1;
        format!("00-{trace:032x}-{span:016x}-00")
    })
}

/// The viewer's address as CloudFront tells it, believed only beside the secret of that origin.
/// <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/adding-cloudfront-headers.html>
fn viewer_ip(headers: &HeaderMap, origin: Option<&[u8; 32]>) -> Option<IpAddr> {
    let secret = digest(&SHA256, headers.get(ORIGIN_SECRET_HEADER)?.as_bytes());
    if secret.as_ref() != origin? {
        return None;
    }
    // The port comes last; an IPv6 address has no brackets.
    let (address, _port) = headers.get(VIEWER_HEADER)?.to_str().ok()?.rsplit_once(':')?;
    address.parse().ok()
}

fn source_ip(parts: &Parts) -> Option<IpAddr> {
    match parts.extensions.get::<GatewayContext>()? {
        GatewayContext::ApiGatewayV2(context) => context.http.source_ip.as_deref()?.parse().ok(),
        #[allow(unreachable_patterns, reason = "other gateways depend on features")]
        _ => None,
    }
}

/// What the extractors of one request leave behind for the edge.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exchange(Arc<Mutex<Left>>);

#[derive(Debug, Default)]
pub(crate) struct Left {
    pub(crate) operation: Option<&'static str>,
    pub(crate) organization: Option<String>,
    pub(crate) actor: Option<String>,
    pub(crate) allowance: Option<Allowance>,
    pub(crate) claim: Option<Claim>,
}

impl Exchange {
    pub(crate) fn with<R>(&self, change: impl FnOnce(&mut Left) -> R) -> R {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The exchange the edge began; a fresh one where a router is called without an edge.
    pub(crate) fn of(parts: &Parts) -> Exchange {
        parts.extensions.get::<Exchange>().cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use millwright_core::Clock;

    use super::*;

    fn context(headers: &[(&'static str, &str)]) -> RequestContext {
        let mut request = http::Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        let origin = digest(&SHA256, b"the origin's secret").as_ref().try_into().expect("32");
        RequestContext::made(&parts, &IdGenerator::new(Clock::system()), Some(&origin))
    }

    #[test]
    fn the_viewer_is_believed_only_beside_the_secret_of_the_origin() {
        let ip = |secret, viewer| {
            context(&[(ORIGIN_SECRET_HEADER, secret), (VIEWER_HEADER, viewer)]).source_ip
        };
        let of = |text: &str| Some(text.parse().expect("an address"));
        let secret = "the origin's secret";
        assert_eq!(ip(secret, "198.51.100.10:46532"), of("198.51.100.10"));
        assert_eq!(ip(secret, "2001:db8::7334:443"), of("2001:db8::7334"));
        for malformed in ["198.51.100.10", "", ":", "x:1"] {
            assert_eq!(ip(secret, malformed), None, "{malformed}");
        }
        assert_eq!(ip("another", "198.51.100.10:46532"), None);
        assert_eq!(context(&[(VIEWER_HEADER, "198.51.100.10:46532")]).source_ip, None);
    }

    #[test]
    fn sane_request_ids_are_kept_others_replaced() {
        assert_eq!(context(&[("x-request-id", "req-12345678")]).request_id, "req-12345678");
        for bad in ["short", "with space in it", "with\ttabulator", &"x".repeat(129)] {
            assert_ne!(context(&[("x-request-id", bad)]).request_id, bad);
        }
    }

    #[test]
    fn a_trace_is_continued_with_a_span_of_our_own() {
        let given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let continued = context(&[("traceparent", given)]).traceparent;
        assert_eq!(continued[..35], given[..35]);
        assert_ne!(continued[36..52], given[36..52]);
        assert_eq!(continued[52..], given[52..]);
        let made = context(&[("traceparent", "00-zz-00f067aa0ba902b7-01")]).traceparent;
        assert_eq!(made.len(), 55);
        assert!(made.ends_with("-00"));
    }
}
