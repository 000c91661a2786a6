//! Lists of models, as the surfaces show them.

use axum::extract::{FromRequestParts, RawPathParams, State};
use http::request::Parts;
use millwright_core::{Error, FaultCode, Result, Tenant, Timestamp};
use millwright_http::{Allowed, Answered, Describe, OperationDocument, Problem};
use millwright_model::{Code, Surface, SurfaceError};
use serde_json::{Value, json};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};

use super::answer::SurfaceAnswer;
use crate::{app::AiService, domain::Configuration, permissions::ModelRead};

/// What can be asked for by name: models with their providers, chains, and `auto`.
struct Offered {
    id: String,
    name: String,
    owner: String,
    since: Timestamp,
}

fn offered(configuration: &Configuration) -> Vec<Offered> {
    let mut all = vec![Offered {
        id: "auto".to_owned(),
        name: "Chosen by the organization's rules".to_owned(),
        owner: "millwright".to_owned(),
        since: Timestamp::UNIX_EPOCH,
    }];
    all.extend(configuration.chains.iter().filter(|chain| chain.enabled).map(|chain| Offered {
        id: chain.slug.to_string(),
        name: chain.name.to_string(),
        owner: "millwright".to_owned(),
        since: chain.common.created_at,
    }));
    for model in configuration.models.iter().filter(|model| model.enabled) {
        let provider = configuration.provider(model.provider_id).filter(|it| it.enabled);
        let Some(provider) = provider else { continue };
        all.push(Offered {
            id: format!("{}/{}", provider.slug, model.name),
            name: model.display_name().to_owned(),
            owner: provider.slug.to_string(),
            since: model.common.created_at,
        });
    }
    all
}

async fn list(app: &AiService, tenant: Tenant) -> Result<Vec<Offered>> {
    Ok(offered(app.completions.configuration(&tenant).await?.as_ref()))
}

fn openai(model: &Offered) -> Value {
    json!({
        "id": model.id, "object": "model", "created": model.since.as_second(),
        "owned_by": model.owner,
    })
}

/// List models as OpenAI's interface
///
/// Models as `<provider>/<name>`, chains by their slugs, and `auto`. One query if the configuration
/// in memory is older than 30 seconds.
#[utoipa::path(get, path = "/api/v1/ai/openai/v1/models", tag = "OpenAI surface")]
pub async fn openai_model_list(
    caller: Allowed<ModelRead>,
    State(app): State<AiService>,
) -> Answered<SurfaceAnswer> {
    let all = list(&app, caller.tenant()).await?;
    let data: Vec<Value> = all.iter().map(openai).collect();
    Ok(SurfaceAnswer::plain(&json!({ "object": "list", "data": data })))
}

/// The longest name of a model, with its provider.
const MAX_NAME: usize = 160;

/// The rest of a path: a model's name has slashes, encoded or not.
pub struct ModelName(String);

impl<S: Send + Sync> FromRequestParts<S> for ModelName {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let parameters = RawPathParams::from_request_parts(parts, state).await;
        let parameters = parameters.map_err(|_| Error::not_found("model"))?;
        let name = parameters.iter().find(|(name, _)| *name == "model").map(|(_, name)| name);
        let name = name.ok_or_else(|| Error::not_found("model"))?;
        if name.chars().any(char::is_control) || name.chars().count() > MAX_NAME {
            let detail = "must be the name of a model";
            return Err(Error::fault("path:model", FaultCode::BadFormat, detail).into());
        }
        Ok(ModelName(name.to_owned()))
    }
}

impl Describe for ModelName {
    fn describe(document: &mut OperationDocument) {
        let text = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(MAX_NAME))
            .pattern(Some("^[^\\x00-\\x1f\\x7f-\\x9f]*$"));
        document.path_parameters(vec![RefOr::T(Schema::Object(text.build()))]);
    }
}

/// Read a model as OpenAI's interface
///
/// As it is in the list.
#[utoipa::path(get, path = "/api/v1/ai/openai/v1/models/{*model}", tag = "OpenAI surface")]
pub async fn openai_model_get(
    caller: Allowed<ModelRead>,
    State(app): State<AiService>,
    ModelName(name): ModelName,
) -> Answered<SurfaceAnswer> {
    let all = list(&app, caller.tenant()).await?;
    Ok(match all.iter().find(|model| model.id == name) {
        Some(model) => SurfaceAnswer::plain(&openai(model)),
        None => {
            let message = format!("there is no model {name:?}, or you may not use it");
            let param = Some("model".to_owned());
            let error = SurfaceError { code: Code::ModelNotFound, message, param };
            SurfaceAnswer::refused(Surface::OpenAi, &error)
        }
    })
}

/// List models as Anthropic's interface
///
/// As OpenAI's list has them, on one page.
#[utoipa::path(get, path = "/api/v1/ai/anthropic/v1/models", tag = "Anthropic surface")]
pub async fn anthropic_model_list(
    caller: Allowed<ModelRead>,
    State(app): State<AiService>,
) -> Answered<SurfaceAnswer> {
    let all = list(&app, caller.tenant()).await?;
    let data: Vec<Value> = all
        .iter()
        .map(|model| {
            json!({
                "type": "model", "id": model.id, "display_name": model.name,
                "created_at": model.since,
            })
        })
        .collect();
    let ends = |model: Option<&Offered>| model.map(|model| model.id.clone());
    Ok(SurfaceAnswer::plain(&json!({
        "data": data, "has_more": false,
        "first_id": ends(all.first()), "last_id": ends(all.last()),
    })))
}
