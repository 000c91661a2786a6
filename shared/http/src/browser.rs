//! What browsers and the RFCs of OAuth want otherwise than the rest of the API: redirects, cookies,
//! forms, documents that caches may keep, and errors in the words of RFC 6749.

use std::{marker::PhantomData, time::Duration};

use axum::{
    body::to_bytes,
    extract::{FromRequest, FromRequestParts, Request},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use millwright_core::Timestamp;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::{Answer, Describe, OperationDocument, Problem, RequestContext};

/// The ids, the address and the headers of a request: for handlers that read cookies, `Origin` or
/// `User-Agent`. Says nothing in the API document.
#[derive(Clone, Debug)]
pub struct Visit {
    pub context: RequestContext,
    headers: HeaderMap,
}

impl Visit {
    /// A header that was sent once, as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?.to_str().ok()?;
        values.next().is_none().then_some(value)
    }

    /// A cookie (RFC 6265 section 4.2). The first of the name counts.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    /// The caller's address as the gateway saw it; `unknown` where there is no gateway.
    pub fn address(&self) -> String {
        self.context.source_ip.map_or_else(|| "unknown".to_owned(), |ip| ip.to_string())
    }
}

impl Describe for Visit {
    fn describe(_document: &mut OperationDocument) {}
}

impl<S: Send + Sync> FromRequestParts<S> for Visit {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let context = parts.extensions.get::<RequestContext>().cloned();
        let context = context.ok_or_else(|| {
            Problem(millwright_core::Error::internal("a visit needs the edge around the router"))
        })?;
        Ok(Visit { context, headers: parts.headers.clone() })
    }
}

/// A cookie to be set, HttpOnly always.
#[derive(Clone, PartialEq, Eq)]
pub struct Cookie {
    pub name: &'static str,
    pub value: String,
    pub max_age: Duration,
    /// `Strict`, or `Lax` for what must come along from another site.
    pub same_site: &'static str,
    /// False on loopback without TLS only.
    pub secure: bool,
}

impl Cookie {
    /// `Set-Cookie` (RFC 6265bis), for the whole host.
    fn header(&self) -> Option<HeaderValue> {
        let Cookie { name, value, same_site, .. } = self;
        let secure = if self.secure { "; Secure" } else { "" };
        let seconds = self.max_age.as_secs();
        let text = format!(
            "{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite={same_site}{secure}"
        );
        let mut value = HeaderValue::try_from(text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// Never what is in it.
impl std::fmt::Debug for Cookie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cookie({})", self.name)
    }
}

fn set_cookies(response: &mut Response, cookies: &[Cookie]) {
    for cookie in cookies.iter().filter_map(Cookie::header) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

/// 302 to somewhere else; whoever is there is not told where from.
#[derive(Clone, Debug)]
pub struct Found {
    pub location: String,
    pub cookies: Vec<Cookie>,
}

impl IntoResponse for Found {
    fn into_response(self) -> Response {
        let mut response = StatusCode::FOUND.into_response();
        if let Ok(location) = HeaderValue::try_from(&self.location) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        let no_referrer = HeaderValue::from_static("no-referrer");
        response.headers_mut().insert(header::REFERRER_POLICY, no_referrer);
        set_cookies(&mut response, &self.cookies);
        response
    }
}

impl Describe for Found {
    fn describe(document: &mut OperationDocument) {
        document.empty_answer(302, "Elsewhere");
        document.answer_header(302, "Location", "Where to go on");
    }
}

/// An answer that also sets cookies.
#[derive(Clone, Debug)]
pub struct WithCookies<A> {
    pub answer: A,
    pub cookies: Vec<Cookie>,
}

impl<A: Answer> IntoResponse for WithCookies<A> {
    fn into_response(self) -> Response {
        let mut response = match self.answer.render() {
            Ok(rendered) => rendered.into_response(),
            Err(error) => return Problem(error).into_response(),
        };
        set_cookies(&mut response, &self.cookies);
        response
    }
}

impl<A: Answer> Describe for WithCookies<A> {
    fn describe(document: &mut OperationDocument) {
        A::describe(document);
    }
}

/// 200 with a JSON document that anybody may keep for a while.
#[derive(Clone, Debug)]
pub struct Published<T> {
    /// The document as text: rendered once, answered often.
    pub body: String,
    /// A strong entity tag, without quotes.
    pub tag: String,
    pub max_age: Duration,
    pub described: PhantomData<fn() -> T>,
}

impl<T> IntoResponse for Published<T> {
    fn into_response(self) -> Response {
        let mut response = self.body.into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let texts = [
            (header::ETAG, format!("\"{}\"", self.tag)),
            (header::CACHE_CONTROL, format!("public, max-age={}", self.max_age.as_secs())),
        ];
        for (name, text) in texts {
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(name, value);
            }
        }
        response
    }
}

impl<T: ToSchema> Describe for Published<T> {
    fn describe(document: &mut OperationDocument) {
        document.answer::<T>(200, "OK");
        document.answer_header(200, "ETag", "Of the document, in quotes");
        document.answer_header(200, "Cache-Control", "How long it may be kept");
        document.conditional_read();
    }
}

/// The fields of a form (`application/x-www-form-urlencoded`), at most 64 KB. What is malformed is
/// left to the handler, which answers in the words of the RFC.
#[derive(Clone)]
pub struct Form(Option<Vec<(String, String)>>);

impl Form {
    const MAX_BYTES: usize = 64 * 1024;
    const MAX_FIELDS: usize = 50;

