//! Documents compiled into the function.

use std::sync::OnceLock;

use aws_lc_rs::digest::{SHA256, digest};
use axum::response::{IntoResponse, Response};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderValue, header};
use millwright_http::OperationDocument;

/// A new release is seen after five minutes at the latest.
const CACHE_CONTROL: &str = "public, max-age=300";

/// A text that is the same for everybody until the next release.
pub(crate) struct Document {
    text: &'static str,
    media_type: &'static str,
    tag: OnceLock<HeaderValue>,
}

impl Document {
    pub(crate) const fn new(media_type: &'static str, text: &'static str) -> Document {
        Document { text, media_type, tag: OnceLock::new() }
    }

    /// 200 with the text and what a cache wants to know; the edge makes it a 304 where that will do.
    pub(crate) fn answer(&self) -> Response {
        let mut response = self.text.into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(CACHE_CONTROL));
        headers.insert(header::ETAG, self.tag().clone());
        response
    }

    /// A strong tag: half of the text's SHA-256.
    fn tag(&self) -> &HeaderValue {
        self.tag.get_or_init(|| {
            let hash = digest(&SHA256, self.text.as_bytes());
            let half = hash.as_ref().get(..16).unwrap_or_default();
            let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(half));
            HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("\"\""))
        })
    }

    /// What [`Document::answer`] adds to the description of an operation.
    pub(crate) fn describe_caching(operation: &mut OperationDocument) {
        operation.answer_header(200, "ETag", "Hash of the content, in quotes");
        operation.answer_header(200, "Cache-Control", "Good for five minutes, for everybody");
        operation.conditional_read();
    }
}
