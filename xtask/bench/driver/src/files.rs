//! S3, as far as functions call it: whole files in, files or parts of them out. Signatures are
//! written as deployed, and read by nobody.

use std::{
    collections::HashMap,
    ops::RangeInclusive,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};

/// Files by path.
#[derive(Default)]
pub struct Files(Mutex<HashMap<String, Bytes>>);

impl Files {
    pub fn routes(self: Arc<Self>) -> Router {
        Router::new().fallback(call).layer(DefaultBodyLimit::disable()).with_state(self)
    }
}

async fn call(
    State(files): State<Arc<Files>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut files = files.0.lock().unwrap_or_else(PoisonError::into_inner);
    let path = uri.path();
    match method {
        Method::PUT => {
            files.insert(path.to_owned(), body);
            StatusCode::OK.into_response()
        }
        Method::DELETE => {
            files.remove(path);
            StatusCode::NO_CONTENT.into_response()
        }
        _ => match files.get(path) {
            Some(file) => part(file, &headers),
            None => StatusCode::NOT_FOUND.into_response(),
        },
    }
}

/// The part that was asked for, or all of it.
fn part(file: &Bytes, headers: &HeaderMap) -> Response {
    let Some(wanted) = headers.get(header::RANGE).and_then(|range| range.to_str().ok()) else {
        return file.clone().into_response();
    };
    let all = file.len();
    let Some(range) = bytes(wanted).filter(|range| *range.start() < all) else {
        let headers = [(header::CONTENT_RANGE, format!("bytes */{all}"))];
        return (StatusCode::RANGE_NOT_SATISFIABLE, headers).into_response();
    };
    let (first, last) = (*range.start(), (*range.end()).min(all - 1));
    let headers = [(header::CONTENT_RANGE, format!("bytes {first}-{last}/{all}"))];
    (StatusCode::PARTIAL_CONTENT, headers, file.slice(first..=last)).into_response()
}

/// `bytes=<first>-<last>`.
fn bytes(range: &str) -> Option<RangeInclusive<usize>> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    Some(first.parse().ok()?..=last.parse().ok()?)
}
