//! Reading jobs, with a link to what they left.

use std::time::Duration;

use axum::extract::State;
use millwright_core::{Result, Tenant, Timestamp};
use millwright_http::{
    Allowed, Answered, Listed, Listing, NoFilters, PathParameter, Representation, Versioned,
};
use millwright_job::{JobHead, JobProblem, JobStatus, JobSummary, jobs_of};
use millwright_store::{Index, Query, RawItem};
use serde::Serialize;
use utoipa::ToSchema;

use super::UsageJobs;
use crate::{
    app::UsageTracking,
    domain::{JobId, JobKind, JobState},
    permissions::ReportRead,
    store::{EXPORTS, export_key},
};

/// How long a link is good.
const LINK: Duration = Duration::from_secs(15 * 60);

/// The file a job has left.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobFile {
    /// Whoever knows it can download the file for 15 minutes.
    pub url: String,
    pub bytes: u64,
    pub rows: u64,
    /// Until when the file is kept.
    pub expires_at: Timestamp,
}

/// A job.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(rename_all = "camelCase", example = json!({
    "id": "ujb_01jdz7xk2nf5h9vq3w8c6m4t0b", "kind": "export", "state": "running",
    "categoryCode": null, "done": 3, "left": 4, "rows": 1200, "file": null, "problem": null,
    "version": 4, "createdAt": "2026-11-23T01:04:58.000Z",
    "createdBy": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b", "updatedAt": "2026-11-23T01:05:04.000Z",
}))]
pub struct JobView {
    id: JobId,
    kind: JobKind,
    state: JobState,
    category_code: Option<String>,
    /// Days of events, or steps, that are done.
    done: u64,
    /// Null until it is known.
    left: Option<u64>,
    /// Rows of the file, or events that were changed.
    rows: u64,
    /// Of an export that has succeeded; lists do not show it.
    file: Option<JobFile>,
    problem: Option<JobProblem>,
    version: u64,
    created_at: Timestamp,
    created_by: String,
    updated_at: Timestamp,
}

impl JobView {
    pub fn of(job: JobSummary<UsageJobs>, file: Option<JobFile>) -> JobView {
        JobView {
            left: job.left(),
            id: job.id,
            kind: job.kind,
            state: match job.status {
                JobStatus::Queued => JobState::Queued,
                JobStatus::Running => JobState::Running,
                JobStatus::Completed => JobState::Succeeded,
                JobStatus::Failed | JobStatus::Cancelled => JobState::Failed,
            },
            category_code: job.details.category_code,
            done: job.done,
            rows: job.details.rows,
            file,
            problem: job.problem,
            version: job.version,
            created_at: job.created_at,
            created_by: job.created_by,
            updated_at: job.updated_at,
        }
    }
}

impl Representation for JobView {
    fn version(&self) -> u64 {
        self.version
    }

    fn location(&self) -> String {
        format!("/api/v1/usage/jobs/{}", self.id)
    }
}

/// List jobs
///
/// Newest first, until 30 days after their end. One query of an index.
#[utoipa::path(get, path = "/api/v1/usage/jobs", tag = "Jobs")]
pub async fn job_list(
    caller: Allowed<ReportRead>,
    State(app): State<UsageTracking>,
    listing: Listing<NoFilters>,
) -> Answered<Listed<JobView>> {
    let query = Query::index(Index::Gsi2, jobs_of::<UsageJobs>(&caller.tenant())).descending(true);
    let now = app.usage.store.clock().now();
    let admit = |item: &RawItem| {
        let job = JobSummary::<UsageJobs>::of(item)?;
        Ok((!job.is_expired(now)).then(|| JobView::of(job, None)))
    };
    let (limit, from) = (listing.limit, listing.from.as_ref());
    let page = app.usage.store.filtered_page(&query, limit, from, false, admit).await?;
    Ok(listing.page(page.items, page.next).await?)
}

/// Read a job
///
/// Strongly consistent. Ask every few seconds until its state is succeeded or failed. An export
/// that has succeeded has a link to its file. One read.
#[utoipa::path(get, path = "/api/v1/usage/jobs/{jobId}", tag = "Jobs")]
pub async fn job_get(
    caller: Allowed<ReportRead>,
    State(app): State<UsageTracking>,
    PathParameter((id,)): PathParameter<(JobId,)>,
) -> Answered<Versioned<JobView>> {
    let tenant = caller.tenant();
    let head = JobHead::<UsageJobs>::read(&app.usage.store, &tenant, id).await?;
    // What an export holds is more than a member may see.
    let file = match caller.may::<crate::permissions::ExportCreate>() {
        true => file_of(&app, &tenant, &head)?,
        false => None,
    };
    Ok(Versioned(JobView::of(head.summary, file)))
}

fn file_of(
    app: &UsageTracking,
    tenant: &Tenant,
    head: &JobHead<UsageJobs>,
) -> Result<Option<JobFile>> {
    let Some(result) = &head.result else { return Ok(None) };
    let Some(ended) = head.summary.finished_at else { return Ok(None) };
    let expires_at = ended.plus(Duration::from_secs(u64::from(EXPORTS.keep_days) * 24 * 3_600));
    if head.summary.status != JobStatus::Completed || expires_at <= app.usage.store.clock().now() {
        return Ok(None);
    }
    let link =
        app.files.download_link(&export_key(tenant, head.summary.id), &result.file_name, LINK)?;
    let rows = head.summary.details.rows;
    Ok(Some(JobFile { url: link.url, bytes: result.size_bytes, rows, expires_at }))
}
