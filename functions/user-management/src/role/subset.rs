//! The subset rule: nobody hands on what they do not hold, and only owners touch owners.

use millwright_access::facts::{RoleFacts, RoleStatus};
use millwright_core::{Error, Result, RoleId, Tenant};
use millwright_http::Caller;
use millwright_identity::{Catalogue, Grants, Pattern, Requires, SystemRole};

use crate::{app::UserManagement, codes, store::RoleItem};

/// What a role comes to, whoever holds it.
#[derive(Clone, Debug)]
pub enum Held {
    System(SystemRole),
    Patterns(Vec<Pattern>),
}

impl Held {
    pub fn of(role: &RoleItem) -> Held {
        match (role.system_key, role.facts.grants()) {
            (Some(system), _) => Held::System(system),
            (None, Grants::Patterns(patterns)) => Held::Patterns(patterns),
            (None, _) => Held::Patterns(Vec::new()),
        }
    }

    fn is_covered(&self, catalogue: Catalogue<'_>, grants: &Grants) -> bool {
        match self {
            Held::System(role) => grants.cover_role(*role, catalogue),
            Held::Patterns(patterns) => {
                patterns.iter().all(|pattern| grants.cover(pattern, catalogue))
            }
        }
    }

    /// Who holds these grants may give it.
    pub fn may_be_given(&self, grants: &Grants, catalogue: Catalogue<'_>) -> bool {
        let is_owners = matches!(self, Held::System(SystemRole::Owner));
        (!is_owners || *grants == Grants::Role(SystemRole::Owner))
            && self.is_covered(catalogue, grants)
    }

    /// The caller may give, take or act on it.
    ///
    /// # Errors
    /// `owner_only`, `exceeds_own_permissions`, recorded as denials of `P`.
    pub async fn require<P: Requires>(&self, app: &UserManagement, caller: &Caller) -> Result<()> {
        let is_owners = matches!(self, Held::System(SystemRole::Owner));
        if is_owners && caller.principal.grants != Grants::Role(SystemRole::Owner) {
            let detail = "only owners act on owners";
            return Err(caller.deny_as::<P>(codes::OWNER_ONLY, detail).await);
        }
        if !self.is_covered(app.catalogue, &caller.principal.grants) {
            let detail = "the role grants what you do not hold";
            return Err(caller.deny_as::<P>(codes::EXCEEDS_OWN_PERMISSIONS, detail).await);
        }
        Ok(())
    }
}

/// One GetItem.
///
/// # Errors
/// `not_found`.
pub async fn find_role(app: &UserManagement, tenant: &Tenant, role: RoleId) -> Result<RoleItem> {
    let found: Option<RoleItem> = app.store.get(&RoleFacts::place(tenant, role)).await?;
    found.ok_or_else(|| Error::not_found("role"))
}

/// The role can be given, by this caller.
///
/// # Errors
/// `role_archived`, `owner_only`, `exceeds_own_permissions`.
pub async fn require_assignable<P: Requires>(
    app: &UserManagement,
    caller: &Caller,
    role: &RoleItem,
) -> Result<()> {
    Held::of(role).require::<P>(app, caller).await?;
    match role.facts.status {
        RoleStatus::Active => Ok(()),
        RoleStatus::Archived => {
            Err(Error::new(codes::ROLE_ARCHIVED, "an archived role cannot be given"))
        }
    }
}
