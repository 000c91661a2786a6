//! Reading batches of invitations, and stopping them.

use std::collections::HashMap;

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Error, Faults};
use millwright_http::{
    Allowed, Answered, Empty, Listed, Listing, NoFilters, PathParameter, Submission, Versioned,
    extract::Several,
};
use millwright_job::{JobSummary, job_partition, jobs_of};
use millwright_store::{Contention, Index, Position, Query, RawItem};
use utoipa::IntoParams;

use super::{
    BatchInput, BatchRow, Batches, InvitationBatch, ROWS, RowItem, RowStatus, head, row_place,
};
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

/// List the rows of a batch
///
/// In the order they were sent. Two reads and one query.
#[utoipa::path(get, path = "/api/v1/invitations/batches/{batchId}/rows", tag = "Invitations")]
pub async fn invitation_batch_row_list(
    caller: Allowed<InvitationRead>,
    State(app): State<UserManagement>,
    PathParameter((id,)): PathParameter<(InvitationBatchId,)>,
    listing: Listing<RowFilters>,
) -> Answered<Listed<BatchRow>> {
    const MAX: usize = 2_000;
    let tenant = caller.tenant();
    head(&app.store, &tenant, id).await?;
    let input: Option<BatchInput> = app.store.get(&BatchInput::place(&tenant, id)).await?;
    let input = input.ok_or_else(|| Error::not_found("batch"))?;
    let partition = || job_partition::<Batches>(&tenant, id);
    let last = listing.from.as_ref().and_then(|from| from.sort_key().strip_prefix(ROWS));
    let first = last.and_then(|last| last.parse::<u64>().ok()).map_or(0, |last| last + 1);
    let most = match listing.filters.status.0.is_empty() {
        true => listing.limit,
        false => MAX,
    };
    // Nothing of a batch sorts behind its rows.
    let query = Query::partition(partition()).from_sort_key(row_place(first));
    let mut done: HashMap<u64, BatchRow> = HashMap::new();
    for item in app.store.collect(&query, most).await? {
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
    let behind = rows.filter(|row| row.index >= first);
    let mut admitted = behind.filter(|row| listing.filters.status.admits(&row.status));
    let items: Vec<BatchRow> = admitted.by_ref().take(listing.limit).collect();
    let next = items.last().filter(|_| admitted.next().is_some());
    let next = next.map(|row| Position::behind(&partition().at(row_place(row.index))));
    Ok(listing.page(items, next).await?)
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
