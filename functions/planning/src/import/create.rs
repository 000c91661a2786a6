//! Asking for an import.

use axum::extract::State;
use millwright_core::{FaultCode, Result, Tenant};
use millwright_http::{Accepted, Allowed, Answered, Caller, Submission};
use serde::{Deserialize, Serialize};

use crate::{
    app::{Planning, check_writable},
    domain::{Job, JobKind, UploadId},
    job::NewJob,
    permissions::TaskImport,
    store::{UploadItem, upload_key},
    transfer::{ImportContent, ImportIn, ImportOptions, OnConflict},
};

/// What the worker is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportOrder {
    pub options: ImportOptions,
    pub on_conflict: OnConflict,
    pub dry_run: bool,
}

/// Import tasks
///
/// From a file that was uploaded, or given here if it has at most 1 MB. Every row is a task of the
/// project, known again by its external id in `source`: the same file twice changes nothing. A bad
/// row fails for itself. Follow the job that `Location` names: its progress, and what became of
/// each row. At most five imports of an organization at once. One or two reads and one transaction
/// of at most eight items; a file given here is stored first.
#[utoipa::path(post, path = "/api/v1/planning/imports", tag = "Import and export")]
pub async fn import_create(
    caller: Allowed<TaskImport>,
    State(planning): State<Planning>,
    submission: Submission<ImportIn>,
) -> Answered<Accepted<Job>> {
    let (submission, input) = submission.take();
    let request = input.into_request()?;
    let tenant = caller.tenant();
    check_writable(&planning.project_head(&tenant, request.project_id).await?)?;
    let upload = store_content(&planning, &caller, &tenant, request.content).await?;
    let order = ImportOrder {
        options: request.options,
        on_conflict: request.on_conflict,
        dry_run: request.dry_run,
    };
    let new = NewJob {
        kind: JobKind::TaskImport,
        project_id: request.project_id,
        subject_id: request.project_id.to_string(),
        upload: Some(upload),
        request: order,
    };
    let mut write = submission.write(&planning.store, &caller);
    let job = new.start(&mut write, caller.actor())?;
    Ok(write.commit(Accepted(job)).await?)
}

/// The upload that holds the file; one is made of a file in the request, so that the worker knows
/// one way only.
async fn store_content(
    planning: &Planning,
    caller: &Caller,
    tenant: &Tenant,
    content: ImportContent,
) -> Result<UploadId> {
    match content {
        ImportContent::Upload(id) => {
            let item: Option<UploadItem> =
                planning.store.get(&UploadItem::place(tenant, id)).await?;
            // An upload is its maker's: nobody else learns of it.
            let mine = item.filter(|item| item.upload.created_by == caller.actor());
            mine.map(|item| item.upload.id).ok_or_else(|| {
                let detail = "there is no such upload of yours";
                millwright_core::Error::fault("/uploadId", FaultCode::UnknownReference, detail)
            })
        }
        ImportContent::Inline(content) => {
            let id: UploadId = planning.store.ids().next();
            let bytes = content.into_bytes();
            let key = upload_key(tenant, id);
            planning.files().put(&key, "application/octet-stream", bytes).await?;
            Ok(id)
        }
    }
}
