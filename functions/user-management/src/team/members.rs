//! Changing the members of a team.

use std::collections::BTreeMap;

use axum::extract::State;
use deserr::Deserr;
use http::StatusCode;
use millwright_access::facts::{MembershipFacts, MembershipStatus};
use millwright_core::{Error, Faults, Result, TeamId, UserId};
use millwright_http::{
    Allowed, Answer, Answered, BatchResult, BatchResults, BatchStep, Body, Caller, NoContent,
    Operations, PathParameter, Plain, Submission, Upserted, Write,
};
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
    let answer = |status: StatusCode, member: TeamMember| match status {
        StatusCode::CREATED => Upserted::Created(member),
        _ => Upserted::Changed(member),
    };
    let putting = Putting { app: &app, caller: &caller, team: id, user, role: input.role };
    Ok(putting.settle(|| caller.write(&app.store), answer).await?)
}

/// One of many to be put into a team.
#[derive(Clone, Copy, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase")]
pub struct TeamMemberRow {
    user_id: UserId,
    #[deserr(default = TeamRole::Member)]
    #[schema(required = false)]
    role: TeamRole,
}

/// Whom to put into a team.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "items": [{ "userId": "usr_01jdz7xk2nf5h9vq3w8c6m4t0b", "role": "member" }],
}))]
pub struct TeamMembersIn {
    items: Operations<TeamMemberRow, 100>,
}

/// Put many members into a team
///
/// Up to 100, in their order, each with its own result: one that is refused stops no other. As many
/// calls as alone. With an `Idempotency-Key` a repeat after a crash goes on where it died.
#[utoipa::path(post, path = "/api/v1/teams/{teamId}/members/batch", tag = "Teams")]
pub async fn team_member_batch(
    caller: Allowed<TeamRead>,
    State(app): State<UserManagement>,
    PathParameter((id,)): PathParameter<(TeamId,)>,
    submission: Submission<TeamMembersIn>,
) -> Answered<Plain<BatchResults>> {
    let (submission, input) = submission.take();
    let tenant = caller.tenant();
    let forest = read_forest(&app.store, &tenant).await?;
    forest.team(id)?;
    require_or_lead::<TeamMemberUpdate>(&app, &caller, &tenant, &forest, id).await?;
    let mut results: BTreeMap<usize, BatchResult> = BTreeMap::new();
    for body in submission.steps_before(&app.store).await? {
        let step: BatchStep = serde_json::from_str(&body).map_err(Error::internal)?;
        results.extend(step.0);
    }
    for (place, row) in input.items.values.into_iter().enumerate() {
        if results.contains_key(&place) {
            continue;
        }
        let outcome = async {
            let row: TeamMemberRow = deserr::deserialize::<_, _, Faults>(row)?;
            let TeamMemberRow { user_id: user, role } = row;
            let putting = Putting { app: &app, caller: &caller, team: id, user, role };
            let begin = || submission.step(&app.store, &caller, place);
            let answer = |status, member: TeamMember| {
                BatchStep(vec![(place, BatchResult::done(status, member.user_id, member.version))])
            };
            putting.settle(begin, answer).await
        };
        match outcome.await {
            Ok(step) => results.extend(step.0),
            Err(error) => {
                results.insert(place, BatchResult::refused(&error));
            }
        }
    }
    let answer = BatchResults { results: results.into_values().collect() };
    Ok(submission.write(&app.store, &caller).commit(Plain(answer)).await?)
}

/// Who is put into which team.
struct Putting<'a> {
    app: &'a UserManagement,
    caller: &'a Caller,
    team: TeamId,
    user: UserId,
    role: TeamRole,
}

impl Putting<'_> {
    async fn settle<A: Answer>(
        &self,
        begin: impl Fn() -> Write,
        answer: impl Fn(StatusCode, TeamMember) -> A,
    ) -> Result<A> {
        let Putting { app, caller, team: id, user, role } = *self;
        let tenant = caller.tenant();
        let attempt = || async {
            let forest = read_forest(&app.store, &tenant).await?;
            forest.team(id)?;
            require_or_lead::<TeamMemberUpdate>(app, caller, &tenant, &forest, id).await?;
            let before: Option<TeamMember> =
                app.store.get(&team_member_place(&tenant, id, user)).await?;
            let mut write = begin();
            let stamp = app.stamp(caller);
            if let Some(before) = before {
                if before.role == role {
                    return write.commit(answer(StatusCode::OK, before)).await;
                }
                let version = before.version + 1;
                let after = TeamMember { role, version, ..before };
                let step = write.replace(&after, version - 1);
                write.refused_as(step, Error::lost_race());
                write.emit(&TeamMemberRoleChanged(data(&forest, &after)))?;
                return write.commit(answer(StatusCode::OK, after)).await;
            }
            let (added_at, added_by) = (stamp.at, stamp.by);
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
            write.commit(answer(StatusCode::CREATED, member)).await
        };
        Contention::new(&app.store).settle(&app.store, attempt).await
    }
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
