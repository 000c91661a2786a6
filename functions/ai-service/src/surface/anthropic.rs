//! Anthropic's surface.

use axum::extract::State;
use millwright_http::{Allowed, Answered, Foreign, Verbatim};
use millwright_model::{Surface, SurfaceError, estimate, read_request};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{answer::SurfaceAnswer, openai::MAX_BYTES};
use crate::{
    app::AiService,
    completion::{Asked, complete},
    permissions::{CompletionCreate, ModelRead},
};

/// A request for a message, as Anthropic publishes it; fields that are not named here are passed on
/// to providers of the same kind. At most 4 MB.
#[derive(Debug, ToSchema)]
#[schema(example = json!({
    "model": "auto",
    "max_tokens": 1024,
    "messages": [{ "role": "user", "content": "Why is the sky blue?" }],
}))]
#[allow(dead_code, reason = "describes what is passed on")]
pub struct MessageRequest {
    /// `<provider>/<name>`, a name, the slug of a chain, or `auto`.
    #[schema(required = false)]
    model: String,
    max_tokens: u64,
    #[schema(value_type = Vec<Value>, min_items = 1)]
    messages: Vec<Value>,
    /// Server-sent events as they come.
    #[schema(required = false)]
    stream: bool,
    /// What Millwright alone reads.
    #[schema(value_type = Object, required = false)]
    millwright: Value,
}

impl Foreign for MessageRequest {
    const MAX_BYTES: usize = MAX_BYTES;
}

/// What is counted.
#[derive(Debug, ToSchema)]
#[schema(example = json!({
    "model": "auto", "messages": [{ "role": "user", "content": "Why is the sky blue?" }],
}))]
#[allow(dead_code, reason = "describes what is read")]
pub struct CountRequest {
    #[schema(required = false)]
    model: String,
    #[schema(value_type = Vec<Value>, min_items = 1)]
    messages: Vec<Value>,
}

impl Foreign for CountRequest {
    const MAX_BYTES: usize = MAX_BYTES;
}

/// Create a message as Anthropic's interface
///
/// For Anthropic's clients, with `/api/v1/ai/anthropic` as base URL and a token or key of Millwright,
/// as `x-api-key` too. Costs what `openai_chat_create` does.
#[utoipa::path(post, path = "/api/v1/ai/anthropic/v1/messages", tag = "Anthropic surface")]
pub async fn anthropic_message_create(
    caller: Allowed<CompletionCreate>,
    State(app): State<AiService>,
    input: Verbatim<MessageRequest>,
) -> Answered<SurfaceAnswer> {
    let asked = Asked::by(&caller, Surface::Anthropic, input.body);
    let outcome = complete(&app.completions, asked).await;
    Ok(SurfaceAnswer::of(Surface::Anthropic, outcome, app.completions.now()))
}

/// Count the tokens of a message
///
/// Estimated: more than there are rather than less. Reads nothing.
#[utoipa::path(
    post,
    path = "/api/v1/ai/anthropic/v1/messages/count_tokens",
    tag = "Anthropic surface"
)]
pub async fn anthropic_token_count(
    _: Allowed<ModelRead>,
    input: Verbatim<CountRequest>,
) -> Answered<SurfaceAnswer> {
    let mut body = input.body;
    if let Value::Object(members) = &mut body {
        // A request without it is no request; what is counted needs none.
        members.entry("max_tokens").or_insert_with(|| 1.into());
    }
    Ok(match read_request(Surface::Anthropic, body) {
        Ok(request) => {
            let tokens = estimate::input_tokens(&request, &estimate::ByBytes);
            SurfaceAnswer::plain(&json!({ "input_tokens": tokens }))
        }
        Err(fault) => SurfaceAnswer::refused(Surface::Anthropic, &SurfaceError::from(fault)),
    })
}
