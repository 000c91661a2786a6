//! Reading exports, and downloading them.

use std::time::Duration;

use axum::extract::State;
use millwright_core::{Error, OrgId, Result, Tenant};
use millwright_http::{
    Allowed, Answered, Caller, Listed, Listing, NoFilters, PathParameter, Plain, SignedIn,
};
use millwright_job::{JobHead, JobSummary, jobs_of};
use millwright_store::{Index, Query, RawItem};

use super::{Exports, archive_key};
use crate::{
    app::UserManagement,
    domain::{DataExport, DataExportId, ExportStatus},
    permissions::OrganizationExport,
    vouch,
};

/// How long a link is good.
const LINK: Duration = Duration::from_secs(15 * 60);

/// List one's own data exports
///
/// The newest first, until 30 days after their end; without links. One query, eventually
/// consistent.
#[utoipa::path(get, path = "/api/v1/users/me/data-exports", tag = "Data exports")]
pub async fn my_data_export_list(
    caller: SignedIn,
    State(app): State<UserManagement>,
    listing: Listing<NoFilters>,
) -> Answered<Listed<DataExport>> {
    let tenant = caller.tenant();
    Ok(list(&app, &tenant, listing).await?)
}

/// Read one's own data export
///
/// With a link to the archive, once completed: good for 15 minutes, and another one each time, so
/// there is no `ETag`. One read.
#[utoipa::path(get, path = "/api/v1/users/me/data-exports/{exportId}", tag = "Data exports")]
pub async fn my_data_export_get(
    caller: SignedIn,
    State(app): State<UserManagement>,
    PathParameter((id,)): PathParameter<(DataExportId,)>,
) -> Answered<Plain<DataExport>> {
    let tenant = caller.tenant();
    Ok(Plain(read(&app, &caller, &tenant, id).await?))
}

/// List the organization's data exports
///
/// The newest first, until 30 days after their end; without links. One query, eventually
/// consistent.
#[utoipa::path(
    get,
    path = "/api/v1/organizations/{organizationId}/data-exports",
    tag = "Data exports"
)]
pub async fn data_export_list(
    caller: Allowed<OrganizationExport>,
    State(app): State<UserManagement>,
    PathParameter((organization,)): PathParameter<(OrgId,)>,
    listing: Listing<NoFilters>,
) -> Answered<Listed<DataExport>> {
    let tenant = vouch::own(&caller, organization)?;
    Ok(list(&app, &tenant, listing).await?)
}

/// Read a data export
///
/// With a link to the archive, once completed: good for 15 minutes, and another one each time, so
/// there is no `ETag`. Recorded. One read.
#[utoipa::path(
    get,
    path = "/api/v1/organizations/{organizationId}/data-exports/{exportId}",
    tag = "Data exports"
)]
pub async fn data_export_get(
    caller: Allowed<OrganizationExport>,
    State(app): State<UserManagement>,
    PathParameter((organization, id)): PathParameter<(OrgId, DataExportId)>,
) -> Answered<Plain<DataExport>> {
    let tenant = vouch::own(&caller, organization)?;
    Ok(Plain(read(&app, &caller, &tenant, id).await?))
}

async fn list(
    app: &UserManagement,
    tenant: &Tenant,
    listing: Listing<NoFilters>,
) -> Result<Listed<DataExport>> {
    let query = Query::index(Index::Gsi2, jobs_of::<Exports>(tenant)).descending(true);
    let now = app.store.clock().now();
    let admit = |item: &RawItem| {
        let job = JobSummary::<Exports>::of(item)?;
        Ok((!job.is_expired(now)).then(|| DataExport::of(job, now)))
    };
    let (limit, from) = (listing.limit, listing.from.as_ref());
    let page = app.store.filtered_page(&query, limit, from, false, admit).await?;
    listing.page(page.items, page.next).await
}

async fn read(
    app: &UserManagement,
    caller: &Caller,
    tenant: &Tenant,
    id: DataExportId,
) -> Result<DataExport> {
    let head = JobHead::<Exports>::read(&app.store, tenant, id).await;
    let head = head.map_err(|error| match error.is(millwright_core::codes::NOT_FOUND) {
        true => Error::not_found("data export"),
        false => error,
    })?;
    let result = head.result.clone();
    let mut export = DataExport::of(head.summary, app.store.clock().now());
    if let (ExportStatus::Completed, Some(result)) = (export.status, result) {
        let key = archive_key(tenant, id);
        let link = app.files.download_link(&key, &result.file_name, LINK)?;
        export.download_url = Some(link.url);
        // Whoever can download it has read personal data of others.
        tracing::info!(
            event = "audit",
            operation = "data_export_get",
            actor = caller.actor(),
            export_id = %id,
            "personal data read"
        );
    }
    Ok(export)
}
