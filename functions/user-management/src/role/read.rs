//! Reading roles.

use axum::extract::State;
use deserr::Deserr;
use millwright_access::facts::RoleStatus;
use millwright_core::{Faults, OrgId, Result, RoleId};
use millwright_http::{Allowed, Answered, Flag, Parameters, PathParameter, Plain, Versioned};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::find_role;
use crate::{
    app::UserManagement,
    domain::{Role, fold},
    permissions::RoleRead,
    store::{RoleItem, roles_of},
    vouch,
};

/// Every role an organization may have.
const MAX_ROLES: usize = 100;

/// Filters of the roles.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct RoleFilters {
    #[deserr(default)]
    #[param(inline)]
    status: Option<RoleStatus>,
    /// True for the built-in ones, false for the others.
    #[deserr(default)]
    #[param(inline)]
    system: Option<Flag>,
}

/// All of them at once: there are at most 54.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Roles {
    items: Vec<Role>,
    /// Always null.
    next_cursor: Option<String>,
}

/// List roles
///
/// The built-in ones by rank, then the others by name; not paged. One query.
#[utoipa::path(get, path = "/api/v1/organizations/{organizationId}/roles", tag = "Roles")]
pub async fn role_list(
    caller: Allowed<RoleRead>,
    State(app): State<UserManagement>,
    PathParameter((id,)): PathParameter<(OrgId,)>,
    Parameters(filters): Parameters<RoleFilters>,
) -> Answered<Plain<Roles>> {
    let tenant = vouch::own(&caller, id)?;
    let items = app.store.collect(&roles_of(&tenant), MAX_ROLES).await?;
    let roles: Result<Vec<RoleItem>> = items.iter().map(|item| item.decode()).collect();
    let mut roles: Vec<Role> = roles?.iter().map(|role| role.role(id, app.catalogue)).collect();
    roles.retain(|role| {
        filters.status.is_none_or(|status| role.status == status)
            && filters.system.is_none_or(|Flag(system)| role.system_key.is_some() == system)
    });
    // The built-in ones are declared by rank, and a custom one has none.
    roles.sort_by_key(|role| (role.system_key.is_none(), role.system_key, fold(&role.name)));
    Ok(Plain(Roles { items: roles, next_cursor: None }))
}

/// Read a role
///
/// One read.
#[utoipa::path(get, path = "/api/v1/organizations/{organizationId}/roles/{roleId}", tag = "Roles")]
pub async fn role_get(
    caller: Allowed<RoleRead>,
    State(app): State<UserManagement>,
    PathParameter((id, role)): PathParameter<(OrgId, RoleId)>,
) -> Answered<Versioned<Role>> {
    let tenant = vouch::own(&caller, id)?;
    Ok(Versioned(find_role(&app, &tenant, role).await?.role(id, app.catalogue)))
}
