//! Creating roles.

use axum::extract::State;
use deserr::Deserr;
use millwright_access::facts::{RoleFacts, RoleStatus};
use millwright_core::{
    Error, Fault, FaultCode, Faults, OrgId, Result, RoleId, codes as shared_codes,
};
use millwright_http::{Allowed, Answered, Created, PathParameter, Submission, Write};
use millwright_identity::{Pattern, SystemRole};
use millwright_store::Condition;
use utoipa::ToSchema;

use super::{Held, accept, data, find_role};
use crate::{
    app::UserManagement,
    codes,
    domain::{Patterns, Role, RoleDescription, RoleName, check_size, fold, system_codes},
    events::RoleCreated,
    organization::handlers::MAX_CUSTOM_ROLES,
    permissions::RoleCreate,
    store::{Counted, Counters, RoleItem, RoleNameMarker},
    vouch,
};

/// A new role.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "name": "Auditor", "description": "Reads everything", "permissions": ["*.*.read"],
}))]
pub struct RoleIn {
    name: RoleName,
    #[deserr(default)]
    #[schema(required = false)]
    description: RoleDescription,
    /// Patterns; either these, or `copyFromRoleId`.
    #[deserr(default)]
    permissions: Option<Patterns>,
    /// A role that grants the same.
    #[deserr(default)]
    copy_from_role_id: Option<RoleId>,
}

/// Create a role
///
/// It grants at most what the caller holds. At most 50 custom roles. One transaction of at most
/// five items; one read more with `copyFromRoleId`.
#[utoipa::path(post, path = "/api/v1/organizations/{organizationId}/roles", tag = "Roles")]
pub async fn role_create(
    caller: Allowed<RoleCreate>,
    State(app): State<UserManagement>,
    PathParameter((id,)): PathParameter<(OrgId,)>,
    submission: Submission<RoleIn>,
) -> Answered<Created<Role>> {
    let tenant = vouch::own(&caller, id)?;
    let input = &submission.input;
    let patterns = patterns(&app, &tenant, input).await?;
    Held::Patterns(patterns.clone()).require::<RoleCreate>(&app, &caller).await?;
    let stamp = app.stamp(&caller);
    let role = RoleItem {
        facts: RoleFacts {
            role_id: app.store.ids().next(),
            permissions: patterns.iter().map(ToString::to_string).collect(),
            status: RoleStatus::Active,
            access_version: 1,
        },
        name: input.name.to_string(),
        description: input.description.to_string(),
        system_key: None,
        member_count: 0,
        invitation_count: 0,
        version: 1,
        created_at: stamp.at,
        created_by: stamp.by.clone(),
        updated_at: stamp.at,
        updated_by: stamp.by,
    };
    let mut write = submission.write(&app.store, &caller);
    write.create(&role);
    take_name(&mut write, &role)?;
    let room = Condition::default().less_than("customRoleCount", MAX_CUSTOM_ROLES);
    let one = Counted { custom_roles: 1, ..Counted::default() };
    if let Some(step) = Counters::count_when(&mut write, one, room) {
        let detail = format!("at most {MAX_CUSTOM_ROLES} custom roles");
        let refused = Error::new(codes::ROLE_LIMIT_REACHED, detail);
        write.refused_as(step, refused.with("limit", MAX_CUSTOM_ROLES));
    }
    write.emit(&RoleCreated(data(&[], &role)))?;
    let answer = role.role(id, app.catalogue);
    Ok(write.commit(Created(answer)).await?)
}

async fn patterns(
    app: &UserManagement,
    tenant: &millwright_core::Tenant,
    input: &RoleIn,
) -> Result<Vec<Pattern>> {
    match (&input.permissions, input.copy_from_role_id) {
        (Some(patterns), None) => accept(patterns, app.catalogue),
        (None, Some(copied)) => {
            let copied = find_role(app, tenant, copied).await?;
            let texts = match copied.system_key {
                Some(system) => system_codes(system, app.catalogue),
                None => copied.facts.permissions,
            };
            let patterns: Vec<Pattern> =
                texts.iter().filter_map(|text| text.parse().ok()).collect();
            check_size(&patterns)?;
            Ok(patterns)
        }
        (None, None) => {
            let detail = "name permissions, or a role to copy them from";
            Err(Faults::of(Fault::new("/permissions", FaultCode::Required, detail)).into())
        }
        (Some(_), Some(_)) => {
            let detail = "must not be beside permissions";
            let fault = Fault::new("/copyFromRoleId", FaultCode::NotAllowed, detail);
            Err(Faults::of(fault).into())
        }
    }
}

/// Takes the name of a role, if no other has it. One item.
pub fn take_name(write: &mut Write, role: &RoleItem) -> Result<()> {
    let taken = || Error::new(shared_codes::NAME_TAKEN, "another role has this name");
    let folded = fold(&role.name);
    if SystemRole::ALL.iter().any(|system| system.as_str() == folded) {
        return Err(taken());
    }
    let step = write.create(&RoleNameMarker::of(&role.name, role.facts.role_id));
    write.refused_as(step, taken());
    Ok(())
}
