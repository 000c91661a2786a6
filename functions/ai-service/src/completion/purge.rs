//! Answers of the cache are taken back.

use axum::extract::State;
use deserr::Deserr;
use futures::future::join_all;
use millwright_core::{Faults, Result, Tenant, UserId};
use millwright_http::{Allowed, Answered, Submission, Taken};
use millwright_store::{Condition, Index, Item, Outcome, Partition, Query, RawItem};
use utoipa::ToSchema;

use super::Completions;
use crate::{
    app::AiService,
    domain::{ModelId, Purge},
    events::{CachePurged, PurgeData},
    permissions::CachePurge,
    store::{CachedItem, CachedMark, OpenPurges, PurgeItem},
    vouch,
};

/// Which answers.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "modelId": "mdl_01jdz7xk2nf5h9vq3w8c6m4t0b" }))]
pub struct PurgeIn {
    /// Those of this model; null or absent: of all.
    #[deserr(default)]
    #[schema(required = false)]
    model_id: Option<ModelId>,
    /// Those that are this person's alone; null or absent: everybody's.
    #[deserr(default)]
    #[schema(required = false)]
    user_id: Option<UserId>,
}

/// Purge the cache
///
/// Answers that were kept until now are given no more, 30 seconds later at most, and deleted within
/// 15 minutes: all of them, or those of a model, or those that are one person's alone. One transaction
/// of two items.
#[utoipa::path(post, path = "/api/v1/ai/cache/purge", tag = "Completions")]
pub async fn cache_purge(
    caller: Allowed<CachePurge>,
    State(app): State<AiService>,
    submission: Submission<PurgeIn>,
) -> Answered<Taken<Purge>> {
    let (submission, PurgeIn { model_id, user_id }) = submission.take();
    let purge = Purge { model_id, user_id, at: app.store.clock().now() };
    let organization_id = app.organization(&caller.tenant())?;
    let mut write = submission.write(&app.store, &caller);
    write.put(&PurgeItem::of(purge));
    write.emit(&CachePurged(PurgeData { organization_id, purge }))?;
    app.completions.forget_configuration(&caller.tenant());
    Ok(write.commit(Taken(purge)).await?)
}

/// Purges of a page of the index.
const AT_ONCE: usize = 100;
const MARKS_AT_ONCE: usize = 1_000;
/// Two items each, in a transaction.
const DELETED_AT_ONCE: usize = 50;

/// Deletes what purges are about. One Query for the purges; for each of them one Query for each
/// thousand marks, one transaction for each 50 answers, and one write.
///
/// # Errors
/// `unavailable`: the next sweep goes on.
pub(super) async fn purge(app: &Completions) -> Result<usize> {
    let query = Query::index(Index::Gsi3, Partition::global(&OpenPurges));
    let mut deleted = 0;
    for item in app.store.page(&query, AT_ONCE, None).await?.items {
        let tenant = vouch::of_item(&item)?;
        let purge: Purge = item.decode_attribute("summary")?;
        let taken = marks(app, &tenant, &purge).await?;
        let chunks = taken.chunks(DELETED_AT_ONCE).map(|marks| delete(app, &tenant, marks));
        let mut is_done = true;
        for done in join_all(chunks).await {
            is_done &= done?;
        }
        deleted += taken.len();
        if is_done {
            // Unless somebody has wanted it again meanwhile.
            let same = Condition::default().equals("at", purge.at);
            let item = PurgeItem { is_done: true, ..PurgeItem::of(purge) };
            app.store.put_when(&tenant, &item, &same).await?;
        }
    }
    Ok(deleted)
}

async fn marks(app: &Completions, tenant: &Tenant, purge: &Purge) -> Result<Vec<CachedMark>> {
    let all = Query::partition(CachedMark::all(tenant));
    let query = match purge.model_id {
        Some(model) => all.starting_with(format!("{model}#")),
        None => all,
    };
    let mut taken = Vec::new();
    let mut from = None;
    loop {
        let page = app.store.page(&query, MARKS_AT_ONCE, from.as_ref()).await?;
        for mark in page.items.iter().map(RawItem::decode) {
            let mark: CachedMark = mark?;
            if purge.takes(mark.model_id, mark.user_id, mark.created_at) {
                taken.push(mark);
            }
        }
        from = page.next;
        if from.is_none() {
            return Ok(taken);
        }
    }
}

/// False if one of them was made anew in this moment: the next sweep looks again.
async fn delete(app: &Completions, tenant: &Tenant, marks: &[CachedMark]) -> Result<bool> {
    let mut transaction = app.store.transaction(tenant);
    for mark in marks {
        // A younger answer in the same place stays.
        let same = Condition::default().equals("createdAt", mark.created_at);
        let or_gone = same.or_attribute_absent("createdAt");
        transaction.delete_when(&CachedItem::place(tenant, &mark.digest), or_gone.clone());
        transaction.delete_when(&mark.key(tenant), or_gone);
    }
    Ok(matches!(transaction.attempt().await?, Outcome::Done))
}
