//! Reading prompts.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Faults, Line};
use millwright_http::{Allowed, Answered, Flag, Listed, Listing, PathParameter, Versioned};
use millwright_store::{Index, Query, schema::SUMMARY};
use utoipa::IntoParams;

use crate::{
    app::AiService,
    domain::{Prompt, PromptId},
    permissions::PromptRead,
    store::{prompts_of, read_prompt},
};

/// Filters of prompts.
#[derive(Clone, Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct PromptFilters {
    /// In the slug or the name, whatever the case.
    #[deserr(default)]
    #[param(inline)]
    q: Option<Line<1, 120>>,
    /// Archived ones instead of those in use.
    #[deserr(default)]
    #[param(value_type = Option<bool>)]
    archived: Option<Flag>,
}

impl PromptFilters {
    fn admit(&self, prompt: &Prompt) -> bool {
        let archived = self.archived.is_some_and(|Flag(archived)| archived);
        let words = format!("{}\n{}", prompt.slug, prompt.name.as_str().to_lowercase());
        let has = |q: &Line<1, 120>| words.contains(&q.as_str().to_lowercase());
        prompt.archived == archived && self.q.as_ref().is_none_or(has)
    }
}

/// List prompts
///
/// By slug, those in use. A prompt shows here a moment after it was written. One Query, which
/// examines at most 1,000 prompts.
#[utoipa::path(get, path = "/api/v1/ai/prompts", tag = "Prompts")]
pub async fn prompt_list(
    caller: Allowed<PromptRead>,
    State(app): State<AiService>,
    listing: Listing<PromptFilters>,
) -> Answered<Listed<Prompt>> {
    let query = Query::index(Index::Gsi1, prompts_of(&caller.tenant()));
    let (limit, from) = (listing.limit, listing.from.as_ref());
    let page = app.store.filtered_page(&query, limit, from, true, |item| {
        let prompt: Prompt = item.decode_attribute(SUMMARY)?;
        Ok(listing.filters.admit(&prompt).then_some(prompt))
    });
    let page = page.await?;
    Ok(listing.page(page.items, page.next).await?)
}

/// Read a prompt
///
/// With its labels. Strongly consistent. One read.
#[utoipa::path(get, path = "/api/v1/ai/prompts/{id}", tag = "Prompts")]
pub async fn prompt_get(
    caller: Allowed<PromptRead>,
    State(app): State<AiService>,
    PathParameter((id,)): PathParameter<(PromptId,)>,
) -> Answered<Versioned<Prompt>> {
    Ok(Versioned(read_prompt(&app.store, &caller.tenant(), id).await?))
}
