//! Reading jobs and their results.

use std::time::Duration;

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Error, Faults, ProjectId, Timestamp, codes};
use millwright_http::extract::Several;
use millwright_http::{Allowed, Answered, Listed, Listing, PathParameter, Plain, Versioned};
use millwright_job::{JobSummary as StoredJob, jobs_of};
use millwright_store::{Index, Query, RawItem};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::{PlanningJobs, job_head};
use crate::{
    app::Planning,
    domain::{Job, JobId, JobKind, JobStatus, JobSummary, Sha256},
    permissions::JobRead,
    store::{jobs_of_project, result_key},
};

/// Filters of the job list: `projectId` is an index filter, all others are residual.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct JobFilters {
    /// Jobs of all projects without it.
    #[deserr(default)]
    #[param(inline)]
    project_id: Option<ProjectId>,
    #[deserr(default)]
    #[param(inline, required = false)]
    kind: Several<JobKind>,
    #[deserr(default)]
    #[param(inline, required = false)]
    status: Several<JobStatus>,
}

/// List jobs
///
/// The newest first, of one project or of the whole organization, until 30 days after their end. A
/// page examines at most 1,000 jobs; with filters on kind and status it may be short or empty and
/// still have a next one. One query, eventually consistent, with a warm project cache.
#[utoipa::path(get, path = "/api/v1/planning/jobs", tag = "Jobs")]
pub async fn job_list(
    caller: Allowed<JobRead>,
    State(planning): State<Planning>,
    listing: Listing<JobFilters>,
) -> Answered<Listed<JobSummary>> {
    let tenant = caller.tenant();
    let filters = &listing.filters;
    let query = match filters.project_id {
        Some(project) => {
            planning.project_head(&tenant, project).await?;
            Query::index(Index::Gsi1, jobs_of_project(&tenant, project))
        }
        None => Query::index(Index::Gsi2, jobs_of::<PlanningJobs>(&tenant)),
    };
    let now = planning.store.clock().now();
    let is_filtered = !filters.kind.0.is_empty() || !filters.status.0.is_empty();
    let admit = |item: &RawItem| {
        let job = StoredJob::<PlanningJobs>::of(item)?;
        let admitted = filters.kind.admits(&job.kind)
            && filters.status.admits(&job.status)
            && !job.is_expired(now);
        Ok(admitted.then(|| JobSummary::of(job)))
    };
    let (limit, from) = (listing.limit, listing.from.as_ref());
    let query = query.descending(true);
    let page = planning.store.filtered_page(&query, limit, from, is_filtered, admit).await?;
    Ok(listing.page(page.items, page.next).await?)
}

/// Read a job
///
/// Strongly consistent. Ask every few seconds until its status is completed, failed or cancelled.
/// One read, with a warm project cache.
#[utoipa::path(get, path = "/api/v1/planning/jobs/{id}", tag = "Jobs")]
pub async fn job_get(
    caller: Allowed<JobRead>,
    State(planning): State<Planning>,
    PathParameter((id,)): PathParameter<(JobId,)>,
) -> Answered<Versioned<Job>> {
    Ok(Versioned(Job::of(job_head(&planning, &caller.tenant(), id).await?)))
}

/// Where to download the file that a job has left.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "downloadUrl": "https://bucket.s3.eu-central-1.amazonaws.com/results/org_01jdbx07tefgx8m4avw9vx1701/pjob_01jdz7xk2nf5h9vq3w8c6m4t0b?X-Amz-Signature=…",
    "expiresAt": "2026-11-23T01:19:58.000Z",
    "sizeBytes": 48213,
    "sha256": "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9",
}))]
pub struct JobResult {
    /// Whoever knows it can download the file until it expires.
    download_url: String,
    /// In 15 minutes.
    expires_at: Timestamp,
    size_bytes: u64,
    sha256: Sha256,
}

/// How long a link is good.
pub(super) const LINK: Duration = Duration::from_secs(15 * 60);

/// Download the result of a job
///
/// A link to the file that a completed job has left, good for 15 minutes. 404 if its kind leaves
/// none. One read, with a warm project cache.
#[utoipa::path(get, path = "/api/v1/planning/jobs/{id}/result", tag = "Jobs")]
pub async fn job_result_get(
    caller: Allowed<JobRead>,
    State(planning): State<Planning>,
    PathParameter((id,)): PathParameter<(JobId,)>,
) -> Answered<Plain<JobResult>> {
    let tenant = caller.tenant();
    let head = job_head(&planning, &tenant, id).await?;
    if head.summary.status != JobStatus::Completed {
        let detail =
            format!("the job is {}: only a completed one has a result", head.summary.status);
        let status = head.summary.status.as_str();
        return Err(Error::new(codes::INVALID_STATE, detail)
            .with("from", status)
            .with("allowed", vec![JobStatus::Completed.as_str()])
            .into());
    }
    let result = head.result.ok_or_else(|| Error::not_found("result of the job"))?;
    let key = result_key(&tenant, id);
    let link = planning.files().download_link(&key, &result.file_name, LINK)?;
    Ok(Plain(JobResult {
        download_url: link.url,
        expires_at: link.expires_at,
        size_bytes: result.size_bytes,
        sha256: result.sha256,
    }))
}
