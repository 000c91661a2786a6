//! What would come of a prompt, without asking a model.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Bounded, Entries, Error, FaultCode, Faults};
use millwright_http::{Allowed, Answered, Body, PathParameter, Plain};
use millwright_model::estimate::{ByBytes, Tokenizer};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::reference::chosen;
use crate::{
    app::AiService,
    codes::TEMPLATE_INVALID,
    domain::{LabelName, PromptId, RenderedMessage, values},
    permissions::PromptRead,
    store::{read_prompt, read_version},
};

/// What to render, with which values.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "version": 1, "variables": { "language": "Rust", "files": ["src/lib.rs"] },
}))]
pub struct RenderIn {
    /// `production`, if neither is given.
    #[deserr(default)]
    #[schema(required = false, inline)]
    label: Option<LabelName>,
    #[deserr(default)]
    #[schema(required = false, inline)]
    version: Option<Bounded<1, 1000>>,
    /// By name; at most 256 KB together.
    #[deserr(default)]
    #[schema(required = false, value_type = Object)]
    variables: Entries<Value>,
}

/// What would go to a model.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RenderedPrompt {
    version: u32,
    messages: Vec<RenderedMessage>,
    /// Estimated: one for every three bytes.
    input_tokens: u64,
}

/// Render a prompt
///
/// With values, as requests would; archived ones too. All that is wrong with the values is told at
/// once. Two reads.
#[utoipa::path(post, path = "/api/v1/ai/prompts/{id}/render", tag = "Prompts")]
pub async fn prompt_render(
    caller: Allowed<PromptRead>,
    State(app): State<AiService>,
    PathParameter((id,)): PathParameter<(PromptId,)>,
    Body(input): Body<RenderIn>,
) -> Answered<Plain<RenderedPrompt>> {
    let tenant = caller.tenant();
    if input.label.is_some() && input.version.is_some() {
        let detail = "must have a label or a version, not both";
        return Err(Error::fault("/label", FaultCode::NotAllowed, detail).into());
    }
    let prompt = read_prompt(&app.store, &tenant, id).await?;
    let number = chosen(&prompt, input.label.as_ref(), input.version)
        .map_err(|detail| Error::fault("/label", FaultCode::UnknownReference, detail))?;
    let content = read_version(&app.store, &tenant, id, number).await?.content;
    let given = input.variables.0.into_iter().collect();
    let values = values(&content.variables, &given, "/variables").map_err(Error::from)?;
    let messages =
        content.render(&values).map_err(|detail| Error::new(TEMPLATE_INVALID, detail))?;
    let text: String = messages.iter().map(|message| message.content.as_str()).collect();
    let input_tokens = ByBytes.count(&text);
    Ok(Plain(RenderedPrompt { version: number, messages, input_tokens }))
}
