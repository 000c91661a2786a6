//! The tenant: an organization somebody vouched for.

use std::fmt;

use crate::OrgId;

/// An organization on whose behalf data may be read or written. Keys of stored items can only be
/// built from it, so a query without a tenant does not compile.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Tenant {
    organization: OrgId,
}

/// Who vouches that work is done on behalf of an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voucher {
    /// A credential that was verified.
    Credential,
    /// An event or job of our own bus and queues.
    Event,
    /// A test.
    Test,
}

impl Tenant {
    /// Only the verifier, the event inbox and the test kit call this (`clippy.toml` sees to it).
    pub fn vouched(organization: OrgId, _by: Voucher) -> Tenant {
        Tenant { organization }
    }

    pub fn organization(&self) -> OrgId {
        self.organization
    }
}

impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.organization)
    }
}
