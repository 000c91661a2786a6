//! Who vouches for a tenant where nobody asks: the index of what is open names organizations, and
//! only this service writes it.

#![allow(clippy::disallowed_methods, reason = "the sweep works for every organization")]

use millwright_core::{Error, Result, Tenant, Voucher};
use millwright_store::RawItem;

/// The organization of an item that an index of all organizations has shown.
///
/// # Errors
/// `internal`: it is nobody's.
pub fn of_item(item: &RawItem) -> Result<Tenant> {
    let organization = item.partition_key().split('#').nth(1).and_then(|id| id.parse().ok());
    let organization = organization.ok_or_else(|| Error::internal("an item of nobody"))?;
    Ok(Tenant::vouched(organization, Voucher::Event))
}
