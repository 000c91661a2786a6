//! Labels of prompts: which version requests use.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Bounded, Error, Faults, Result};
use millwright_http::{Allowed, Answered, Body, Caller, PathParameter, Versioned};
use millwright_store::Contention;
use utoipa::ToSchema;

use super::{check_not_archived, replace};
use crate::{
    app::AiService,
    domain::{LabelName, MAX_OWN_LABELS, Prompt, PromptId},
    events::{PromptLabelData, PromptLabelMoved},
    permissions::PromptPublish,
    store::read_prompt,
};

/// Where a label is to point.
#[derive(Clone, Copy, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "version": 1 }))]
pub struct LabelIn {
    #[schema(inline)]
    version: Bounded<1, 1000>,
}

/// Point a label at a version
///
/// Requests use it from then on, at once. `production` is what requests use that name neither
/// label nor version; beside it and `staging` a prompt has at most ten labels. One read and one
/// transaction of two items.
#[utoipa::path(put, path = "/api/v1/ai/prompts/{id}/labels/{label}", tag = "Prompts")]
pub async fn prompt_label_set(
    caller: Allowed<PromptPublish>,
    State(app): State<AiService>,
    PathParameter((id, label)): PathParameter<(PromptId, LabelName)>,
    Body(input): Body<LabelIn>,
) -> Answered<Versioned<Prompt>> {
    Ok(Versioned(settle(&app, &caller, id, &label, Some(input.version.get())).await?))
}

/// Take a label away
///
/// Requests that name it are refused from then on. Taken away again is fine. One read and one
/// transaction of two items.
#[utoipa::path(delete, path = "/api/v1/ai/prompts/{id}/labels/{label}", tag = "Prompts")]
pub async fn prompt_label_clear(
    caller: Allowed<PromptPublish>,
    State(app): State<AiService>,
    PathParameter((id, label)): PathParameter<(PromptId, LabelName)>,
) -> Answered<Versioned<Prompt>> {
    Ok(Versioned(settle(&app, &caller, id, &label, None).await?))
}

async fn settle(
    app: &AiService,
    caller: &Caller,
    id: PromptId,
    label: &LabelName,
    to: Option<u32>,
) -> Result<Prompt> {
    let tenant = caller.tenant();
    let attempt = || async {
        let before = read_prompt(&app.store, &tenant, id).await?;
        check_not_archived(&before)?;
        let from = before.labels.get(label.as_str()).copied();
        if from == to {
            return caller.write(&app.store).commit(Versioned(before)).await.map(|it| it.0);
        }
        if to.is_some_and(|to| to > before.latest_version) {
            return Err(Error::not_found("version"));
        }
        if !before.has_room_for(label.as_str()) {
            return Err(Error::limit_reached("labels", MAX_OWN_LABELS as u64));
        }
        let mut after = before.clone();
        match to {
            Some(to) => after.labels.insert(label.to_string(), to),
            None => after.labels.remove(label.as_str()),
        };
        after.common.advance(app.store.clock().now());
        let mut write = caller.write(&app.store);
        replace(&mut write, &before, &after);
        write.emit(&PromptLabelMoved(PromptLabelData {
            prompt_id: id,
            slug: after.slug.to_string(),
            label: label.to_string(),
            from,
            to,
        }))?;
        write.commit(Versioned(after)).await.map(|it| it.0)
    };
    Contention::new(&app.store).settle(&app.store, attempt).await
}
