//! Files of jobs.

use millwright_core::Tenant;
use millwright_files::{FileKey, Folder};

use crate::domain::JobId;

/// What exports have written; and their parts, while they are at it.
pub const EXPORTS: Folder = Folder { name: "exports", keep_days: 7 };

/// Where the file of a job lies.
pub fn export_key(tenant: &Tenant, id: JobId) -> FileKey {
    FileKey::of(tenant, &EXPORTS, id)
}
