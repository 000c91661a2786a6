//! How memberships end.

use axum::extract::State;
use millwright_access::{
    facts::MembershipStatus,
    feed::{Subject, outdate},
};
use millwright_core::{Error, OrgId, Result, UserId, codes as shared_codes};
use millwright_event::Effects;
use millwright_http::{
    Allowed, Answered, Empty, NoContent, PathParameter, Session, SignedIn, Submission,
};
use millwright_store::Contention;

use super::write_changes;
use crate::{
    app::UserManagement,
    domain::{EndReason, Member, Stamp},
    events::{MembershipEnded, MembershipRemoved},
    permissions::MembershipRemove,
    role::{Held, find_role},
    store::{FormerMembership, Memberships, TeamsOfMember},
    vouch,
};

/// Remove a member
///
/// Whatever they could do in the organization is refused within 60 seconds. Three reads and
/// one transaction of at most 72 items.
#[utoipa::path(
    delete,
    path = "/api/v1/organizations/{organizationId}/members/{userId}",
    tag = "Members"
)]
pub async fn member_remove(
    caller: Allowed<MembershipRemove>,
    State(app): State<UserManagement>,
    PathParameter((id, user)): PathParameter<(OrgId, UserId)>,
) -> Answered<NoContent> {
    let tenant = vouch::own(&caller, id)?;
    if caller.user() == Some(user) {
        let detail = "nobody removes themselves: leave the organization";
        return Err(Error::new(shared_codes::INVALID_STATE, detail).into());
    }
    let attempt = || async {
        let before = app.member_or_former(&tenant, user).await?;
        if !before.is_present() {
            return Ok(NoContent);
        }
        let held = find_role(&app, &tenant, before.role_id).await?;
        Held::of(&held).require::<MembershipRemove>(&app, &caller).await?;
        let mut write = caller.write(&app.store);
        let teams = TeamsOfMember::read(&app.store, &tenant, user).await?;
        end(&mut write, &before, &teams, EndReason::Removed, app.stamp(&caller))?;
        write.commit(NoContent).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}

/// Leave an organization
///
/// For oneself, with any token of a session. Three reads and one transaction of at most 72 items.
#[utoipa::path(post, path = "/api/v1/organizations/{organizationId}/leave", tag = "Members")]
pub async fn organization_leave(
    caller: Session<SignedIn>,
    State(app): State<UserManagement>,
    PathParameter((id,)): PathParameter<(OrgId,)>,
    submission: Submission<Empty>,
) -> Answered<NoContent> {
    let (tenant, _) = vouch::member(&app.store, id, caller.user()).await?;
    let attempt = || async {
        let before = app.member(&tenant, caller.user()).await?;
        let mut write = submission.write(&app.store, &caller);
        let stamp = app.stamp(&caller);
        let teams = TeamsOfMember::read(&app.store, &tenant, caller.user()).await?;
        write.within(&tenant, |effects| end(effects, &before, &teams, EndReason::Left, stamp))?;
        write.commit(NoContent).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}

/// Ends a membership within its organization: at most ten items and two for each of at most 30
/// teams, and what is said of it.
pub fn end(
    effects: &mut Effects,
    before: &Member,
    teams: &TeamsOfMember,
    reason: EndReason,
    stamp: Stamp,
) -> Result<()> {
    let (organization, user) = (before.organization_id, before.user_id);
    let after = Member {
        status: MembershipStatus::Ended,
        ended_at: Some(stamp.at),
        end_reason: Some(reason),
        access_version: before.access_version + 1,
        ..before.clone()
    };
    let by = stamp.by.clone();
    let after = after.stamped(stamp);
    write_changes(effects, organization, &[(before, &after)]);
    if let Some(former) = FormerMembership::of(&after) {
        effects.put(&former);
    }
    // Of an owner it matters whether the account counted.
    let is_active = before.is_owner().then(|| before.is_account_active());
    Memberships::remove(effects, &vouch::person(user), is_active);
    outdate(effects, Subject::Membership(organization, user), after.access_version);
    teams.leave_all(effects, user);
    let team_ids = teams.teams.clone();
    effects.emit(&MembershipRemoved(MembershipEnded {
        user_id: user,
        by,
        end_reason: reason,
        team_ids,
    }))
}