    /// The fields; none if it was no form, or had a field twice (RFC 6749 section 3.2).
    pub fn fields(&self) -> Option<FormFields<'_>> {
        self.0.as_deref().map(FormFields)
    }
}

/// Fields, each at most once.
#[derive(Clone, Copy)]
pub struct FormFields<'f>(&'f [(String, String)]);

impl<'f> FormFields<'f> {
    /// An empty field counts as none (RFC 6749 section 3.2).
    pub fn get(&self, name: &str) -> Option<&'f str> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}

impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Form")
    }
}

impl Describe for Form {
    fn describe(document: &mut OperationDocument) {
        document.form();
    }
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let media_type = parts.headers.get(header::CONTENT_TYPE);
        let is_form = media_type
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .is_some_and(|it| it.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded"));
        if !is_form {
            return Ok(Form(None));
        }
        let Ok(bytes) = to_bytes(body, Form::MAX_BYTES).await else { return Ok(Form(None)) };
        let fields: Vec<(String, String)> =
            form_urlencoded::parse(&bytes).into_owned().take(Form::MAX_FIELDS + 1).collect();
        let mut names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let is_sane = names.len() == fields.len() && fields.len() <= Form::MAX_FIELDS;
        Ok(Form(is_sane.then_some(fields)))
    }
}

/// Marks a response whose errors are in a form of their own: the edge makes no problem of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnForm;

/// An answer whose errors another dialect words: the edge makes no problem of it.
pub fn in_own_form(mut response: Response) -> Response {
    response.extensions_mut().insert(OwnForm);
    response
}

/// Puts a credential where this API looks for it, from the header in which another interface has it.
pub fn bearer_from(headers: &mut HeaderMap, name: &str) {
    if let Some(token) = headers.get(name).cloned()
        && !headers.contains_key(header::AUTHORIZATION)
        && let Ok(token) = token.to_str()
        && let Ok(mut bearer) = HeaderValue::try_from(format!("Bearer {token}"))
    {
        bearer.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, bearer);
    }
}

/// An error in the words of RFC 6749 section 5.2, with our code beside it.
#[derive(Clone, Debug)]
pub struct OAuthError {
    /// 400 or 401, 429.
    pub status: StatusCode,
    pub error: &'static str,
    pub description: &'static str,
    pub code: &'static str,
    pub request_id: String,
    /// Seconds, with 429 and 503.
    pub retry_after: Option<u64>,
}

/// What an operation of OAuth answers.
#[derive(Clone, Debug)]
pub enum OAuth<T> {
    Done(T),
    Refused(OAuthError),
}

/// `{error, error_description, code, requestId}`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OAuthProblem {
    error: String,
    error_description: String,
    code: String,
    #[serde(rename = "requestId")]
    request_id: String,
}

impl<T: Serialize> IntoResponse for OAuth<T> {
    fn into_response(self) -> Response {
        let (status, body, retry_after) = match self {
            OAuth::Done(done) => {
                (StatusCode::OK, serde_json::to_value(done).unwrap_or_default(), None)
            }
            OAuth::Refused(refused) => {
                let body = json!({
                    "error": refused.error,
                    "error_description": refused.description,
                    "code": refused.code,
                    "requestId": refused.request_id,
                });
                (refused.status, body, refused.retry_after)
            }
        };
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let mut response = (status, text).into_response();
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Basic realm=\"millwright\"");
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        response.extensions_mut().insert(OwnForm);
        response
    }
}

impl<T: Serialize + ToSchema> Describe for OAuth<T> {
    fn describe(document: &mut OperationDocument) {
        document.answer::<T>(200, "OK");
        for (status, description) in [
            (400, "Refused (RFC 6749 section 5.2)"),
            (401, "The client is not who it says"),
            (429, "Too many requests"),
        ] {
            document.own_problem::<OAuthProblem>(status, description);
        }
    }
}

/// The end of a time as `expires_in` counts it: seconds from now, 0 if it is over.
pub fn seconds_until(at: Timestamp, now: Timestamp) -> u64 {
    at.since(now).as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_for_the_host_and_for_no_script() {
        let cookie = Cookie {
            name: "__Host-mw_refresh",
            value: "abc".to_owned(),
            max_age: Duration::from_secs(60),
            same_site: "Strict",
            secure: true,
        };
        let expected =
            "__Host-mw_refresh=abc; Path=/; Max-Age=60; HttpOnly; SameSite=Strict; Secure";
        assert_eq!(cookie.header().expect("a header"), expected);
        assert_eq!(format!("{cookie:?}"), "Cookie(__Host-mw_refresh)");
    }
}
