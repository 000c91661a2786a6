//! The log: one entry read, ended early, rated.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Error, Faults, Result, Text, codes};
use millwright_http::{
    Accepted, Allowed, Answered, Caller, Empty, PathParameter, Representation, Submission,
    Versioned,
};
use millwright_store::Contention;
use utoipa::ToSchema;

use super::{Completion, CompletionId, CompletionStatus, Rating, Score};
use crate::{
    app::AiService,
    permissions::{CompletionCreate, CompletionRead, CompletionReadAll},
    store::{CancelMark, CompletionItem},
};

impl Representation for Completion {
    fn version(&self) -> u64 {
        self.summary.version
    }

    fn location(&self) -> String {
        format!("/api/v1/ai/completions/{}", self.summary.id)
    }
}

/// An entry the caller may know of: their own, or whoever's.
async fn find(app: &AiService, caller: &Caller, id: CompletionId) -> Result<CompletionItem> {
    let item: Option<CompletionItem> =
        app.store.get(&CompletionItem::place(&caller.tenant(), id)).await?;
    let item = item.ok_or_else(|| Error::not_found("completion"))?;
    let is_own = match (item.summary.user_id, caller.user()) {
        (Some(asked), Some(user)) => asked == user,
        (None, None) => item.summary.api_key_id == caller.principal.key_id,
        _ => false,
    };
    match is_own || caller.may::<CompletionReadAll>() {
        true => Ok(item),
        false => Err(Error::not_found("completion")),
    }
}

fn shown(item: &CompletionItem) -> Completion {
    Completion { summary: item.summary.clone(), detail: item.detail.clone() }
}

/// Read a completion
///
/// One's own, or with `ai.completion.read_all` anybody's. One GetItem.
#[utoipa::path(get, path = "/api/v1/ai/completions/{id}", tag = "Completions")]
pub async fn completion_get(
    caller: Allowed<CompletionRead>,
    State(app): State<AiService>,
    PathParameter((id,)): PathParameter<(CompletionId,)>,
) -> Answered<Versioned<Completion>> {
    Ok(Versioned(shown(&find(&app, &caller, id).await?)))
}

/// End a completion
///
/// A stream ends within two seconds, as `cancelled`, and is charged what came until then; the
/// provider is hung up on. What is no stream ends by itself. One's own, or with
/// `ai.completion.read_all` anybody's. One GetItem and one transaction.
#[utoipa::path(post, path = "/api/v1/ai/completions/{id}/cancel", tag = "Completions")]
pub async fn completion_cancel(
    caller: Allowed<CompletionCreate>,
    State(app): State<AiService>,
    PathParameter((id,)): PathParameter<(CompletionId,)>,
    submission: Submission<Empty>,
) -> Answered<Accepted<Completion>> {
    let item = find(&app, &caller, id).await?;
    if item.summary.status != CompletionStatus::InProgress {
        return Err(ended(item.summary.status).into());
    }
    let mut write = submission.write(&app.store, &caller);
    write.put(&CancelMark { id, at: app.store.clock().now() });
    Ok(write.commit(Accepted(shown(&item))).await?)
}

fn ended(status: CompletionStatus) -> Error {
    let detail = format!("the completion is {status}");
    Error::new(codes::INVALID_STATE, detail).with("state", status.as_str())
}

/// What somebody thinks of an answer.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "score": 1, "comment": "To the point" }))]
pub struct RatingIn {
    score: Score,
    #[deserr(default)]
    #[schema(inline, required = false)]
    comment: Option<Text<0, 500>>,
}

/// Rate a completion
///
/// Once it has ended; rated again, the last word counts. One's own, or with
/// `ai.completion.read_all` anybody's. One GetItem and one transaction.
#[utoipa::path(post, path = "/api/v1/ai/completions/{id}/rate", tag = "Completions")]
pub async fn completion_rate(
    caller: Allowed<CompletionCreate>,
    State(app): State<AiService>,
    PathParameter((id,)): PathParameter<(CompletionId,)>,
    submission: Submission<RatingIn>,
) -> Answered<Versioned<Completion>> {
    let (submission, input) = submission.take();
    let attempt = || async {
        let mut item = find(&app, &caller, id).await?;
        if item.summary.status == CompletionStatus::InProgress {
            return Err(ended(item.summary.status));
        }
        let comment = input.comment.as_ref().map(ToString::to_string);
        item.detail.rating = Some(Rating { score: input.score, comment });
        let expected = item.version;
        item.version += 1;
        item.summary.version = item.version;
        let mut write = submission.write(&app.store, &caller);
        let step = write.replace(&item, expected);
        write.refused_as(step, Error::lost_race());
        write.commit(Versioned(shown(&item))).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}
