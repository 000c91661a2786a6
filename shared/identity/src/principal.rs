//! The caller, as far as a verified credential tells.

use millwright_core::{Tenant, Timestamp, UserId, Voucher};

use crate::{Pattern, SystemRole};

/// What the credential grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grants {
    /// A built-in role: expanded by the permissions' own lists.
    Role(SystemRole),
    /// A custom role or a key: its patterns.
    Patterns(Vec<Pattern>),
    /// A personal key: what its owner's role grants, as far as the key's scopes go.
    Scoped { role: Box<Grants>, scopes: Vec<Pattern> },
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

impl Principal {
    /// The user, if it is one: a service key and a service are none.
    pub fn user(&self) -> Option<UserId> {
        self.subject.parse().ok()
    }

    /// What belongs to the user alone, whatever the organization.
    #[allow(clippy::disallowed_methods, reason = "a verified credential vouches for its user")]
    pub fn person(&self) -> Option<Tenant> {
        self.user().map(|user| Tenant::person(user, Voucher::Credential))
    }

    /// A service of the installation that calls for itself: what it may do is in the permissions.
    pub fn service(name: String, tenant: Tenant) -> Principal {
        Principal {
            client_id: name.clone(),
            subject: name,
            tenant: Some(tenant),
            role: None,
            grants: Grants::Nothing,
            session_id: None,
            key_id: None,
            is_operator: false,
            fact_versions: FactVersions::default(),
            signed_in_at: None,
            token_id: String::new(),
            expires_at: Timestamp::UNIX_EPOCH,
        }
    }
}
