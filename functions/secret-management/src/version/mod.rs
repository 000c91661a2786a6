//! Versions of values.

mod read;
mod state;
mod write;

pub mod handlers {
    //! Where the table of contents finds them.
    pub use super::{read::*, state::*, write::*};
}

use millwright_core::{Bounded, Error, Result, Tenant};
use millwright_http::Representation;
use millwright_store::Store;
use serde::Serialize;
use utoipa::ToSchema;

pub use self::{
    state::{Fate, meet},
    write::{Writing, check_expected, write_value},
};
use crate::{
    codes,
    domain::{Secret, SecretId, Stage, Version, VersionState},
    store::VersionItem,
};

/// The number of a version in a path.
pub type Number = Bounded<1, { u32::MAX }>;

/// A version, and the stages it stands at.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VersionView {
    #[serde(flatten)]
    version: Version,
    stages: Vec<Stage>,
    /// Of the record of the secret: its ETag.
    #[serde(skip)]
    record_version: u64,
}

impl VersionView {
    pub fn of(secret: &Secret, version: Version) -> VersionView {
        let stages = secret.stages(version.number);
        VersionView { version, stages, record_version: secret.version }
    }
}

impl Representation for VersionView {
    fn version(&self) -> u64 {
        self.record_version
    }

    fn location(&self) -> String {
        format!("/api/v1/secrets/{}/versions/{}", self.version.secret_id, self.version.number)
    }
}

/// One GetItem.
///
/// # Errors
/// `not_found`.
pub async fn find(
    store: &Store,
    tenant: &Tenant,
    secret: SecretId,
    number: u32,
) -> Result<VersionItem> {
    let found = store.get(&VersionItem::place(tenant, secret, number)).await?;
    found.ok_or_else(|| Error::not_found("version"))
}

/// # Errors
/// `version_destroyed`, `version_not_enabled`.
pub fn check_enabled(state: VersionState) -> Result<()> {
    match state {
        VersionState::Enabled => Ok(()),
        VersionState::Deleted => {
            Err(Error::new(codes::VERSION_NOT_ENABLED, "the version is deleted: restore it first"))
        }
        VersionState::Destroyed => Err(destroyed()),
    }
}

pub fn destroyed() -> Error {
    Error::new(codes::VERSION_DESTROYED, "the value of the version is gone for ever")
}
