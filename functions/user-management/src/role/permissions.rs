//! The catalogue of permissions, and who holds them why.

use axum::extract::State;
use deserr::Deserr;
use millwright_access::facts::{MembershipFacts, OrganizationFacts, RoleFacts, UserFacts};
use millwright_core::{
    Error, Faults, OrgId, Result, Tenant, UserId, codes as shared_codes, wire_enum,
};
use millwright_http::{
    Answered, Authenticated, Caller, Parameters, PathParameter, Plain, Representation, Submission,
    Versioned,
};
use millwright_identity::{Grantable, Grants, Permission, Reason, SystemRole};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::{
    app::UserManagement,
    codes,
    domain::{Explanation, Standing},
    permissions::RoleRead,
    vouch,
};

wire_enum! {
    /// Who can hold a permission at all.
    pub enum Holder {
        Role = "role",
        Service = "service",
        Operator = "operator",
    }
}

/// A permission of the installation.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PermissionEntry {
    /// `module.resource.action`.
    code: String,
    module: String,
    resource: String,
    action: String,
    summary: String,
    grantable: Holder,
    /// The built-in roles that hold it.
    default_roles: Vec<SystemRole>,
}

/// All of them at once.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PermissionEntries {
    items: Vec<PermissionEntry>,
    /// Always null.
    next_cursor: Option<String>,
}

impl PermissionEntry {
    fn of(permission: &Permission) -> PermissionEntry {
        let mut segments = permission.code.splitn(3, '.').map(str::to_owned);
        let mut next = || segments.next().unwrap_or_default();
        PermissionEntry {
            code: permission.code.to_owned(),
            module: next(),
            resource: next(),
            action: next(),
            summary: permission.summary.to_owned(),
            grantable: match permission.grantable {
                Grantable::Role => Holder::Role,
                Grantable::Service(_) => Holder::Service,
                Grantable::Operator => Holder::Operator,
            },
            default_roles: permission.default_roles.to_vec(),
        }
    }
}

impl Representation for PermissionEntries {
    /// The catalogue changes with deployments only: its version is what it says.
    fn version(&self) -> u64 {
        let json = serde_json::to_string(&self.items).unwrap_or_default();
        // FNV-1a, of 48 bits: clients read versions as numbers.
        let hash = json.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        hash >> 16
    }

    fn location(&self) -> String {
        "/api/v1/permissions".to_owned()
    }
}

/// Filters of the catalogue.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct PermissionFilters {
    /// The first segment of the code.
    #[deserr(default)]
    module: Option<String>,
    #[deserr(default)]
    #[param(inline)]
    grantable: Option<Holder>,
}

/// List all permissions
///
/// By code; not paged. They change with deployments only. Nothing is read.
#[utoipa::path(get, path = "/api/v1/permissions", tag = "Permissions")]
pub async fn permission_list(
    _caller: Authenticated,
    State(app): State<UserManagement>,
    Parameters(filters): Parameters<PermissionFilters>,
) -> Answered<Versioned<PermissionEntries>> {
    let mut items: Vec<PermissionEntry> =
        app.catalogue.iter().map(|permission| PermissionEntry::of(permission)).collect();
    items.retain(|entry| {
        filters.module.as_ref().is_none_or(|module| entry.module == *module)
            && filters.grantable.is_none_or(|holder| entry.grantable == holder)
    });
    items.sort_by(|one, other| one.code.cmp(&other.code));
    Ok(Versioned(PermissionEntries { items, next_cursor: None }))
}

/// What is to be explained.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "permission": "users.user.read" }))]
pub struct ExplainIn {
    /// The code of a permission.
    permission: String,
    /// The caller if not given; others with the permission to read roles.
    #[deserr(default)]
    user_id: Option<UserId>,
}

