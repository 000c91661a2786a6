//! Roles and permissions.

mod change;
mod create;
mod permissions;
mod read;
mod subset;

pub mod handlers {
    //! Where the table of contents finds them.
    pub use super::{change::*, create::*, permissions::*, read::*};
}

pub use subset::{Held, find_role, require_assignable};

use millwright_core::{Error, OrgId, Result};
use millwright_http::Representation;
use millwright_identity::{Catalogue, Pattern};

use crate::{
    codes,
    domain::{Patterns, Role, check_size, settled, system_codes},
    events::RoleData,
    store::RoleItem,
};

impl Representation for Role {
    fn version(&self) -> u64 {
        self.version
    }

    fn location(&self) -> String {
        format!("/api/v1/organizations/{}/roles/{}", self.organization_id, self.id)
    }

    fn can_be_read(&self) -> bool {
        false
    }
}

impl RoleItem {
    /// As it is answered.
    pub fn role(&self, organization_id: OrgId, catalogue: Catalogue<'_>) -> Role {
        let permissions = match self.system_key {
            Some(system) => system_codes(system, catalogue),
            None => self.facts.permissions.clone(),
        };
        let reaches_nothing = |text: &&String| {
            text.parse::<Pattern>().map_or(true, |pattern| pattern.reach(catalogue).is_empty())
        };
        Role {
            id: self.facts.role_id,
            organization_id,
            name: self.name.clone(),
            description: self.description.clone(),
            system_key: self.system_key,
            unknown_permissions: permissions.iter().filter(reaches_nothing).cloned().collect(),
            permissions,
            status: self.facts.status,
            member_count: self.member_count,
            version: self.version,
            created_at: self.created_at,
            created_by: self.created_by.clone(),
            updated_at: self.updated_at,
            updated_by: self.updated_by.clone(),
        }
    }
}

/// Patterns as they are stored.
///
/// # Errors
/// `unknown_permission`; `invalid_request` if they are too long together.
fn accept(patterns: &Patterns, catalogue: Catalogue<'_>) -> Result<Vec<Pattern>> {
    let settled = settled(patterns, catalogue).map_err(|unknown| {
        let detail = format!("no permission is called {}", unknown.join(", "));
        Error::new(codes::UNKNOWN_PERMISSION, detail).with("unknown", unknown)
    })?;
    check_size(&settled)?;
    Ok(settled)
}

/// What an event says of a change.
fn data(before: &[String], after: &RoleItem) -> RoleData {
    let only_in = |these: &[String], those: &[String]| {
        these.iter().filter(|it| !those.contains(it)).cloned().collect()
    };
    RoleData {
        role_id: after.facts.role_id,
        version: after.version,
        name: after.name.clone(),
        added_permissions: only_in(&after.facts.permissions, before),
        removed_permissions: only_in(before, &after.facts.permissions),
    }
}
