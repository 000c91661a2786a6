//! The caller, as far as a verified credential tells.

use millwright_core::{Tenant, Timestamp};

use crate::{Pattern, SystemRole};

/// What the credential grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grants {
    /// A built-in role: expanded by the permissions' own lists.
    Role(SystemRole),
    /// A custom role or a key: its patterns.
    Patterns(Vec<Pattern>),
    /// No organization, no rights in one.
    Nothing,
}

/// Versions of the access facts a token was issued from (claim `fv`), compared with the
/// revocation feed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FactVersions {
    pub user: u64,
    pub organization: u64,
    pub membership: u64,
    pub role: u64,
}

/// A verified caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// `usr_…` or `svk_…`: the actor of audit entries.
    pub subject: String,
    /// The organization the credential is for, if any.
    pub tenant: Option<Tenant>,
    /// The role's name or id as in the token, for logs.
    pub role: Option<String>,
    pub grants: Grants,
    pub client_id: String,
    pub session_id: Option<String>,
    pub key_id: Option<String>,
    /// The platform operator: never a member of an organization by that.
    pub is_operator: bool,
    pub fact_versions: FactVersions,
    /// Time of the last sign-in; none for keys.
    pub signed_in_at: Option<Timestamp>,
    pub token_id: String,
    pub expires_at: Timestamp,
}
