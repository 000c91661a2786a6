//! Creating, changing and archiving prompts.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Change, Error, Faults, Line, Result, Text};
use millwright_http::{
    Allowed, Answer, Answered, Body, Caller, Created, IfMatch, NoContent, PathParameter,
    Submission, Versioned,
};
use millwright_store::Contention;
use utoipa::ToSchema;

use super::replace;
use crate::{
    app::AiService,
    codes::SLUG_TAKEN,
    domain::{Common, Prompt, PromptId, PromptSlug},
    events::{PromptArchived, PromptCreated, PromptData, PromptUpdated},
    permissions::PromptWrite,
    store::{PromptItem, more, read_prompt, take_name},
};

/// A new prompt; it says nothing until it has a version.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "slug": "review", "name": "Review of a change", "description": "Finds faults, not style.",
}))]
pub struct PromptIn {
    // Stays what it is.
    #[schema(inline)]
    slug: PromptSlug,
    #[schema(inline)]
    name: Line<1, 120>,
    #[deserr(default)]
    #[schema(required = false, inline)]
    description: Text<0, 2000>,
}

/// A change of a prompt.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "name": "Review of a small change" }))]
pub struct PromptPatchIn {
    #[deserr(default)]
    #[schema(required = false, inline)]
    name: Change<Line<1, 120>>,
    #[deserr(default)]
    #[schema(required = false, inline)]
    description: Change<Text<0, 2000>>,
    /// True takes it out of use, false takes it back.
    #[deserr(default)]
    #[schema(required = false)]
    archived: Change<bool>,
}

/// Create a prompt
///
/// At most 1,000, archived ones included. One transaction of at most six items.
#[utoipa::path(post, path = "/api/v1/ai/prompts", tag = "Prompts")]
pub async fn prompt_create(
    caller: Allowed<PromptWrite>,
    State(app): State<AiService>,
    submission: Submission<PromptIn>,
) -> Answered<Created<Prompt>> {
    let tenant = caller.tenant();
    let (submission, input) = submission.take();
    let prompt = Prompt {
        id: app.store.ids().next(),
        common: Common::first(app.organization(&tenant)?, app.stamp(&caller)),
        slug: input.slug,
        name: input.name,
        description: input.description,
        latest_version: 0,
        labels: Default::default(),
        archived: false,
    };
    let mut write = submission.write(&app.store, &caller);
    take_name(&mut write, &prompt, Error::new(SLUG_TAKEN, "another prompt has this slug"));
    more::<Prompt>(&mut write, 1);
    write.create(&PromptItem::of(&prompt));
    write.emit(&PromptCreated(PromptData::of(&prompt)))?;
    Ok(write.commit(Created(prompt)).await?)
}

/// Change a prompt
///
/// A change of nothing is no change. One read and one transaction of two items.
#[utoipa::path(patch, path = "/api/v1/ai/prompts/{id}", tag = "Prompts")]
pub async fn prompt_update(
    caller: Allowed<PromptWrite>,
    State(app): State<AiService>,
    PathParameter((id,)): PathParameter<(PromptId,)>,
    if_match: IfMatch,
    Body(patch): Body<PromptPatchIn>,
) -> Answered<Versioned<Prompt>> {
    let change = |prompt: &mut Prompt| {
        let patch = patch.clone();
        patch.name.apply_to(&mut prompt.name);
        patch.description.apply_to(&mut prompt.description);
        patch.archived.apply_to(&mut prompt.archived);
    };
    Ok(settle(&app, &caller, id, &if_match, change, Versioned).await?)
}

/// Archive a prompt
///
/// Requests can no longer use it; its slug stays taken, its versions can be read, and a change
/// takes it back into use. Archived again is fine. One read and one transaction of two items.
#[utoipa::path(delete, path = "/api/v1/ai/prompts/{id}", tag = "Prompts")]
pub async fn prompt_delete(
    caller: Allowed<PromptWrite>,
    State(app): State<AiService>,
    PathParameter((id,)): PathParameter<(PromptId,)>,
    if_match: IfMatch,
) -> Answered<NoContent> {
    let change = |prompt: &mut Prompt| prompt.archived = true;
    Ok(settle(&app, &caller, id, &if_match, change, |_| NoContent).await?)
}

async fn settle<A: Answer>(
    app: &AiService,
    caller: &Caller,
    id: PromptId,
    if_match: &IfMatch,
    change: impl Fn(&mut Prompt),
    answer: impl Fn(Prompt) -> A,
) -> Result<A> {
    let tenant = caller.tenant();
    let attempt = || async {
        let before = read_prompt(&app.store, &tenant, id).await?;
        if_match.check(before.common.version)?;
        let mut after = before.clone();
        change(&mut after);
        let mut write = caller.write(&app.store);
        if after == before {
            return write.commit(answer(before)).await;
        }
        after.common.advance(app.store.clock().now());
        replace(&mut write, &before, &after);
        if after.archived && !before.archived {
            write.emit(&PromptArchived(PromptData::of(&after)))?;
        } else {
            write.emit(&PromptUpdated(PromptData::of(&after)))?;
        }
        write.commit(answer(after)).await
    };
    Contention::new(&app.store).settle(&app.store, attempt).await
}
