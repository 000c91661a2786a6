//! Reading teams.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Faults, InputError, Line, OrgId, TeamId, UserId};
use millwright_http::{Allowed, Answered, Parameters, PathParameter, Plain, Versioned};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::TeamView;
use crate::{
    app::UserManagement,
    domain::{Team, TeamMember, TeamRole, fold},
    permissions::TeamRead,
    store::{TeamsOfMember, read_forest, team_member_place},
    vouch,
};

/// Below which team: an id, or `root`.
#[derive(Clone, Copy, Debug)]
pub struct Below(Option<TeamId>);

impl std::str::FromStr for Below {
    type Err = InputError;

    fn from_str(text: &str) -> Result<Below, InputError> {
        match text {
            "root" => Ok(Below(None)),
            id => id.parse().map(|id| Below(Some(id))),
        }
    }
}

millwright_core::deserr_from_str!(Below);

/// Filters of the teams.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct TeamFilters {
    /// Directly below this team; `root` for those below none.
    #[deserr(default)]
    #[param(value_type = Option<String>)]
    parent_team_id: Option<Below>,
    /// Of which this user is a member.
    #[deserr(default)]
    #[param(inline)]
    user_id: Option<UserId>,
    /// How the name begins.
    #[deserr(default)]
    #[param(inline)]
    q: Option<Line<1, 100>>,
}

/// All of them at once: there are at most 200.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Teams {
    items: Vec<TeamView>,
    /// Always null.
    next_cursor: Option<String>,
}

/// List teams
///
/// By name; not paged. One query; one read more with `userId`.
#[utoipa::path(get, path = "/api/v1/teams", tag = "Teams")]
pub async fn team_list(
    caller: Allowed<TeamRead>,
    State(app): State<UserManagement>,
    Parameters(filters): Parameters<TeamFilters>,
) -> Answered<Plain<Teams>> {
    let tenant = caller.tenant();
    let forest = read_forest(&app.store, &tenant).await?;
    let of_user = match filters.user_id {
        Some(user) => Some(TeamsOfMember::read(&app.store, &tenant, user).await?.teams),
        None => None,
    };
    let prefix = filters.q.as_ref().map(|q| fold(q.as_str()));
    let admit = |team: &&Team| {
        filters.parent_team_id.is_none_or(|Below(parent)| team.parent_team_id == parent)
            && of_user.as_ref().is_none_or(|teams| teams.contains(&team.id))
            && prefix.as_ref().is_none_or(|prefix| team.folded_name().starts_with(prefix))
    };
    let mut teams: Vec<&Team> = forest.teams.iter().filter(admit).collect();
    teams.sort_by_key(|team| (team.folded_name(), team.id));
    let items = teams.into_iter().map(|team| TeamView::of(&forest, team)).collect();
    Ok(Plain(Teams { items, next_cursor: None }))
}

/// Read a team
///
/// One query.
#[utoipa::path(get, path = "/api/v1/teams/{teamId}", tag = "Teams")]
pub async fn team_get(
    caller: Allowed<TeamRead>,
    State(app): State<UserManagement>,
    PathParameter((id,)): PathParameter<(TeamId,)>,
) -> Answered<Versioned<TeamView>> {
    let forest = read_forest(&app.store, &caller.tenant()).await?;
    Ok(Versioned(TeamView::of(&forest, forest.team(id)?)))
}

/// A team of a member.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TeamOfMember {
    team_id: TeamId,
    role: TeamRole,
}

/// The teams of a member, and what is above them.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TeamsOfMemberView {
    items: Vec<TeamOfMember>,
    /// Teams above these: members of a subteam count as theirs.
    ancestor_team_ids: Vec<TeamId>,
}

/// List a member's teams
///
/// For services that hold what teams may do; good for 60 seconds. One read, one query and one batch
/// read.
#[utoipa::path(
    get,
    path = "/api/v1/organizations/{organizationId}/members/{userId}/teams",
    tag = "Teams"
)]
pub async fn member_team_list(
    caller: Allowed<TeamRead>,
    State(app): State<UserManagement>,
    PathParameter((id, user)): PathParameter<(OrgId, UserId)>,
) -> Answered<Plain<TeamsOfMemberView>> {
    let tenant = vouch::own(&caller, id)?;
    app.member_or_former(&tenant, user).await?;
    let forest = read_forest(&app.store, &tenant).await?;
    let teams = TeamsOfMember::read(&app.store, &tenant, user).await?.teams;
    let places: Vec<_> = teams.iter().map(|team| team_member_place(&tenant, *team, user)).collect();
    let mut items = Vec::new();
    for item in app.store.get_many(&places).await? {
        let TeamMember { team_id, role, .. } = item.decode()?;
        items.push(TeamOfMember { team_id, role });
    }
    let mut above: Vec<TeamId> = teams
        .iter()
        .filter_map(|team| forest.find(*team))
        .flat_map(|team| forest.line(team.parent_team_id))
        .filter(|team| !teams.contains(team))
        .collect();
    above.sort_unstable();
    above.dedup();
    Ok(Plain(TeamsOfMemberView { items, ancestor_team_ids: above }))
}
