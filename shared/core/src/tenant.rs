//! The tenant: whose data it is, vouched for by somebody.

use std::fmt;

use uuid::Uuid;

use crate::{OrgId, UserId};

/// The organization of what is the platform's own. Ids are made of times: no other one is like it,
/// and no token is ever issued for it.
pub const PLATFORM: OrgId = OrgId::from_uuid(Uuid::nil());

/// Whose data may be read or written: an organization's, or one person's own, or the
/// installation's. Keys of stored items can only be built from it, so a query without a tenant does
/// not compile; and as keys begin with it, a query for one tenant never meets data of another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tenant(Owner);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Owner {
    Organization(OrgId),
    Person(UserId),
    Installation,
}

/// Who vouches that work is done on behalf of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voucher {
    /// A credential that was verified.
    Credential,
    /// A membership or invitation that was read for a signed-in user.
    Membership,
    /// A platform operator.
    Operator,
    /// An event, job or schedule of our own.
    Event,
    /// A test.
    Test,
}

impl Tenant {
    /// Only the verifier, the event inbox, the directory of memberships and the test kit call this
    /// (`clippy.toml` sees to it).
    pub fn vouched(organization: OrgId, _by: Voucher) -> Tenant {
        Tenant(Owner::Organization(organization))
    }

    /// What belongs to a person and to no organization: sign-ins, profile, preferences.
    pub fn person(user: UserId, _by: Voucher) -> Tenant {
        Tenant(Owner::Person(user))
    }

    /// What belongs to nobody: keys that rotate, sweeps, events without an organization.
    pub fn installation(_by: Voucher) -> Tenant {
        Tenant(Owner::Installation)
    }

    pub fn organization(&self) -> Option<OrgId> {
        match self.0 {
            Owner::Organization(organization) => Some(organization),
            Owner::Person(_) | Owner::Installation => None,
        }
    }

    pub fn user(&self) -> Option<UserId> {
        match self.0 {
            Owner::Person(user) => Some(user),
            Owner::Organization(_) | Owner::Installation => None,
        }
    }
}

/// Its id: `org_…`, `usr_…`, `installation`.
impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Owner::Organization(organization) => organization.fmt(f),
            Owner::Person(user) => user.fmt(f),
            Owner::Installation => f.write_str("installation"),
        }
    }
}

impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
