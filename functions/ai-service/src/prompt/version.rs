//! Versions of prompts: each change of what a prompt says is a new one.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Bounded, Error, Fault, FaultCode, Faults, InputError, Line, Result, Text};
use millwright_http::{
    Allowed, Answered, Created, Listed, Listing, NoFilters, PathParameter, Submission, Versioned,
};
use millwright_store::{Contention, Index, Query, schema::SUMMARY};
use serde_json::Value;
use utoipa::ToSchema;

use super::{check_not_archived, replace};
use crate::{
    app::AiService,
    codes::{SCHEMA_INVALID, TEMPLATE_INVALID},
    completion::schema_validator,
    domain::{
        Few, MAX_MESSAGES, MAX_VERSIONS, ModelDefaults, PromptContent, PromptId, PromptMessage,
        PromptVersion, PromptVersionSummary, Variable,
    },
    events::{PromptVersionCreated, PromptVersionData},
    permissions::{PromptRead, PromptWrite},
    store::{PromptVersionItem, read_prompt, read_version, versions_of},
};

/// What a version of a prompt is to say.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "messages": [
        { "role": "system", "template": "You review {{ language }}. Tell faults, not style." },
        { "role": "user", "template": "{% for file in files %}{{ file }}\n{% endfor %}" },
    ],
    "variables": [{ "name": "language" }, { "name": "files", "type": "array", "maxLength": 50 }],
    "params": { "temperature": 0.2 },
    "notes": "Shorter.",
}))]
pub struct PromptVersionIn {
    /// 1 to 50, with templates of at most 256 KB together.
    #[schema(min_items = 1, max_items = 50)]
    messages: Vec<PromptMessage>,
    /// Whatever the templates name.
    #[deserr(default)]
    #[schema(required = false, inline)]
    variables: Few<Variable, 0, 50>,
    /// `<provider>/<name>`, a name or the slug of a chain, for requests that name no model or `auto`.
    #[deserr(default)]
    #[schema(required = false, inline)]
    model_hint: Option<Line<1, 160>>,
    /// For requests that say nothing.
    #[deserr(default)]
    #[schema(required = false)]
    params: ModelDefaults,
    /// JSON Schema that answers must match, unless the request brings its own: at most 32 KB.
    #[deserr(default)]
    #[schema(required = false, value_type = Option<Object>)]
    response_schema: Option<Value>,
    #[deserr(default)]
    #[schema(required = false, inline)]
    notes: Text<0, 1000>,
}

impl PromptVersionIn {
    /// # Errors
    /// `invalid_request`, `template_invalid`, `schema_invalid`.
    fn check(self) -> Result<(PromptContent, Option<Line<1, 160>>, Text<0, 1000>)> {
        let mut faults = Vec::new();
        let code = match self.messages.len() {
            0 => Some(FaultCode::TooShort),
            many if many > MAX_MESSAGES => Some(FaultCode::TooLong),
            _ => None,
        };
        if let Some(code) = code {
            let detail = format!("must have 1 to {MAX_MESSAGES} entries");
            faults.push(Fault::new("/messages", code, detail));
        }
        for (place, variable) in self.variables.as_slice().iter().enumerate() {
            if let Err(InputError { code, detail }) = variable.check() {
                faults.push(Fault::new(format!("/variables/{place}/default"), code, detail));
            }
        }
        // `true` and `false` are schemas as well, but none that a provider takes.
        if self.response_schema.as_ref().is_some_and(|schema| !schema.is_object()) {
            faults.push(Fault::new("/responseSchema", FaultCode::WrongType, "must be an object"));
        }
        if !faults.is_empty() {
            return Err(Faults(faults).into());
        }
        if let Some(schema) = &self.response_schema {
            schema_validator(schema).map_err(|detail| Error::new(SCHEMA_INVALID, detail))?;
        }
        let content = PromptContent {
            messages: self.messages,
            variables: self.variables,
            params: self.params,
            response_schema: self.response_schema,
        };
        content.check().map_err(|detail| Error::new(TEMPLATE_INVALID, detail))?;
        Ok((content, self.model_hint, self.notes))
    }
}

/// Create a version of a prompt
///
/// It never changes; a label makes it the one that requests use. At most 1,000 of a prompt. One
/// read and one transaction of at most four items.
#[utoipa::path(post, path = "/api/v1/ai/prompts/{id}/versions", tag = "Prompts")]
pub async fn prompt_version_create(
    caller: Allowed<PromptWrite>,
    State(app): State<AiService>,
    PathParameter((id,)): PathParameter<(PromptId,)>,
    submission: Submission<PromptVersionIn>,
) -> Answered<Created<PromptVersion>> {
    let tenant = caller.tenant();
    let (submission, input) = submission.take();
    let (content, model_hint, notes) = input.check()?;
    let attempt = || async {
        let before = read_prompt(&app.store, &tenant, id).await?;
        check_not_archived(&before)?;
        if before.latest_version >= MAX_VERSIONS {
            return Err(Error::limit_reached("versions", MAX_VERSIONS.into()));
        }
        let stamp = app.stamp(&caller);
        let mut after = before.clone();
        after.latest_version += 1;
        after.common.advance(stamp.at);
        let summary = PromptVersionSummary {
            prompt_id: id,
            version: after.latest_version,
            model_hint: model_hint.clone(),
            notes: notes.clone(),
            created_at: stamp.at,
            created_by: stamp.by,
        };
        let version = PromptVersion { summary, content: content.clone() };
        let mut write = submission.write(&app.store, &caller);
        replace(&mut write, &before, &after);
        write.create(&PromptVersionItem::of(&version));
        write.emit(&PromptVersionCreated(PromptVersionData {
            prompt_id: id,
            slug: after.slug.to_string(),
            version: after.latest_version,
        }))?;
        write.commit(Created(version)).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}

/// List the versions of a prompt
///
/// Newest first, without what they say. A version shows here a moment after it was made. One read
/// and one Query.
#[utoipa::path(get, path = "/api/v1/ai/prompts/{id}/versions", tag = "Prompts")]
pub async fn prompt_version_list(
    caller: Allowed<PromptRead>,
    State(app): State<AiService>,
    PathParameter((id,)): PathParameter<(PromptId,)>,
    listing: Listing<NoFilters>,
) -> Answered<Listed<PromptVersionSummary>> {
    let tenant = caller.tenant();
    read_prompt(&app.store, &tenant, id).await?;
    let query = Query::index(Index::Gsi1, versions_of(&tenant, id)).descending(true);
    let page = app.store.page(&query, listing.limit, listing.from.as_ref()).await?;
    let summaries = page.items.iter().map(|item| item.decode_attribute(SUMMARY));
    Ok(listing.page(summaries.collect::<Result<Vec<_>>>()?, page.next).await?)
}

/// Read a version of a prompt
///
/// Strongly consistent. One read.
#[utoipa::path(get, path = "/api/v1/ai/prompts/{id}/versions/{version}", tag = "Prompts")]
pub async fn prompt_version_get(
    caller: Allowed<PromptRead>,
    State(app): State<AiService>,
    PathParameter((id, version)): PathParameter<(PromptId, Bounded<1, 1000>)>,
) -> Answered<Versioned<PromptVersion>> {
    Ok(Versioned(read_version(&app.store, &caller.tenant(), id, version.get()).await?))
}
