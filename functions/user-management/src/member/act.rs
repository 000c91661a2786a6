//! Suspending members, letting them back, and having them sign in again.

use axum::extract::State;
use deserr::Deserr;
use millwright_access::{
    facts::MembershipStatus,
    feed::{Subject, outdate},
};
use millwright_core::{Error, Faults, OrgId, Result, UserId, codes as shared_codes};
use millwright_event::Event;
use millwright_http::{
    Allowed, Answered, Caller, Empty, PathParameter, Submission, Versioned, Write,
};
use millwright_store::Contention;
use utoipa::ToSchema;

use super::{MemberView, viewed, write_changes};
use crate::{
    app::UserManagement,
    domain::{Member, Stamp, SuspensionReason},
    events::{MembershipAct, MembershipReactivated, MembershipSignedOut, MembershipSuspended},
    permissions::MembershipSuspend,
    role::{Held, find_role},
    vouch,
};

/// Why a member is suspended.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "reason": "On leave" }))]
pub struct SuspendIn {
    #[deserr(default)]
    reason: Option<SuspensionReason>,
}

/// Suspend a member
///
/// Tokens and keys of theirs for the organization are refused within 60 seconds. A suspended member
/// still counts. Two reads and one transaction of at most seven items; one read more for a custom
/// role.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organizationId}/members/{userId}/suspend",
    tag = "Members"
)]
pub async fn member_suspend(
    caller: Allowed<MembershipSuspend>,
    State(app): State<UserManagement>,
    PathParameter((id, user)): PathParameter<(OrgId, UserId)>,
    submission: Submission<SuspendIn>,
) -> Answered<Versioned<MemberView>> {
    if caller.user() == Some(user) {
        let detail = "nobody suspends themselves: leave the organization";
        return Err(Error::new(shared_codes::INVALID_STATE, detail).into());
    }
    let act = Act {
        id,
        user,
        change: |member: &Member, stamp: &Stamp| {
            if member.status != MembershipStatus::Active {
                let detail = "the member is suspended already";
                return Err(Error::new(shared_codes::INVALID_STATE, detail));
            }
            Ok(Member {
                status: MembershipStatus::Suspended,
                suspended_at: Some(stamp.at),
                suspended_by: Some(stamp.by.clone()),
                suspended_reason: submission.input.reason.clone(),
                access_version: member.access_version + 1,
                ..member.clone()
            })
        },
        event: MembershipSuspended,
    };
    Ok(act.settle(&app, &caller, || submission.write(&app.store, &caller)).await?)
}

/// Reactivate a member
///
/// They may act again at once, with a new token. Two reads and one transaction of at most six
/// items; one read more for a custom role.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organizationId}/members/{userId}/reactivate",
    tag = "Members"
)]
pub async fn member_reactivate(
    caller: Allowed<MembershipSuspend>,
    State(app): State<UserManagement>,
    PathParameter((id, user)): PathParameter<(OrgId, UserId)>,
    submission: Submission<Empty>,
) -> Answered<Versioned<MemberView>> {
    let act = Act {
        id,
        user,
        change: |member: &Member, _stamp: &Stamp| {
            if member.status != MembershipStatus::Suspended {
                let detail = "the member is not suspended";
                return Err(Error::new(shared_codes::INVALID_STATE, detail));
            }
            Ok(Member {
                status: MembershipStatus::Active,
                suspended_at: None,
                suspended_by: None,
                suspended_reason: None,
                ..member.clone()
            })
        },
        event: MembershipReactivated,
    };
    Ok(act.settle(&app, &caller, || submission.write(&app.store, &caller)).await?)
}

/// Sign out a member
///
/// Tokens of theirs for the organization are refused within 60 seconds, and only a sign-in from now
/// on gets new ones. Two reads and one transaction of at most four items; one read more for a custom
/// role.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organizationId}/members/{userId}/sign-out",
    tag = "Members"
)]
pub async fn member_sign_out(
    caller: Allowed<MembershipSuspend>,
    State(app): State<UserManagement>,
    PathParameter((id, user)): PathParameter<(OrgId, UserId)>,
    submission: Submission<Empty>,
) -> Answered<Versioned<MemberView>> {
    let act = Act {
        id,
        user,
        change: |member: &Member, stamp: &Stamp| {
            Ok(Member {
                reauth_after: Some(member.reauth_after.map_or(stamp.at, |at| at.max(stamp.at))),
                access_version: member.access_version + 1,
                ..member.clone()
            })
        },
        event: MembershipSignedOut,
    };
    Ok(act.settle(&app, &caller, || submission.write(&app.store, &caller)).await?)
}

/// One act on a member who stays one.
struct Act<D, E> {
    id: OrgId,
    user: UserId,
    change: D,
    event: fn(MembershipAct) -> E,
}

impl<D, E> Act<D, E>
where
    D: Fn(&Member, &Stamp) -> Result<Member>,
    E: Event,
{
    async fn settle(
        &self,
        app: &UserManagement,
        caller: &Caller,
        begin: impl Fn() -> Write,
    ) -> Result<Versioned<MemberView>> {
        let (id, user) = (self.id, self.user);
        let tenant = vouch::own(caller, id)?;
        let attempt = || async {
            let before = app.member(&tenant, user).await?;
            let held = find_role(app, &tenant, before.role_id).await?;
            Held::of(&held).require::<MembershipSuspend>(app, caller).await?;
            let stamp = app.stamp(caller);
            let after = (self.change)(&before, &stamp)?.stamped(stamp.clone());
            let mut write = begin();
            write_changes(&mut write, id, &[(&before, &after)]);
            if after.access_version != before.access_version {
                outdate(&mut write, Subject::Membership(id, user), after.access_version);
            }
            let reason = after.suspended_reason.as_ref().map(ToString::to_string);
            write.emit(&(self.event)(MembershipAct { user_id: user, by: stamp.by, reason }))?;
            write.commit(Versioned(viewed(app, &tenant, after).await?)).await
        };
        Contention::new(&app.store).settle(&app.store, attempt).await
    }
}
