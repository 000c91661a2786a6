//! Cancelling a job.

use axum::extract::State;
use millwright_http::{Accepted, Allowed, Answered, Empty, PathParameter, Submission};
use millwright_store::Contention;

use super::job_head;
use crate::{
    app::Planning,
    domain::{Job, JobId},
    permissions::{JobCreate, JobDelete},
};

/// Cancel a job
///
/// One's own, or any with the permission to delete jobs. What it has done stays; what it is doing
/// at this moment is discarded. One read and one transaction of at most seven items.
#[utoipa::path(post, path = "/api/v1/planning/jobs/{id}/cancel", tag = "Jobs")]
pub async fn job_cancel(
    caller: Allowed<JobCreate>,
    State(planning): State<Planning>,
    PathParameter((id,)): PathParameter<(JobId,)>,
    submission: Submission<Empty>,
) -> Answered<Accepted<Job>> {
    let tenant = caller.tenant();
    let attempt = || async {
        let head = job_head(&planning, &tenant, id).await?;
        if head.summary.created_by != caller.actor() && !caller.may::<JobDelete>() {
            let detail = "only its creator, or who may delete jobs, cancels a job";
            return Err(caller.deny::<JobDelete>(detail).await);
        }
        let mut write = submission.write(&planning.store, &caller);
        let ended = head.cancel(&mut write, caller.actor())?;
        write.commit(Accepted(Job::of(ended))).await
    };
    Ok(Contention::new(&planning.store).settle(&planning.store, attempt).await?)
}
