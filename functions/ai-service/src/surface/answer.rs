//! Answers of the surfaces.

use std::time::Duration;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use futures::stream;
use http::{HeaderName, HeaderValue, StatusCode, header};
use millwright_core::Timestamp;
use millwright_http::{Describe, OperationDocument};
use millwright_model::{Code, Surface, SurfaceError};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::completion::{Answered, Rate, Rates, Refused, Told};

/// Marks an error that already is as its surface says it.
#[derive(Clone, Copy, Debug)]
pub struct InItsWords;

/// An error of a surface, as a response.
pub fn error(surface: Surface, error: &SurfaceError, retry_after: Option<Duration>) -> Response {
    let status = StatusCode::from_u16(error.code.status(surface));
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = json(status, &error.body(surface));
    // Clients that wait must know how long.
    let wait = match error.code {
        Code::RateLimitExceeded
        | Code::QuotaExceeded
        | Code::BudgetExceeded
        | Code::RequestCostExceeded
        | Code::QuotaUnavailable
        | Code::ProviderUnavailable => Some(retry_after.unwrap_or(Duration::from_secs(1))),
        _ => retry_after,
    };
    if let Some(wait) = wait {
        let seconds = HeaderValue::from(wait.as_secs().max(1));
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response.extensions_mut().insert(InItsWords);
    response
}

fn json(status: StatusCode, body: &Value) -> Response {
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (status, kind, body.to_string()).into_response()
}

/// What a handler of a surface answers.
pub struct SurfaceAnswer(Response);

impl SurfaceAnswer {
    /// A completion, or why there is none.
    pub fn of(
        surface: Surface,
        outcome: Result<Answered, Refused>,
        now: Timestamp,
    ) -> SurfaceAnswer {
        let rates = match &outcome {
            Ok(Answered::Whole { told, .. } | Answered::Stream { told, .. }) => told.rates,
            Err(refused) => refused.rates,
        };
        let mut response = match outcome {
            Ok(Answered::Whole { body, told }) => with_headers(json(StatusCode::OK, &body), &told),
            Ok(Answered::Stream { body, told }) => {
                let bytes = stream::unfold(body, async |mut body| {
                    body.recv().await.map(|bytes| (Ok::<_, std::convert::Infallible>(bytes), body))
                });
                let kind = HeaderValue::from_static("text/event-stream; charset=utf-8");
                let head = [(header::CONTENT_TYPE, kind)];
                with_headers(
                    (StatusCode::OK, head, Body::from_stream(bytes)).into_response(),
                    &told,
                )
            }
            Err(Refused { error, retry_after, id, .. }) => {
                let mut response = self::error(surface, &error, retry_after);
                if let Some(id) = id {
                    put(&mut response, COMPLETION_ID, &id.to_string());
                }
                response
            }
        };
        put_rates(&mut response, surface, &rates, now);
        SurfaceAnswer(response)
    }

    /// Something else.
    pub fn plain(body: &Value) -> SurfaceAnswer {
        SurfaceAnswer(json(StatusCode::OK, body))
    }

    /// An error.
    pub fn refused(surface: Surface, error: &SurfaceError) -> SurfaceAnswer {
        SurfaceAnswer(self::error(surface, error, None))
    }
}

const COMPLETION_ID: &str = "x-millwright-completion-id";

fn put(response: &mut Response, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
}

/// What is left, in the words of the surface's vendor.
fn put_rates(response: &mut Response, surface: Surface, rates: &Rates, now: Timestamp) {
    for (what, rate) in [("requests", rates.requests), ("tokens", rates.tokens)] {
        let Some(Rate { limit, remaining, resets }) = rate else { continue };
        let (limit, remaining) = (limit.to_string(), remaining.to_string());
        let headers = match surface {
            Surface::OpenAi => [
                (format!("x-ratelimit-limit-{what}"), limit),
                (format!("x-ratelimit-remaining-{what}"), remaining),
                (format!("x-ratelimit-reset-{what}"), format!("{}s", resets.since(now).as_secs())),
            ],
            Surface::Anthropic => [
                (format!("anthropic-ratelimit-{what}-limit"), limit),
                (format!("anthropic-ratelimit-{what}-remaining"), remaining),
                (format!("anthropic-ratelimit-{what}-reset"), resets.to_string()),
            ],
        };
        for (name, value) in headers {
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name), HeaderValue::try_from(value))
            {
                response.headers_mut().insert(name, value);
            }
        }
    }
}

fn with_headers(mut response: Response, told: &Told) -> Response {
    put(&mut response, COMPLETION_ID, &told.id.to_string());
    put(&mut response, "x-millwright-model", &told.model);
    put(&mut response, "x-millwright-provider", &told.provider);
    put(&mut response, "x-millwright-cached", if told.cached { "true" } else { "false" });
    put(&mut response, "x-millwright-attempts", &told.attempts.to_string());
    if let Some(cost) = told.cost_micros {
        put(&mut response, "x-millwright-cost-micros", &cost.to_string());
    }
    if !told.dropped.is_empty() {
        put(&mut response, "x-millwright-dropped", &told.dropped.join(", "));
    }
    response
}

impl IntoResponse for SurfaceAnswer {
    fn into_response(self) -> Response {
        self.0
    }
}

/// An object of the surface's own schema.
#[derive(Serialize, ToSchema)]
pub struct SurfaceObject {}

/// An error as OpenAI says it; Anthropic's has `type: error` beside `error`, whose members are
/// `type` and `message`.
#[derive(Serialize, ToSchema)]
pub struct SurfaceProblem {
    #[schema(value_type = Value)]
    error: Value,
}

impl Describe for SurfaceAnswer {
    fn describe(document: &mut OperationDocument) {
        document.answer::<SurfaceObject>(
            200,
            "As the surface's published schema says; a stream of \
            server-sent events if the request asks for one",
        );
        for (status, description) in [
            (400, "Not understood, or more than the model can"),
            (401, "No valid credential"),
            (403, "Not permitted, or completions are switched off"),
            (404, "No such model"),
            (413, "Too large"),
            (415, "Not JSON"),
            (422, "The answer does not match the schema"),
            (429, "A limit is reached: see `Retry-After`"),
            (500, "Something went wrong"),
            (502, "The provider failed"),
            (503, "Nobody can answer now: see `Retry-After`"),
            (504, "The provider did not answer in time"),
            (529, "As 503, on Anthropic's surface"),
        ] {
            document.own_problem::<SurfaceProblem>(status, description);
        }
    }
}
