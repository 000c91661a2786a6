//! Handing an organization over.

use axum::extract::State;
use deserr::Deserr;
use millwright_access::{
    facts::MembershipStatus,
    feed::{Subject, outdate},
};
use millwright_core::{Error, Faults, OrgId, RoleId, UserId, codes as shared_codes};
use millwright_http::{Allowed, Answered, PathParameter, Plain, Recent, Submission};
use millwright_identity::SystemRole;
use millwright_store::Contention;
use serde::Serialize;
use utoipa::ToSchema;

use super::{MemberView, viewed, write_changes};
use crate::{
    app::UserManagement,
    codes,
    domain::Member,
    events::{MembershipRoleChanged, OwnershipData, OwnershipTransferred, RoleChange},
    permissions::OrganizationTransfer,
    role::{find_role, require_assignable},
    vouch,
};

/// To whom it goes.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "userId": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b" }))]
pub struct TransferIn {
    /// An active member.
    user_id: UserId,
    /// The role the caller keeps; that of admins if not given.
    #[deserr(default)]
    keep_role_id: Option<RoleId>,
}

/// Both sides of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Transferred {
    /// Who was the owner.
    from: MemberView,
    /// Who is it now.
    to: MemberView,
}

/// Transfer ownership
///
/// Another active member becomes owner, the caller something else, in one step. Four reads and one
/// transaction of at most ten items; one read more for a custom role.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organizationId}/transfer-ownership",
    tag = "Members"
)]
pub async fn ownership_transfer(
    caller: Recent<Allowed<OrganizationTransfer>>,
    State(app): State<UserManagement>,
    PathParameter((id,)): PathParameter<(OrgId,)>,
    submission: Submission<TransferIn>,
) -> Answered<Plain<Transferred>> {
    let tenant = vouch::own(&caller, id)?;
    let TransferIn { user_id, keep_role_id } = submission.input;
    let Some(own) = caller.user().filter(|own| *own != user_id) else {
        let detail = "hand it over to somebody else";
        return Err(Error::new(shared_codes::INVALID_STATE, detail).into());
    };
    let attempt = || async {
        let organization = app.organization(&tenant).await?;
        let giver = app.member(&tenant, own).await?;
        if !giver.is_owner() {
            let detail = "only an owner hands the organization over";
            return Err(caller.deny_as::<OrganizationTransfer>(codes::OWNER_ONLY, detail).await);
        }
        let taker = app.member(&tenant, user_id).await.map_err(|error| {
            if error.is(shared_codes::NOT_FOUND) { not_active() } else { error }
        })?;
        if taker.status != MembershipStatus::Active || !taker_is_active(&taker) {
            return Err(not_active());
        }
        let kept = keep_role_id.unwrap_or(organization.system_role_ids.admin);
        let kept = find_role(&app, &tenant, kept).await?;
        if kept.system_key == Some(SystemRole::Owner) {
            let detail = "keep another role than that of the owner";
            return Err(Error::new(shared_codes::INVALID_STATE, detail));
        }
        require_assignable::<OrganizationTransfer>(&app, &caller, &kept).await?;
        let stamp = app.stamp(&caller);
        let with = |member: &Member, role: RoleId, key: Option<SystemRole>| {
            let mut next = member.clone();
            next.role_id = role;
            next.system_key = key;
            next.access_version += 1;
            next.stamped(stamp.clone())
        };
        let from = with(&giver, kept.facts.role_id, kept.system_key);
        let to = with(&taker, organization.system_role_ids.owner, Some(SystemRole::Owner));
        let mut write = submission.write(&app.store, &caller);
        write_changes(&mut write, id, &[(&giver, &from), (&taker, &to)]);
        for (before, after) in [(&giver, &from), (&taker, &to)] {
            let subject = Subject::Membership(id, after.user_id);
            outdate(&mut write, subject, after.access_version);
            write.emit(&MembershipRoleChanged(RoleChange::between(before, after)))?;
        }
        write.emit(&OwnershipTransferred(OwnershipData {
            organization_id: id,
            from_user_id: own,
            to_user_id: user_id,
            kept_role_id: from.role_id,
        }))?;
        let from = viewed(&app, &tenant, from).await?;
        let to = viewed(&app, &tenant, to).await?;
        write.commit(Plain(Transferred { from, to })).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}

fn not_active() -> Error {
    Error::new(codes::NOT_A_MEMBER, "hand it over to an active member")
}

fn taker_is_active(member: &Member) -> bool {
    member.user.status == millwright_access::facts::UserStatus::Active
}
