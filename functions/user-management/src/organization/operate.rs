//! What operators do to organizations.

use axum::extract::State;
use deserr::Deserr;
use millwright_access::{
    facts::{MembershipStatus, OrganizationStatus},
    feed::{Subject, outdate},
};
use millwright_core::{Bounded, Change, Error, Faults, Line, OrgId, Result, UserId};
use millwright_http::{
    Answered, Body, Empty, Operator, PathParameter, Submission, Versioned, Write,
};
use millwright_identity::SystemRole;
use millwright_store::{Condition, Contention, Update};
use utoipa::ToSchema;

use super::standing::Standing;
use crate::{
    app::UserManagement,
    codes,
    domain::Organization,
    events::{
        MembershipRoleChanged, OrganizationAct, OrganizationData, OrganizationSuspended,
        OrganizationUnsuspended, OrganizationUpdated, RoleChange,
    },
    member::{MemberView, viewed, write_changes},
    store::Counters,
};

/// How many members there may be.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "memberLimit": 1000 }))]
pub struct LimitsPatchIn {
    #[deserr(default)]
    #[schema(required = false)]
    member_limit: Change<Bounded<1, 10_000>>,
}

/// Change the limits
///
/// Members stay, also beyond a lower limit. One read and one transaction of three items.
#[utoipa::path(patch, path = "/api/v1/organizations/{organizationId}/limits", tag = "Operators")]
pub async fn organization_limits_update(
    caller: Operator,
    State(app): State<UserManagement>,
    PathParameter((id,)): PathParameter<(OrgId,)>,
    Body(patch): Body<LimitsPatchIn>,
) -> Answered<Versioned<Organization>> {
    let tenant = caller.within(id);
    let attempt = || async {
        let before = app.organization(&tenant).await?;
        let mut after = before.clone();
        if let Change::Set(limit) = patch.member_limit {
            after.member_limit = limit.get();
        }
        let mut write = caller.write(&app.store);
        if after == before {
            return write.commit(Versioned(before)).await;
        }
        let after = after.stamped(app.stamp(&caller));
        write.within(&tenant, |effects| {
            let step = effects.replace(&after, before.version);
            effects.refused_as(step, Error::lost_race());
            let limit = Update::when(Condition::exists()).set("memberLimit", after.member_limit);
            effects.update(&Counters::place(&tenant), &limit);
            effects.emit(&OrganizationUpdated(OrganizationData::between(&before, &after)))
        })?;
        write.commit(Versioned(after)).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}

/// Why an organization is suspended.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "reason": "Spam" }))]
pub struct OrganizationSuspendIn {
    reason: Line<1, 500>,
}

/// Suspend an organization
///
/// Every token and key of it is refused within 60 seconds. One batch read and one transaction of at
/// most five items.
#[utoipa::path(post, path = "/api/v1/organizations/{organizationId}/suspend", tag = "Operators")]
pub async fn organization_suspend(
    caller: Operator,
    State(app): State<UserManagement>,
    PathParameter((id,)): PathParameter<(OrgId,)>,
    submission: Submission<OrganizationSuspendIn>,
) -> Answered<Versioned<Organization>> {
    let reason = Some(submission.input.reason.to_string());
    let begin = || submission.write(&app.store, &caller);
    Ok(turn(&app, &caller, id, OrganizationStatus::Suspended, reason, begin).await?)
}

/// Unsuspend an organization
///
/// Its members get tokens again. One batch read and one transaction of at most four items.
#[utoipa::path(post, path = "/api/v1/organizations/{organizationId}/unsuspend", tag = "Operators")]
pub async fn organization_unsuspend(
    caller: Operator,
    State(app): State<UserManagement>,
    PathParameter((id,)): PathParameter<(OrgId,)>,
    submission: Submission<Empty>,
) -> Answered<Versioned<Organization>> {
    let begin = || submission.write(&app.store, &caller);
    Ok(turn(&app, &caller, id, OrganizationStatus::Active, None, begin).await?)
}

async fn turn(
    app: &UserManagement,
    caller: &Operator,
    id: OrgId,
    to: OrganizationStatus,
    reason: Option<String>,
    begin: impl Fn() -> Write,
) -> Result<Versioned<Organization>> {
    let tenant = caller.within(id);
    let from = match to {
        OrganizationStatus::Suspended => OrganizationStatus::Active,
        _ => OrganizationStatus::Suspended,
    };
    let attempt = || async {
        let standing = Standing::read(&app.store, &tenant).await?;
        standing.check(from)?;
        let mut after = standing.organization.clone();
        after.status = to;
        after.suspended_reason = reason.clone();
        let stamp = app.stamp(caller);
        let after = after.stamped(stamp.clone());
        let mut write = begin();
        write.within(&tenant, |effects| {
            standing.turn(effects, &after);
            let act = OrganizationAct {
                organization_id: id,
                by: stamp.by,
                by_operator: true,
                reason: reason.clone(),
                deletes_at: None,
            };
            match to {
                OrganizationStatus::Suspended => effects.emit(&OrganizationSuspended(act)),
                _ => effects.emit(&OrganizationUnsuspended(act)),
            }
        })?;
        write.commit(Versioned(after)).await
    };
    Contention::new(&app.store).settle(&app.store, attempt).await
}

/// Who becomes an owner.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "userId": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b" }))]
pub struct OwnerIn {
    /// An active member.
    user_id: UserId,
}

/// Make a member an owner
///
/// For an organization that has lost its owners. Two reads and one transaction of at most seven
/// items.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organizationId}/assign-owner",
    tag = "Operators"
)]
pub async fn owner_assign(
    caller: Operator,
    State(app): State<UserManagement>,
    PathParameter((id,)): PathParameter<(OrgId,)>,
    submission: Submission<OwnerIn>,
) -> Answered<Versioned<MemberView>> {
    let tenant = caller.within(id);
    let attempt = || async {
        let organization = app.organization(&tenant).await?;
        let before = app.member_or_former(&tenant, submission.input.user_id).await?;
        if before.status != MembershipStatus::Active {
            let detail = "only an active member becomes an owner";
            return Err(Error::new(codes::NOT_A_MEMBER, detail));
        }
        let mut write = submission.write(&app.store, &caller);
        if before.is_owner() {
            let view = viewed(&app, &tenant, before).await?;
            return write.commit(Versioned(view)).await;
        }
        let mut after = before.clone();
        after.role_id = organization.system_role_ids.owner;
        after.system_key = Some(SystemRole::Owner);
        after.access_version += 1;
        let after = after.stamped(app.stamp(&caller));
        write.within(&tenant, |effects| {
            write_changes(effects, id, &[(&before, &after)]);
            let subject = Subject::Membership(id, after.user_id);
            outdate(effects, subject, after.access_version);
            effects.emit(&MembershipRoleChanged(RoleChange::between(&before, &after)))
        })?;
        write.commit(Versioned(viewed(&app, &tenant, after).await?)).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}
