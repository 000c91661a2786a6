//! What a request would cost at most.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Error, FaultCode, Faults, Text};
use millwright_http::{Allowed, Answered, PathParameter, Plain, Submission};
use millwright_model::estimate::{ByBytes, Tokenizer};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::AiService,
    domain::{Model, ModelId, UpTo},
    permissions::ModelRead,
    thing,
};

/// A message of a request.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase")]
pub struct MessageIn {
    /// `system`, `user`, `assistant`.
    #[deserr(default)]
    #[schema(required = false, inline)]
    role: Option<Text<0, 20>>,
    #[schema(inline)]
    content: Text<0, 500_000>,
}

/// What a request has: messages or tokens.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "inputTokens": 12_000 }))]
pub struct EstimateIn {
    #[deserr(default)]
    #[schema(required = false)]
    messages: Option<Vec<MessageIn>>,
    #[deserr(default)]
    #[schema(required = false, inline)]
    input_tokens: Option<UpTo<10_000_000>>,
    /// The model's own maximum if not given, or if that is less.
    #[deserr(default)]
    #[schema(required = false, inline)]
    max_output_tokens: Option<UpTo<10_000_000>>,
}

/// What a request would cost.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Estimate {
    input_tokens: u64,
    /// The most that it can cost; null while the price is unknown.
    max_cost_micros: Option<u64>,
    /// How tokens were counted: `bytes`, one for every three, or `given`.
    method: String,
}

/// Estimate a request
///
/// The most that it can cost: all input uncached, all output that it and the model allow. One query;
/// with an idempotency key two transactions.
#[utoipa::path(post, path = "/api/v1/ai/models/{id}/estimate", tag = "Models")]
pub async fn model_estimate(
    caller: Allowed<ModelRead>,
    State(app): State<AiService>,
    PathParameter((id,)): PathParameter<(ModelId,)>,
    submission: Submission<EstimateIn>,
) -> Answered<Plain<Estimate>> {
    let (submission, input) = submission.take();
    let (input_tokens, method) = match (&input.messages, input.input_tokens) {
        (None, Some(tokens)) => (tokens.get(), "given"),
        (Some(messages), None) => {
            let mut text = String::new();
            for message in messages {
                text.push_str(message.role.as_ref().map_or("", Text::as_str));
                text.push_str(message.content.as_str());
            }
            (ByBytes.count(&text), ByBytes.name())
        }
        _ => {
            let detail = "must have messages or inputTokens, one of the two";
            return Err(Error::fault("", FaultCode::NotAllowed, detail).into());
        }
    };
    let model: Model = thing::get(&app, &caller.tenant(), id).await?;
    let most = input.max_output_tokens.map(UpTo::get);
    let cost = |prices: millwright_model::Prices| {
        prices.worst_case_micros(input_tokens, most, model.max_output_tokens(), 1)
    };
    let max_cost_micros = model.prices().map(cost);
    let estimate = Estimate { input_tokens, max_cost_micros, method: method.to_owned() };
    let write = submission.write(&app.store, &caller);
    Ok(write.commit(Plain(estimate)).await?)
}
