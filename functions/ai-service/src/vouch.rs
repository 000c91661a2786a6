//! Who vouches for a tenant where nobody asks: the index of what is open names organizations, and
//! only this service writes it.

#![allow(clippy::disallowed_methods, reason = "the sweep works for every organization")]

use millwright_core::{OrgId, Tenant, Voucher};

/// An organization of which a completion is open.
pub fn open(organization: OrgId) -> Tenant {
    Tenant::vouched(organization, Voucher::Event)
}
