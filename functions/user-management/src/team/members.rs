//! Changing the members of a team.

use axum::extract::State;
use deserr::Deserr;
use millwright_access::facts::{MembershipFacts, MembershipStatus};
use millwright_core::{Error, Faults, TeamId, UserId};
use millwright_http::{Allowed, Answered, Body, NoContent, PathParameter, Upserted};
use millwright_store::{Condition, Contention};
use utoipa::ToSchema;

use super::require_or_lead;
use crate::{
    app::UserManagement,
    codes,
    domain::{Forest, TeamMember, TeamRole},
    events::{TeamMemberAdded, TeamMemberData, TeamMemberRemoved, TeamMemberRoleChanged},
    permissions::{TeamMemberUpdate, TeamRead},
    store::{TeamsOfMember, read_forest, team_member_place, team_place},
};

/// What the user is in the team.
#[derive(Clone, Copy, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "role": "member" }))]
pub struct TeamMemberIn {
    #[deserr(default = TeamRole::Member)]
    #[schema(required = false)]
    role: TeamRole,
}

/// Put a member into a team
///
/// An active member of the organization. At most 500 members per team, and 30 teams per member. One
/// query, one read and one transaction of at most six items; for leads one batch read more.
#[utoipa::path(put, path = "/api/v1/teams/{teamId}/members/{userId}", tag = "Teams")]
pub async fn team_member_put(
    caller: Allowed<TeamRead>,
    State(app): State<UserManagement>,
    PathParameter((id, user)): PathParameter<(TeamId, UserId)>,
    Body(input): Body<TeamMemberIn>,
) -> Answered<Upserted<TeamMember>> {
    let tenant = caller.tenant();
    let attempt = || async {
        let forest = read_forest(&app.store, &tenant).await?;
        forest.team(id)?;
        require_or_lead::<TeamMemberUpdate>(&app, &caller, &tenant, &forest, id).await?;
        let before: Option<TeamMember> =
            app.store.get(&team_member_place(&tenant, id, user)).await?;
        let mut write = caller.write(&app.store);
        let stamp = app.stamp(&caller);
        if let Some(before) = before {
            if before.role == input.role {
                return write.commit(Upserted::Changed(before)).await;
            }
            let version = before.version + 1;
            let after = TeamMember { role: input.role, version, ..before };
            let step = write.replace(&after, version - 1);
            write.refused_as(step, Error::lost_race());
            write.emit(&TeamMemberRoleChanged(data(&forest, &after)))?;
            return write.commit(Upserted::Changed(after)).await;
        }
        let (role, added_at, added_by) = (input.role, stamp.at, stamp.by);
        let member =
            TeamMember { team_id: id, user_id: user, role, added_at, added_by, version: 1 };
        let step = write.create(&member);
        write.refused_as(step, Error::lost_race());
        let step = write.check(&team_place(&tenant, id), Condition::exists());
        write.refused_as(step, Error::lost_race());
        let active = Condition::default().equals("status", MembershipStatus::Active);
        let step = write.check(&MembershipFacts::place(&tenant, user), active);
        let detail = "only active members of the organization are in teams";
        write.refused_as(step, Error::new(codes::NOT_A_MEMBER, detail));
        TeamsOfMember::add(&mut write, id, user);
        write.emit(&TeamMemberAdded(data(&forest, &member)))?;
        write.commit(Upserted::Created(member)).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}

/// Remove a member from a team
///
/// Also oneself. One query, one read and one transaction of at most four items; for leads one batch
/// read more.
#[utoipa::path(delete, path = "/api/v1/teams/{teamId}/members/{userId}", tag = "Teams")]
pub async fn team_member_remove(
    caller: Allowed<TeamRead>,
    State(app): State<UserManagement>,
    PathParameter((id, user)): PathParameter<(TeamId, UserId)>,
) -> Answered<NoContent> {
    let tenant = caller.tenant();
    let place = team_member_place(&tenant, id, user);
    let attempt = || async {
        let forest = read_forest(&app.store, &tenant).await?;
        forest.team(id)?;
        if caller.user() != Some(user) {
            require_or_lead::<TeamMemberUpdate>(&app, &caller, &tenant, &forest, id).await?;
        }
        let before: Option<TeamMember> = app.store.get(&place).await?;
        let Some(before) = before else { return Ok(NoContent) };
        let mut write = caller.write(&app.store);
        let step = write.delete_when(&place, Condition::version(before.version));
        write.refused_as(step, Error::lost_race());
        TeamsOfMember::remove(&mut write, id, user);
        write.emit(&TeamMemberRemoved(data(&forest, &before)))?;
        write.commit(NoContent).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}

fn data(forest: &Forest, member: &TeamMember) -> TeamMemberData {
    let parent = forest.find(member.team_id).and_then(|team| team.parent_team_id);
    TeamMemberData {
        team_id: member.team_id,
        user_id: member.user_id,
        role: member.role,
        ancestor_team_ids: forest.line(parent),
    }
}
