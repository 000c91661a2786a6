//! Creating, changing, moving and deleting teams.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Change, Error, Faults, Patch, TeamId};
use millwright_http::{
    Allowed, Answered, Body, Created, IfMatch, NoContent, PathParameter, Submission, Versioned,
};
use millwright_store::{Condition, Contention};
use utoipa::ToSchema;

use super::{TeamView, require_or_lead};
use crate::{
    app::UserManagement,
    codes,
    domain::{Forest, Team, TeamDescription, TeamMember, TeamName, TeamRole},
    events::{TeamCreated, TeamData, TeamDeleted, TeamMoved, TeamUpdated},
    organization::handlers::MAX_TEAMS,
    permissions::{TeamCreate, TeamDelete, TeamRead, TeamUpdate},
    store::{
        Counted, Counters, TeamNameMarker, TeamsOfMember, Tombstone, change_tree, read_forest,
        team_members, team_place,
    },
};

/// A new team.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "name": "Engines", "joinAsLead": true }))]
pub struct TeamIn {
    name: TeamName,
    #[deserr(default)]
    #[schema(required = false)]
    description: TeamDescription,
    #[deserr(default)]
    parent_team_id: Option<TeamId>,
    /// The caller becomes its lead.
    #[deserr(default)]
    #[schema(required = false)]
    join_as_lead: bool,
}

