//! OpenAI's surface.

use axum::extract::State;
use millwright_http::{Allowed, Answered, Foreign, Verbatim};
use millwright_model::Surface;
use serde_json::Value;
use utoipa::ToSchema;

use super::answer::SurfaceAnswer;
use crate::{
    app::AiService,
    completion::{Asked, complete},
    permissions::CompletionCreate,
};

/// A request for a completion, as OpenAI publishes it; fields that are not named here are passed on
/// to providers of the same kind. At most 4 MB.
#[derive(Debug, ToSchema)]
#[schema(example = json!({
    "model": "auto",
    "messages": [{ "role": "user", "content": "Why is the sky blue?" }],
}))]
#[allow(dead_code, reason = "describes what is passed on")]
pub struct ChatRequest {
    /// `<provider>/<name>`, a name, the slug of a chain, or `auto`.
    #[schema(required = false)]
    model: String,
    #[schema(value_type = Vec<Value>, min_items = 1)]
    messages: Vec<Value>,
    /// Server-sent events as they come.
    #[schema(required = false)]
    stream: bool,
    /// What Millwright alone reads: `prompt`, `taskType`, `tags`, `projectId`, `fallback`, `timeouts`,
    /// `maxCostMicros`, `cache`, `validateSchema`, `repairAttempts`.
    #[schema(value_type = Object, required = false)]
    millwright: Value,
}

/// The largest request.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;

impl Foreign for ChatRequest {
    const MAX_BYTES: usize = MAX_BYTES;
}

/// Complete a chat as OpenAI's interface
///
/// For OpenAI's clients, with `/api/v1/ai/openai/v1` as base URL and a token or key of Millwright.
/// Before the provider at most one query, one write for each rate limit and one for the log; after
/// it one transaction of two items.
#[utoipa::path(post, path = "/api/v1/ai/openai/v1/chat/completions", tag = "OpenAI surface")]
pub async fn openai_chat_create(
    caller: Allowed<CompletionCreate>,
    State(app): State<AiService>,
    input: Verbatim<ChatRequest>,
) -> Answered<SurfaceAnswer> {
    let asked = Asked::by(&caller, Surface::OpenAi, input.body);
    let outcome = complete(&app.completions, asked).await;
    Ok(SurfaceAnswer::of(Surface::OpenAi, outcome, app.completions.now()))
}
