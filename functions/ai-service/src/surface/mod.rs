//! The compatible surfaces: clients of OpenAI and of Anthropic change base URL and key.
//!
//! What a surface wants otherwise than this API is translated around the router ([`dialect`]):
//! `x-api-key`, errors in the surface's own shape, paths that nobody serves.

mod answer;
mod anthropic;
mod models;
mod openai;

pub mod handlers {
    //! Where the table of contents finds them.
    pub use super::{anthropic::*, models::*, openai::*};
}

use axum::{Router, body::to_bytes, extract::Request, response::Response};
use http::{Method, StatusCode, header};
use millwright_http::{bearer_from, in_own_form};
use millwright_model::{Code, Surface, SurfaceError};
use serde_json::Value;
use tower::ServiceExt;

/// What waits for models, or belongs to those who do.
pub const OPERATIONS: &[&str] = &[
    "openai_chat_create",
    "openai_model_list",
    "openai_model_get",
    "anthropic_message_create",
    "anthropic_token_count",
    "anthropic_model_list",
];

const OPENAI: &str = "/api/v1/ai/openai/";
const ANTHROPIC: &str = "/api/v1/ai/anthropic/";

/// The surface that a path is of.
pub fn surface_of(path: &str) -> Option<Surface> {
    if path.starts_with(OPENAI) {
        return Some(Surface::OpenAi);
    }
    path.starts_with(ANTHROPIC).then_some(Surface::Anthropic)
}

/// The router with the surfaces' ways around it.
pub fn dialect(inner: Router) -> Router {
    Router::new().fallback(move |request: Request| {
        let inner = inner.clone();
        async move {
            let Some(surface) = surface_of(request.uri().path()) else {
                return answered(inner, request).await;
            };
            if request.method() == Method::OPTIONS {
                return answered(inner, request).await;
            }
            in_its_words(surface, answered(inner, understood(request)).await).await
        }
    })
}

async fn answered(router: Router, request: Request) -> Response {
    match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// The credential where this API looks for it.
fn understood(mut request: Request) -> Request {
    bearer_from(request.headers_mut(), "x-api-key");
    request
}

/// The router of the function that does not serve the surfaces: says where they are served.
pub fn elsewhere(inner: Router, origin: &str) -> Router {
    let origin: std::sync::Arc<str> = origin.into();
    Router::new().fallback(move |request: Request| {
        let (inner, origin) = (inner.clone(), origin.clone());
        async move {
            let Some(surface) = surface_of(request.uri().path()) else {
                return answered(inner, request).await;
            };
            let base = match surface {
                Surface::OpenAi => format!("{origin}{OPENAI}v1"),
                Surface::Anthropic => format!("{origin}{}", ANTHROPIC.trim_end_matches('/')),
            };
            let message = format!("wrong host: set the base URL to {base}");
            let error = SurfaceError::new(Code::WrongHost, message);
            in_own_form(answer::error(surface, &error, None))
        }
    })
}

/// The largest problem that is translated.
const MAX_PROBLEM_BYTES: usize = 256 * 1024;

/// Problems as clients of the surface read them.
async fn in_its_words(surface: Surface, response: Response) -> Response {
    let is_error = response.status().is_client_error() || response.status().is_server_error();
    if !is_error || response.extensions().get::<answer::InItsWords>().is_some() {
        return in_own_form(response);
    }
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, MAX_PROBLEM_BYTES).await.unwrap_or_default();
    let problem: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let error = translated(parts.status, &problem);
    let mut told = answer::error(surface, &error, None);
    for kept in [header::RETRY_AFTER, header::ALLOW] {
        if let Some(value) = parts.headers.get(&kept) {
            told.headers_mut().insert(kept, value.clone());
        }
    }
    in_own_form(told)
}

/// The surface's word for a problem of this API.
fn translated(status: StatusCode, problem: &Value) -> SurfaceError {
    let code = match status {
        StatusCode::UNAUTHORIZED => Code::InvalidApiKey,
        StatusCode::FORBIDDEN => Code::Forbidden,
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Code::UnsupportedEndpoint,
        StatusCode::PAYLOAD_TOO_LARGE => Code::TooLarge,
        StatusCode::TOO_MANY_REQUESTS => Code::RateLimitExceeded,
        StatusCode::SERVICE_UNAVAILABLE => Code::ProviderUnavailable,
        status if status.is_client_error() => Code::InvalidRequest,
        _ => Code::Internal,
    };
    let fault = problem["errors"].get(0);
    let text = fault
        .and_then(|fault| fault["detail"].as_str())
        .or_else(|| problem["detail"].as_str())
        .or_else(|| problem["title"].as_str());
    let message = match code {
        Code::UnsupportedEndpoint => "this path is not served here",
        Code::Internal => "something went wrong here",
        _ => text.unwrap_or("the request was refused"),
    };
    let param = fault.and_then(|fault| fault["pointer"].as_str()).filter(|it| !it.is_empty());
    let param = param.map(|it| it.trim_start_matches('/').replace('/', "."));
    SurfaceError { code, message: message.to_owned(), param }
}
