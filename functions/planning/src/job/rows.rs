//! What became of the rows of a job.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Faults, Result, Tenant};
use millwright_http::extract::Several;
use millwright_http::{Allowed, Answered, Listed, Listing, PathParameter};
use millwright_store::{Position, Query, Store};
use utoipa::IntoParams;

use super::job_head;
use crate::{
    app::Planning,
    domain::{JobId, JobRow, RowStatus},
    permissions::JobRead,
    store::{JobRows, job_partition},
};

/// A residual filter: applied after reading.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct JobRowFilters {
    #[deserr(default)]
    #[param(inline, required = false)]
    status: Several<RowStatus>,
}

/// List the rows of a job
///
/// In the order of the input, those that are done so far. A page examines at most 1,000 rows; with
/// a filter it may be short or empty and still have a next one. One read, and one query for about
/// every 100 rows examined, strongly consistent, with a warm project cache.
#[utoipa::path(get, path = "/api/v1/planning/jobs/{id}/rows", tag = "Jobs")]
pub async fn job_row_list(
    caller: Allowed<JobRead>,
    State(planning): State<Planning>,
    PathParameter((id,)): PathParameter<(JobId,)>,
    listing: Listing<JobRowFilters>,
) -> Answered<Listed<JobRow>> {
    let tenant = caller.tenant();
    job_head(&planning, &tenant, id).await?;
    let reading = Reading { store: &planning.store, tenant: &tenant, id };
    let admit = |row: &JobRow| listing.filters.status.admits(&row.status);
    let (rows, next) = reading.page(listing.from.as_ref(), listing.limit, admit).await?;
    Ok(listing.page(rows, next).await?)
}

/// Rows lie together, as many as were written in one transaction, so a page may end within an item.
struct Reading<'a> {
    store: &'a Store,
    tenant: &'a Tenant,
    id: JobId,
}

/// The most rows that one page examines.
const MAX_EXAMINED: usize = 1_000;
/// Items read at once: a few hundred rows at most.
const ITEMS: usize = 5;

impl Reading<'_> {
    async fn page(
        &self,
        from: Option<&Position>,
        limit: usize,
        admit: impl Fn(&JobRow) -> bool,
    ) -> Result<(Vec<JobRow>, Option<Position>)> {
        let query =
            Query::partition(job_partition(self.tenant, self.id)).starting_with(JobRows::PREFIX);
        let last_row = from.and_then(last_row).unwrap_or_default();
        let mut from = from.cloned();
        let (mut kept, mut examined) = (Vec::new(), 0);
        loop {
            let page = self.store.page(&query, ITEMS, from.as_ref()).await?;
            for item in &page.items {
                let rows = item.decode::<JobRows>()?.rows;
                let first_row = rows.first().map(|row| row.row).unwrap_or_default();
                for row in rows.into_iter().filter(|row| row.row > last_row) {
                    if kept.len() == limit || examined == MAX_EXAMINED {
                        let position = self.between(first_row, row.row);
                        return Ok((kept, Some(position)));
                    }
                    examined += 1;
                    if admit(&row) {
                        kept.push(row);
                    }
                }
            }
            from = page.next;
            if from.is_none() {
                return Ok((kept, None));
            }
        }
    }

    /// Before `next_row`, which lies in the item that begins with `first_row`: behind the key that
    /// an item with the row before the first would have. The last row that was read follows.
    fn between(&self, first_row: u64, next_row: u64) -> Position {
        let prefix = JobRows::PREFIX;
        let before = first_row.saturating_sub(1);
        let sort_key = format!("{prefix}{before:07}~{:07}", next_row.saturating_sub(1));
        Position::behind(&job_partition(self.tenant, self.id).at(sort_key))
    }
}

/// The last row that was read before this position.
fn last_row(position: &Position) -> Option<u64> {
    position.sort_key().split_once('~')?.1.parse().ok()
}
