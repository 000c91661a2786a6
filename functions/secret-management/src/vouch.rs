//! Who vouches for a tenant where nobody asks: the index of what is due names organizations, and
//! only this service writes it.

#![allow(clippy::disallowed_methods, reason = "the sweep works for every organization")]

use millwright_core::{OrgId, Tenant, Voucher};

/// An organization of which something is due.
pub fn due(organization: OrgId) -> Tenant {
    Tenant::vouched(organization, Voucher::Event)
}

/// What the sweep finds due is nobody's in particular.
pub fn installation() -> Tenant {
    Tenant::installation(Voucher::Event)
}
