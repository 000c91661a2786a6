//! Who is in a team.

use std::collections::HashSet;

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Faults, TeamId, UserId};
use millwright_http::{Allowed, Answered, Listed, Listing, PathParameter, extract::Flag};
use millwright_store::Position;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::{
    app::UserManagement,
    domain::{TeamMember, TeamRole, UserCard, fold},
    permissions::TeamRead,
    store::{MemberItem, member_place, read_forest, team_members, team_partition},
};

/// Every member a team may have.
const MAX_MEMBERS: usize = 500;

/// A member of a team, with the card.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TeamMemberView {
    #[serde(flatten)]
    member: TeamMember,
    user: UserCard,
}

impl TeamMemberView {
    /// Where it stands in a list.
    fn order(&self) -> String {
        format!("{}#{}", fold(self.user.display_name.as_str()), self.user.id)
    }
}

/// Filters of the members of a team.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct TeamMemberFilters {
    #[deserr(default)]
    #[param(inline)]
    role: Option<TeamRole>,
    /// Those of the teams below as well, each person once: as member of the team that is nearest.
    #[deserr(default)]
    #[param(inline, required = false)]
    include_subteams: Flag,
}

/// List the members of a team
///
/// By name. Two queries, and one batch read for each hundred members, whatever the page; with
/// `includeSubteams` a query more for each team below.
#[utoipa::path(get, path = "/api/v1/teams/{teamId}/members", tag = "Teams")]
pub async fn team_member_list(
    caller: Allowed<TeamRead>,
    State(app): State<UserManagement>,
    PathParameter((id,)): PathParameter<(TeamId,)>,
    listing: Listing<TeamMemberFilters>,
) -> Answered<Listed<TeamMemberView>> {
    let filters = &listing.filters;
    let tenant = caller.tenant();
    let forest = read_forest(&app.store, &tenant).await?;
    forest.team(id)?;
    let teams = match filters.include_subteams.0 {
        true => forest.with_subteams(id),
        false => vec![id],
    };
    let mut members: Vec<TeamMember> = Vec::new();
    let mut seen: HashSet<UserId> = HashSet::new();
    for team in teams {
        for item in app.store.collect(&team_members(&tenant, team), MAX_MEMBERS).await? {
            let member: TeamMember = item.decode()?;
            if seen.insert(member.user_id) && filters.role.is_none_or(|role| member.role == role) {
                members.push(member);
            }
        }
    }
    let places: Vec<_> = members.iter().map(|it| member_place(&tenant, it.user_id)).collect();
    let mut cards = Vec::with_capacity(places.len());
    for item in app.store.get_many(&places).await? {
        cards.push(item.decode::<MemberItem>()?.member.user);
    }
    let with_card = |member: TeamMember| {
        let user = cards.iter().find(|card| card.id == member.user_id)?.clone();
        Some(TeamMemberView { member, user })
    };
    let mut items: Vec<TeamMemberView> = members.into_iter().filter_map(with_card).collect();
    items.sort_by_key(TeamMemberView::order);
    if let Some(from) = &listing.from {
        items.retain(|item| item.order().as_str() > from.sort_key());
    }
    let has_more = items.len() > listing.limit;
    items.truncate(listing.limit);
    let next = items.last().filter(|_| has_more);
    let next = next.map(|last| Position::behind(&team_partition(&tenant, id).at(last.order())));
    Ok(listing.page(items, next).await?)
}
