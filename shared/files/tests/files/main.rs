//! Files against a real S3 implementation, which verifies signatures and checksums.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "tests vouch for their tenants")]

mod calls;
mod links;

use millwright_core::{Id, OrgId, Tenant, Voucher};
use millwright_files::{FileKey, Folder};
use uuid::Uuid;

millwright_core::id! {
    UploadId = Upload("upl");
}

const UPLOADS: Folder = Folder { name: "uploads", keep_days: 7 };

fn tenant(number: u128) -> Tenant {
    Tenant::vouched(OrgId::from_uuid(Uuid::from_u128(number)), Voucher::Test)
}

fn key(number: u128) -> FileKey {
    FileKey::of::<Upload>(&tenant(1), &UPLOADS, Id::from_uuid(Uuid::from_u128(number)))
}
