//! Uploads: the item, and where the file lies.

use std::time::Duration;

use millwright_core::{Tenant, Timestamp};
use millwright_files::{FileKey, Folder};
use millwright_store::{Item, Key, Partition};
use serde::{Deserialize, Serialize};

use crate::domain::{Upload, UploadId};

/// What people send, and what the API puts there for its worker.
pub const UPLOADS: Folder = Folder { name: "uploads", keep_days: 7 };

/// Where the file of an upload lies, once it was sent.
pub fn upload_key(tenant: &Tenant, id: UploadId) -> FileKey {
    FileKey::of(tenant, &UPLOADS, id)
}

/// A stored upload.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UploadItem {
    pub upload: Upload,
}

impl UploadItem {
    pub fn place(tenant: &Tenant, id: UploadId) -> Key {
        Partition::of(tenant).and("UPL").and(id).at("HEAD")
    }
}

impl Item for UploadItem {
    const KIND: &'static str = "upload";

    fn key(&self, tenant: &Tenant) -> Key {
        UploadItem::place(tenant, self.upload.id)
    }

    /// With the file.
    fn time_to_live(&self) -> Option<Timestamp> {
        let days = u64::from(UPLOADS.keep_days);
        Some(self.upload.created_at.plus(Duration::from_secs(days * 24 * 3600)))
    }
}