/// Explain a permission
///
/// Why one may do something in the organization of the credential, or may not, step by step. One
/// batch read; one read more for a custom role.
#[utoipa::path(post, path = "/api/v1/permissions/explain", tag = "Permissions")]
pub async fn permission_explain(
    caller: Authenticated,
    State(app): State<UserManagement>,
    submission: Submission<ExplainIn>,
) -> Answered<Plain<Explanation>> {
    let input = &submission.input;
    let user = subject(&caller, input.user_id).await?;
    let tenant = in_organization(&caller)?;
    let named = app.catalogue.iter().find(|permission| permission.code == input.permission);
    let permission = named.ok_or_else(|| {
        Error::new(codes::UNKNOWN_PERMISSION, "no permission is called so")
            .with("unknown", vec![input.permission.clone()])
    })?;
    let standing = standing(&app, &tenant, user).await?;
    let is_own = caller.user() == Some(user) && caller.principal.key_id.is_some();
    let scopes = is_own.then_some(&caller.principal.grants);
    let explanation = standing.explain(permission, scopes);
    let write = submission.write(&app.store, &caller);
    Ok(write.commit(Plain(explanation)).await?)
}

/// A permission somebody holds.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EffectivePermission {
    code: String,
    /// The pattern, or the key of the built-in role.
    granted_by: String,
}

/// All of them at once.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EffectivePermissions {
    items: Vec<EffectivePermission>,
    /// Always null.
    next_cursor: Option<String>,
}

/// List a member's permissions
///
/// One's own, or those of others with the permission to read roles. By code; not paged; none while
/// user, organization or membership is not active. One batch read; one read more for a custom role.
#[utoipa::path(
    get,
    path = "/api/v1/organizations/{organizationId}/members/{userId}/permissions",
    tag = "Permissions"
)]
pub async fn effective_permission_list(
    caller: Authenticated,
    State(app): State<UserManagement>,
    PathParameter((id, user)): PathParameter<(OrgId, UserId)>,
) -> Answered<Plain<EffectivePermissions>> {
    let tenant = vouch::own(&caller, id)?;
    let user = subject(&caller, Some(user)).await?;
    let standing = standing(&app, &tenant, user).await?;
    if standing.membership.is_none() {
        return Err(Error::not_found("member").into());
    }
    let grants = standing.grants();
    let mut items: Vec<EffectivePermission> = app
        .catalogue
        .iter()
        .filter_map(|permission| {
            let granted_by = match (grants.reason(permission)?, &grants) {
                (Reason::Pattern(pattern), _) => pattern,
                (_, Grants::Role(role)) => role.to_string(),
                _ => return None,
            };
            Some(EffectivePermission { code: permission.code.to_owned(), granted_by })
        })
        .collect();
    items.sort_by(|one, other| one.code.cmp(&other.code));
    Ok(Plain(EffectivePermissions { items, next_cursor: None }))
}

/// Whom it is about: oneself, or somebody else if one may read roles.
async fn subject(caller: &Caller, user: Option<UserId>) -> Result<UserId> {
    let own = caller.user();
    if let (Some(own), true) = (own, user.is_none() || user == own) {
        return Ok(own);
    }
    if !caller.may::<RoleRead>() {
        let detail = "of others only who may read roles learns it";
        return Err(caller.deny::<RoleRead>(detail).await);
    }
    user.ok_or_else(|| {
        let detail = "a service key is nobody in person: name a user";
        Error::new(shared_codes::FORBIDDEN, detail)
    })
}

fn in_organization(caller: &Caller) -> Result<Tenant> {
    let tenant = caller.tenant();
    match tenant.organization() {
        Some(_) => Ok(tenant),
        None => {
            let detail = "this credential is for no organization: switch to one";
            Err(Error::new(shared_codes::FORBIDDEN, detail))
        }
    }
}

/// What the facts say. One BatchGetItem; one GetItem for a custom role.
async fn standing(app: &UserManagement, tenant: &Tenant, user: UserId) -> Result<Standing> {
    let person = vouch::person(user);
    let places = [
        UserFacts::place(&person),
        OrganizationFacts::place(tenant),
        MembershipFacts::place(tenant, user),
    ];
    let mut standing = Standing::default();
    for item in app.store.get_many(&places).await? {
        if item.is::<UserFacts>() {
            standing.user = Some(item.decode()?);
        } else if item.is::<OrganizationFacts>() {
            standing.organization = Some(item.decode()?);
        } else {
            standing.membership = Some(item.decode()?);
        }
    }
    if let Some(MembershipFacts { role_id, system_role: None, .. }) = standing.membership {
        standing.role = app.store.get(&RoleFacts::place(tenant, role_id)).await?;
    }
    Ok(standing)
}
