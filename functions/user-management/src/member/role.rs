//! Giving members other roles.

use axum::extract::State;
use deserr::Deserr;
use millwright_access::feed::{Subject, outdate};
use millwright_core::{Faults, OrgId, RoleId, UserId};
use millwright_http::{Allowed, Answered, Body, IfMatch, PathParameter, Versioned};
use millwright_store::Contention;
use utoipa::ToSchema;

use super::{MemberView, viewed, write_changes};
use crate::{
    app::UserManagement,
    codes,
    events::{MembershipRoleChanged, RoleChange},
    permissions::MembershipUpdate,
    role::{Held, find_role, require_assignable},
    vouch,
};

/// A change of a membership.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "roleId": "role_01jdz7xk2nf5h9vq3w8c6m4t0b" }))]
pub struct MemberPatchIn {
    /// An active role.
    role_id: RoleId,
}

/// Give a member another role
///
/// The caller must hold what both roles grant; nobody changes their own. Tokens with the old role
/// are refused within 60 seconds. Three reads and one transaction of at most seven items; one read
/// more for a custom role.
#[utoipa::path(
    patch,
    path = "/api/v1/organizations/{organizationId}/members/{userId}",
    tag = "Members"
)]
pub async fn member_update(
    caller: Allowed<MembershipUpdate>,
    State(app): State<UserManagement>,
    PathParameter((id, user)): PathParameter<(OrgId, UserId)>,
    if_match: IfMatch,
    Body(patch): Body<MemberPatchIn>,
) -> Answered<Versioned<MemberView>> {
    let tenant = vouch::own(&caller, id)?;
    let attempt = || async {
        let before = app.member(&tenant, user).await?;
        if_match.check(before.version)?;
        if caller.user() == Some(user) {
            let detail = "nobody changes their own role";
            return Err(caller.deny_as::<MembershipUpdate>(codes::OWN_ROLE, detail).await);
        }
        let held = find_role(&app, &tenant, before.role_id).await?;
        Held::of(&held).require::<MembershipUpdate>(&app, &caller).await?;
        let mut write = caller.write(&app.store);
        if before.role_id == patch.role_id {
            let view = viewed(&app, &tenant, before).await?;
            return write.commit(Versioned(view)).await;
        }
        let given = find_role(&app, &tenant, patch.role_id).await?;
        require_assignable::<MembershipUpdate>(&app, &caller, &given).await?;
        let mut after = before.clone();
        after.role_id = patch.role_id;
        after.system_key = given.system_key;
        after.access_version += 1;
        let after = after.stamped(app.stamp(&caller));
        write_changes(&mut write, id, &[(&before, &after)]);
        outdate(&mut write, Subject::Membership(id, user), after.access_version);
        write.emit(&MembershipRoleChanged(RoleChange::between(&before, &after)))?;
        let view = viewed(&app, &tenant, after).await?;
        write.commit(Versioned(view)).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}