/// Create a team
///
/// At most 200 per organization, five levels deep. One query and one transaction of at most nine
/// items.
#[utoipa::path(post, path = "/api/v1/teams", tag = "Teams")]
pub async fn team_create(
    caller: Allowed<TeamCreate>,
    State(app): State<UserManagement>,
    submission: Submission<TeamIn>,
) -> Answered<Created<TeamView>> {
    let tenant = caller.tenant();
    let input = &submission.input;
    let attempt = || async {
        let mut forest = read_forest(&app.store, &tenant).await?;
        forest.check_place(None, input.parent_team_id)?;
        let stamp = app.stamp(&caller);
        let team = Team {
            id: app.store.ids().next(),
            name: input.name.clone(),
            description: input.description.clone(),
            parent_team_id: input.parent_team_id,
            external_id: None,
            version: 1,
            created_at: stamp.at,
            created_by: stamp.by.clone(),
            updated_at: stamp.at,
            updated_by: stamp.by.clone(),
        };
        let mut write = submission.write(&app.store, &caller);
        change_tree(&mut write, &forest);
        write.create(&team);
        TeamNameMarker::of(&team).take(&mut write);
        let room = Condition::default().less_than("teamCount", MAX_TEAMS);
        let one = Counted { teams: 1, ..Counted::default() };
        if let Some(step) = Counters::count_when(&mut write, one, room) {
            let detail = format!("at most {MAX_TEAMS} teams");
            let refused = Error::new(codes::TEAM_LIMIT_REACHED, detail);
            write.refused_as(step, refused.with("limit", MAX_TEAMS));
        }
        if let (true, Some(user_id)) = (input.join_as_lead, caller.user()) {
            TeamsOfMember::add(&mut write, team.id, user_id);
            write.create(&TeamMember {
                team_id: team.id,
                user_id,
                role: TeamRole::Lead,
                added_at: stamp.at,
                added_by: stamp.by,
                version: 1,
            });
        }
        write.emit(&TeamCreated(data(&forest, None, &team)))?;
        forest.teams.push(team.clone());
        write.commit(Created(TeamView::of(&forest, &team))).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}

/// A change of a team.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "description": "Those who count" }))]
pub struct TeamPatchIn {
    #[deserr(default)]
    #[schema(required = false)]
    name: Change<TeamName>,
    #[deserr(default)]
    #[schema(required = false)]
    description: Patch<TeamDescription>,
    /// Moves it, with what is below; null to the root. Not by leads.
    #[deserr(default)]
    #[schema(required = false)]
    parent_team_id: Patch<TeamId>,
}

/// Change a team
///
/// Its leads, and those of the teams above, change name and description; who may change all teams
/// also moves it. One query and one transaction of at most five items; for leads one batch read
/// more.
#[utoipa::path(patch, path = "/api/v1/teams/{teamId}", tag = "Teams")]
pub async fn team_update(
    caller: Allowed<TeamRead>,
    State(app): State<UserManagement>,
    PathParameter((id,)): PathParameter<(TeamId,)>,
    if_match: IfMatch,
    Body(patch): Body<TeamPatchIn>,
) -> Answered<Versioned<TeamView>> {
    let tenant = caller.tenant();
    let attempt = || async {
        let mut forest = read_forest(&app.store, &tenant).await?;
        let before = forest.team(id)?.clone();
        require_or_lead::<TeamUpdate>(&app, &caller, &tenant, &forest, id).await?;
        if_match.check(before.version)?;
        let mut after = before.clone();
        if let Change::Set(name) = &patch.name {
            after.name = name.clone();
        }
        patch.description.clone().apply_or_default(&mut after.description);
        patch.parent_team_id.apply_to_option(&mut after.parent_team_id);
        let mut write = caller.write(&app.store);
        if after == before {
            return write.commit(Versioned(TeamView::of(&forest, &before))).await;
        }
        let moves = after.parent_team_id != before.parent_team_id;
        if moves {
            if !caller.may::<TeamUpdate>() {
                return Err(caller.deny::<TeamUpdate>("leads do not move their teams").await);
            }
            forest.check_place(Some(id), after.parent_team_id)?;
            change_tree(&mut write, &forest);
        }
        let after = after.stamped(app.stamp(&caller));
        let step = write.replace(&after, before.version);
        write.refused_as(step, Error::lost_race());
        if moves || after.folded_name() != before.folded_name() {
            TeamNameMarker::of(&after).take(&mut write);
            write.remove(&TeamNameMarker::of(&before));
        }
        let said = data(&forest, Some(&before), &after);
        match moves {
            true => write.emit(&TeamMoved(said))?,
            false => write.emit(&TeamUpdated(said))?,
        }
        for team in &mut forest.teams {
            if team.id == id {
                *team = after.clone();
            }
        }
        write.commit(Versioned(TeamView::of(&forest, &after))).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}

/// Delete a team
///
/// One without subteams; its members leave it. Two queries and transactions of at most 100 items:
/// one, and for more than thirty members one for each thirty more.
#[utoipa::path(delete, path = "/api/v1/teams/{teamId}", tag = "Teams")]
pub async fn team_delete(
    caller: Allowed<TeamDelete>,
    State(app): State<UserManagement>,
    PathParameter((id,)): PathParameter<(TeamId,)>,
    if_match: IfMatch,
) -> Answered<NoContent> {
    const AT_ONCE: usize = 30;
    let tenant = caller.tenant();
    let attempt = || async {
        let forest = read_forest(&app.store, &tenant).await?;
        let Some(before) = forest.find(id) else {
            let gone = app.store.get_raw(&Tombstone::place(&tenant, &id)).await?;
            return gone.map(|_| NoContent).ok_or_else(|| Error::not_found("team"));
        };
        if_match.check(before.version)?;
        if forest.has_subteams(id) {
            let detail = "delete or move its subteams first";
            return Err(Error::new(codes::TEAM_HAS_SUBTEAMS, detail));
        }
        let page = app.store.page(&team_members(&tenant, id), AT_ONCE, None).await?;
        let mut write = caller.write(&app.store);
        for item in &page.items {
            let member: TeamMember = item.decode()?;
            let step = write.delete_when(
                &super::team_member_place(&tenant, id, member.user_id),
                Condition::exists(),
            );
            write.refused_as(step, Error::lost_race());
            TeamsOfMember::remove(&mut write, id, member.user_id);
        }
        if page.next.is_some() {
            // Somebody is left: go on with them.
            write.commit(NoContent).await?;
            return Err(Error::lost_race());
        }
        change_tree(&mut write, &forest);
        let unchanged = Condition::version(before.version);
        let step = write.delete_when(&team_place(&tenant, id), unchanged);
        write.refused_as(step, Error::lost_race());
        write.remove(&TeamNameMarker::of(before));
        Counters::count(&mut write, Counted { teams: -1, ..Counted::default() });
        write.create(&Tombstone::of(&id, app.store.clock().now()));
        write.emit(&TeamDeleted(data(&forest, None, before)))?;
        write.commit(NoContent).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}

fn data(forest: &Forest, before: Option<&Team>, after: &Team) -> TeamData {
    TeamData {
        team_id: after.id,
        version: after.version,
        name: after.name.to_string(),
        parent_team_id_before: before.and_then(|team| team.parent_team_id),
        parent_team_id: after.parent_team_id,
        ancestor_team_ids: forest.line(after.parent_team_id),
    }
}
