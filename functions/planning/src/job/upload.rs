//! Uploads: a link to send a file by.

use std::collections::BTreeMap;

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Fault, FaultCode, Faults, Result, Timestamp};
use millwright_files::Promise;
use millwright_http::{Allowed, Answered, Body, Created, Representation};
use serde::Serialize;
use utoipa::ToSchema;

use super::read::LINK;
use crate::{
    app::Planning,
    domain::{FileName, MAX_UPLOAD_BYTES, MediaType, Sha256, Upload, UploadId},
    permissions::JobCreate,
    store::{UploadItem, upload_key},
};

/// A file to be sent.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "fileName": "backlog.csv",
    "contentType": "text/csv",
    "sizeBytes": 48213,
    "sha256": "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9",
}))]
pub struct UploadIn {
    file_name: FileName,
    /// Sent again as `Content-Type`.
    content_type: MediaType,
    #[schema(minimum = 1, maximum = 52_428_800)]
    size_bytes: u64,
    /// Of the bytes of the file; storage refuses others.
    sha256: Sha256,
}

impl UploadIn {
    fn check(&self) -> Result<()> {
        let fault =
            |code, detail: String| Err(Faults::of(Fault::new("/sizeBytes", code, detail)).into());
        match self.size_bytes {
            0 => fault(FaultCode::TooSmall, "must be at least 1".to_owned()),
            1..=MAX_UPLOAD_BYTES => Ok(()),
            _ => fault(FaultCode::TooLarge, format!("must be at most {MAX_UPLOAD_BYTES}")),
        }
    }
}

/// Where to send a file, and how.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "upl_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "uploadUrl": "https://bucket.s3.eu-central-1.amazonaws.com/uploads/org_01jdbx07tefgx8m4avw9vx1701/upl_01jdz7xk2nf5h9vq3w8c6m4t0b?X-Amz-Signature=…",
    "headers": {
        "content-length": "48213",
        "content-type": "text/csv",
        "x-amz-checksum-sha256": "uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=",
    },
    "expiresAt": "2026-11-23T01:19:58.000Z",
}))]
pub struct UploadLink {
    /// Operations that take a file take it as `uploadId`, for 7 days.
    id: UploadId,
    /// `PUT` the bytes here; whoever knows it can.
    upload_url: String,
    /// To be sent with the bytes, exactly.
    headers: BTreeMap<String, String>,
    /// In 15 minutes.
    expires_at: Timestamp,
}

impl Representation for UploadLink {
    fn version(&self) -> u64 {
        1
    }

    fn location(&self) -> String {
        format!("/api/v1/planning/uploads/{}", self.id)
    }

    fn can_be_read(&self) -> bool {
        false
    }
}

/// Create an upload
///
/// A link to send one file by, good for 15 minutes and for exactly the bytes whose length and
/// checksum are given. The link is a secret: an `Idempotency-Key` is not honoured here, and an
/// upload that is made twice does no harm. One transaction of one item.
#[utoipa::path(post, path = "/api/v1/planning/uploads", tag = "Jobs")]
pub async fn upload_create(
    caller: Allowed<JobCreate>,
    State(planning): State<Planning>,
    Body(input): Body<UploadIn>,
) -> Answered<Created<UploadLink>> {
    input.check()?;
    let (tenant, stamp) = (caller.tenant(), planning.stamp(&caller));
    let upload = Upload {
        id: planning.store.ids().next(),
        file_name: input.file_name,
        content_type: input.content_type,
        size_bytes: input.size_bytes,
        sha256: input.sha256,
        created_at: stamp.at,
        created_by: stamp.by,
    };
    let promise = Promise {
        content_type: upload.content_type.to_string(),
        size_bytes: upload.size_bytes,
        sha256: upload.sha256.0,
    };
    let link = planning.files().upload_link(&upload_key(&tenant, upload.id), &promise, LINK)?;
    let mut write = caller.write(&planning.store);
    let id = upload.id;
    write.create(&UploadItem { upload });
    let answer =
        UploadLink { id, upload_url: link.url, headers: link.headers, expires_at: link.expires_at };
    Ok(write.commit(Created(answer)).await?)
}
