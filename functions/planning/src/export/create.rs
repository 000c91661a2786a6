//! Asking for an export.

use axum::extract::State;
use millwright_http::{Accepted, Allowed, Answered, Submission};
use serde::{Deserialize, Serialize};

use crate::{
    app::{Planning, check_writable},
    domain::{Job, JobKind, ProjectKey},
    job::NewJob,
    permissions::TaskRead,
    transfer::{ExportFormat, ExportIn},
};

/// What the worker is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExportOrder {
    pub key: ProjectKey,
    pub format: ExportFormat,
    pub comments: bool,
    pub history: bool,
}

/// Export the tasks of a project
///
/// As JSON Lines, which an import reads back without loss, or as CSV for spreadsheets. Deleted
/// tasks are left out. Follow the job that `Location` names, then download its result. At most
/// five exports of an organization at once, and 256 MB each. One read and one transaction of at
/// most eight items.
#[utoipa::path(post, path = "/api/v1/planning/exports", tag = "Import and export")]
pub async fn export_create(
    caller: Allowed<TaskRead>,
    State(planning): State<Planning>,
    submission: Submission<ExportIn>,
) -> Answered<Accepted<Job>> {
    let (submission, input) = submission.take();
    let request = input.into_request()?;
    let project = planning.project_head(&caller.tenant(), request.project_id).await?;
    check_writable(&project)?;
    let new = NewJob {
        kind: JobKind::TaskExport,
        project_id: project.id,
        subject_id: project.id.to_string(),
        upload: None,
        request: ExportOrder {
            key: project.key,
            format: request.format,
            comments: request.comments,
            history: request.history,
        },
    };
    let mut write = submission.write(&planning.store, &caller);
    let job = new.start(&mut write, caller.actor())?;
    Ok(write.commit(Accepted(job)).await?)
}
