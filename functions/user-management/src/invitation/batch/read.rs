//! Reading batches of invitations, and stopping them.

use std::collections::HashMap;

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Error, Faults};
use millwright_http::{
    Allowed, Answered, Empty, Listed, Listing, NoFilters, Parameters, PathParameter, Plain,
    Submission, Versioned, extract::Several,
};
use millwright_job::{JobSummary, job_partition, jobs_of};
use millwright_store::{Contention, Index, Query, RawItem};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::{BatchInput, BatchRow, Batches, InvitationBatch, ROWS, RowItem, RowStatus, head};
use crate::{
    app::UserManagement,
    domain::InvitationBatchId,
    permissions::{InvitationDelete, InvitationRead},
};

/// List batches of invitations
///
/// The newest first, until 30 days after their end. One query, eventually consistent.
#[utoipa::path(get, path = "/api/v1/invitations/batches", tag = "Invitations")]
pub async fn invitation_batch_list(
    caller: Allowed<InvitationRead>,
    State(app): State<UserManagement>,
    listing: Listing<NoFilters>,
) -> Answered<Listed<InvitationBatch>> {
    let query = Query::index(Index::Gsi2, jobs_of::<Batches>(&caller.tenant())).descending(true);
    let now = app.store.clock().now();
    let admit = |item: &RawItem| {
        let job = JobSummary::<Batches>::of(item)?;
        Ok((!job.is_expired(now)).then(|| InvitationBatch::of(job)))
    };
    let (limit, from) = (listing.limit, listing.from.as_ref());
    let page = app.store.filtered_page(&query, limit, from, false, admit).await?;
    Ok(listing.page(page.items, page.next).await?)
}

/// Read a batch of invitations
///
/// Strongly consistent. One read.
#[utoipa::path(get, path = "/api/v1/invitations/batches/{batchId}", tag = "Invitations")]
pub async fn invitation_batch_get(
    caller: Allowed<InvitationRead>,
    State(app): State<UserManagement>,
    PathParameter((id,)): PathParameter<(InvitationBatchId,)>,
) -> Answered<Versioned<InvitationBatch>> {
    Ok(Versioned(InvitationBatch::of(head(&app.store, &caller.tenant(), id).await?.summary)))
}

/// Filters of the rows.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct RowFilters {
    /// May be repeated.
    #[deserr(default)]
    #[param(inline, required = false)]
    status: Several<RowStatus>,
}

/// All of them at once: there are at most 1,000.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BatchRows {
    items: Vec<BatchRow>,
    /// Always null.
    next_cursor: Option<String>,
}

/// List the rows of a batch
///
/// In the order they were sent; not paged. One read, and one query for each megabyte.
#[utoipa::path(get, path = "/api/v1/invitations/batches/{batchId}/rows", tag = "Invitations")]
pub async fn invitation_batch_row_list(
    caller: Allowed<InvitationRead>,
    State(app): State<UserManagement>,
    PathParameter((id,)): PathParameter<(InvitationBatchId,)>,
    Parameters(filters): Parameters<RowFilters>,
) -> Answered<Plain<BatchRows>> {
    const MAX: usize = 2_000;
    let tenant = caller.tenant();
    head(&app.store, &tenant, id).await?;
    let input: Option<BatchInput> = app.store.get(&BatchInput::place(&tenant, id)).await?;
    let input = input.ok_or_else(|| Error::not_found("batch"))?;
    let query = Query::partition(job_partition::<Batches>(&tenant, id)).starting_with(ROWS);
    let mut done: HashMap<u64, BatchRow> = HashMap::new();
    for item in app.store.collect(&query, MAX).await? {
        let RowItem { row, .. } = item.decode()?;
        done.insert(row.index, row);
    }
    let rows = input.rows()?.into_iter().zip(0..).map(|(row, index)| {
        done.remove(&index).unwrap_or_else(|| BatchRow {
            index,
            email: row.email.to_string(),
            status: RowStatus::Pending,
            invitation_id: None,
            code: None,
        })
    });
    let items = rows.filter(|row| filters.status.admits(&row.status)).collect();
    Ok(Plain(BatchRows { items, next_cursor: None }))
}

/// Cancel a batch of invitations
///
/// Rows that are not processed yet stay so; invitations that were created stay. One read and one
/// transaction of at most six items.
#[utoipa::path(post, path = "/api/v1/invitations/batches/{batchId}/cancel", tag = "Invitations")]
pub async fn invitation_batch_cancel(
    caller: Allowed<InvitationDelete>,
    State(app): State<UserManagement>,
    PathParameter((id,)): PathParameter<(InvitationBatchId,)>,
    submission: Submission<Empty>,
) -> Answered<Versioned<InvitationBatch>> {
    let tenant = caller.tenant();
    let attempt = || async {
        let before = head(&app.store, &tenant, id).await?;
        let mut write = submission.write(&app.store, &caller);
        let ended = before.cancel(&mut write, caller.actor())?;
        write.commit(Versioned(InvitationBatch::of(ended.summary))).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}
