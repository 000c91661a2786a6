//! Exports of what is kept of a person or an organization.

use std::{collections::BTreeMap, time::Duration};

use millwright_core::{Error, Result, Timestamp, wire_enum};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::codes;

millwright_core::id! {
    /// A data export.
    DataExportId = DataExportNoun("dex");
}

wire_enum! {
    /// Whose data it is.
    pub enum ExportScope {
        User = "user",
        Organization = "organization",
    }
}

wire_enum! {
    /// How far an export is; an expired one has no file any more.
    pub enum ExportStatus {
        Queued = "queued",
        Running = "running",
        Completed = "completed",
        Failed = "failed",
        Expired = "expired",
    }
}

wire_enum! {
    /// What the files in the archive are.
    pub enum ExportFormat {
        Json = "json",
    }
}

wire_enum! {
    /// What became of the data of one service.
    pub enum PartStatus {
        Pending = "pending",
        Completed = "completed",
        Failed = "failed",
    }
}

/// By service.
pub type Parts = BTreeMap<String, PartStatus>;

/// How long the file of an export can be downloaded.
pub const EXPORT_KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long after an export there is no other.
const EXPORT_INTERVAL: Duration = Duration::from_secs(24 * 3600);

/// What an export came to, as its job tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExportDetails {
    pub parts: Parts,
    /// Of the archive.
    pub size_bytes: Option<u64>,
}

/// An export of data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "id": "dex_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "scope": "user",
    "status": "completed",
    "format": "json",
    "sizeBytes": 48_213,
    "downloadUrl": "https://bucket.s3.eu-central-1.amazonaws.com/exports/usr_01jdz7xk2nf5h9vq3w8c6m4t0b/dex_01jdz7xk2nf5h9vq3w8c6m4t0b?X-Amz-Signature=…",
    "expiresAt": "2026-11-30T01:04:58.000Z",
    "parts": { "auth": "completed", "user-management": "completed" },
    "version": 12,
    "createdAt": "2026-11-23T01:04:58.000Z",
    "createdBy": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b",
    "updatedAt": "2026-11-23T01:05:13.000Z",
}))]
pub struct DataExport {
    pub id: DataExportId,
    pub scope: ExportScope,
    pub status: ExportStatus,
    pub format: ExportFormat,
    /// Of the archive, once completed.
    pub size_bytes: Option<u64>,
    /// The archive, for 15 minutes and whoever knows it; only while completed, and never in lists.
    pub download_url: Option<String>,
    /// When the archive goes: seven days after the end.
    pub expires_at: Option<Timestamp>,
    /// What became of the data of each service: `pending`, `completed` or `failed`. A part that
    /// failed is in the archive as far as it was read.
    #[schema(value_type = BTreeMap<String, String>)]
    pub parts: Parts,
    pub version: u64,
    pub created_at: Timestamp,
    pub created_by: String,
    pub updated_at: Timestamp,
}

/// When the last export was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LastExport {
    pub asked_at: Timestamp,
}

impl LastExport {
    /// # Errors
    /// `export_too_soon`, with `nextAllowedAt`.
    pub fn check(&self, now: Timestamp) -> Result<()> {
        let next = self.asked_at.plus(EXPORT_INTERVAL);
        if now >= next {
            return Ok(());
        }
        let detail = "there is one export in 24 hours";
        let refused = Error::new(codes::EXPORT_TOO_SOON, detail);
        Err(refused.with("nextAllowedAt", next.to_string()).retry_after(next.since(now)))
    }

    /// Nothing keeps it longer.
    pub fn forgotten_at(&self) -> Timestamp {
        self.asked_at.plus(2 * EXPORT_INTERVAL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_lies_between_two_exports() {
        let at = |seconds| Timestamp::UNIX_EPOCH.plus(Duration::from_secs(seconds));
        let last = LastExport { asked_at: at(0) };
        assert!(last.check(at(86_399)).expect_err("too soon").is(codes::EXPORT_TOO_SOON));
        last.check(at(86_400)).expect("a day later");
    }
}
