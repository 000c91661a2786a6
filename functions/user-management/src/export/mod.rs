//! Exports of data: everything that is kept of a person, or of an organization, as one archive.

mod archive;
mod auth;
mod create;
mod pages;
mod read;
mod sections;
mod work;

pub mod handlers {
    //! Where the table of contents finds them.
    pub use super::{create::*, read::*};
}

pub use auth::{AuthData, AuthPage, InvokedAuth};
pub use work::{Exporting, works};

use std::time::Duration;

use millwright_core::{Error, Result, Tenant, Timestamp, UserId};
use millwright_event::Effects;
use millwright_files::{FileKey, Folder};
use millwright_http::Representation;
use millwright_job::{JobStatus, JobSummary, Jobs};
use millwright_store::{Condition, Item, Key, Partition, Transaction};

use crate::{
    domain::{
        DataExport, DataExportId, DataExportNoun, EXPORT_KEPT, ExportDetails, ExportFormat,
        ExportScope, ExportStatus, LastExport, PartStatus,
    },
    events::{DataExportData, OrganizationExportCompleted, UserExportCompleted},
    work::JOBS,
};

/// The archives, for download.
pub const EXPORTS: Folder = Folder { name: "exports", keep_days: 7 };
/// What archives are made of; gone as soon as they are.
pub const PIECES: Folder = Folder { name: "pieces", keep_days: 1 };

/// Where the archive of an export lies.
fn archive_key(tenant: &Tenant, id: DataExportId) -> FileKey {
    FileKey::of(tenant, &EXPORTS, id)
}

/// Where a piece lies, which is called as an export would be.
fn piece_key(tenant: &Tenant, id: DataExportId) -> FileKey {
    FileKey::of(tenant, &PIECES, id)
}

/// The exports: of a person, or of an organization.
#[derive(Clone, Debug, PartialEq)]
pub struct Exports;

impl Jobs for Exports {
    type Noun = DataExportNoun;
    type Kind = ExportScope;
    type Details = ExportDetails;
    type Extra = ();
    const SERVICE: &'static str = "user-management";
    const FUNCTION: &'static str = JOBS;
    const SLICE_DUE: &'static str = "users.data_export.slice_due";
    const PARTITION: &'static str = "EXPORT";
    // Longer than the file, so that an export is seen to have expired.
    const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

    fn ending(effects: &mut Effects, job: &JobSummary<Exports>) -> Result<()> {
        let user_id: Option<UserId> = job.created_by.parse().ok();
        let data = DataExportData { export_id: job.id, user_id };
        match (job.status, job.kind) {
            (JobStatus::Completed, ExportScope::User) => effects.emit(&UserExportCompleted(data)),
            (JobStatus::Completed, ExportScope::Organization) => {
                effects.emit(&OrganizationExportCompleted(data))
            }
            // Who got nothing may ask again at once.
            _ => {
                LastExport::forget(effects);
                Ok(())
            }
        }
    }
}

impl DataExport {
    fn of(job: JobSummary<Exports>, now: Timestamp) -> DataExport {
        let expires_at = match job.status {
            JobStatus::Completed => job.finished_at.map(|at| at.plus(EXPORT_KEPT)),
            _ => None,
        };
        let status = match job.status {
            JobStatus::Queued => ExportStatus::Queued,
            JobStatus::Running => ExportStatus::Running,
            JobStatus::Completed if expires_at.is_some_and(|at| at <= now) => ExportStatus::Expired,
            JobStatus::Completed => ExportStatus::Completed,
            JobStatus::Failed | JobStatus::Cancelled => ExportStatus::Failed,
        };
        DataExport {
            id: job.id,
            scope: job.kind,
            status,
            format: ExportFormat::Json,
            size_bytes: job.details.size_bytes,
            download_url: None,
            expires_at,
            parts: job.details.parts,
            version: job.version,
            created_at: job.created_at,
            created_by: job.created_by,
            updated_at: job.updated_at,
        }
    }
}

/// An export that was asked for, and where to follow it.
#[derive(Clone, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct AskedExport {
    #[serde(flatten)]
    export: DataExport,
    #[serde(skip)]
    location: String,
}

impl Representation for AskedExport {
    fn version(&self) -> u64 {
        self.export.version
    }

    fn location(&self) -> String {
        self.location.clone()
    }
}

impl LastExport {
    fn place(tenant: &Tenant) -> Key {
        Partition::of(tenant).at("LASTEXPORT")
    }

    /// One GetItem.
    ///
    /// # Errors
    /// `export_too_soon`.
    async fn read(store: &millwright_store::Store, tenant: &Tenant) -> Result<Option<LastExport>> {
        let last: Option<LastExport> = store.get(&LastExport::place(tenant)).await?;
        if let Some(last) = &last {
            last.check(store.clock().now())?;
        }
        Ok(last)
    }

    /// In the place of the one that was read. One item; refused as a lost race.
    fn succeed(self, transaction: &mut Transaction, before: Option<LastExport>) {
        let unchanged = match before {
            Some(before) => Condition::default().equals("askedAt", before.asked_at),
            None => Condition::absent(),
        };
        let step = transaction.put_when(&self, unchanged);
        transaction.refused_as(step, Error::lost_race());
    }

    /// One item.
    pub fn forget(transaction: &mut Transaction) {
        let place = LastExport::place(transaction.tenant());
        transaction.delete(&place);
    }
}

impl Item for LastExport {
    const KIND: &'static str = "last_export";

    fn key(&self, tenant: &Tenant) -> Key {
        LastExport::place(tenant)
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        Some(self.forgotten_at())
    }
}

/// The parts of an export before anything is read.
fn pending(scope: ExportScope) -> crate::domain::Parts {
    let parts = sections::of(scope).iter().map(|section| section.part());
    parts.map(|part| (part.to_owned(), PartStatus::Pending)).collect()
}
