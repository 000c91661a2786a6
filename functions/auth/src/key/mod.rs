//! API keys (specs auth, section 5.10): personal ones, those of all members, those of the
//! organization.

mod create;
mod input;
mod manage;
pub mod member;
pub mod personal;
mod rotate;
pub mod service;
mod view;
mod withdraw;

use millwright_access::api_keys::{KeyId, KeyRecord};
use millwright_core::{Error, Result, Tenant};
use millwright_store::Store;

pub use manage::revoke_personal_keys;
pub use view::{KeyStatus, KeyView, status_of};
pub use withdraw::{Withdrawal, kind_of, withdraw};

/// The keys a caller deals with.
pub use crate::store::Owner;

/// A key of the organization and of that owner. One GetItem.
///
/// # Errors
/// `not_found`, also for somebody else's.
async fn found(store: &Store, organization: &Tenant, owner: Owner, id: KeyId) -> Result<KeyRecord> {
    let record: Option<KeyRecord> = store.get(&id.place()).await?;
    let is_owners = |record: &KeyRecord| match owner {
        Owner::Person(user) => record.summary.user_id == Some(user),
        Owner::Organization => record.summary.user_id.is_none(),
    };
    record
        .filter(|it| Some(it.summary.organization_id) == organization.organization())
        .filter(|it| it.summary.id == id && is_owners(it))
        .ok_or_else(|| Error::not_found("key"))
}
