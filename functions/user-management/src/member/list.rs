//! Reading members.

use std::collections::HashSet;

use axum::extract::State;
use deserr::Deserr;
use millwright_access::facts::MembershipStatus;
use millwright_core::{Faults, Line, OrgId, Result, RoleId, TeamId, Tenant, UserId};
use millwright_http::{
    Allowed, Answered, Listed, Listing, PathParameter, Versioned, extract::Several,
};
use utoipa::IntoParams;

use super::{MemberView, viewed, viewed_all};
use crate::{
    app::UserManagement,
    domain::{Member, MemberSummary, TeamMember, fold},
    permissions::UserRead,
    store::{MemberItem, member_place, members_by_name, team_members},
    vouch,
};

/// Filters of the members.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct MemberFilters {
    /// May be repeated. `active` and `suspended` if not given.
    #[deserr(default)]
    #[param(inline, required = false)]
    status: Several<MembershipStatus>,
    #[deserr(default)]
    #[param(inline)]
    role_id: Option<RoleId>,
    /// Members of this team.
    #[deserr(default)]
    #[param(inline)]
    team_id: Option<TeamId>,
    /// How the name, a word of it, or the address begins.
    #[deserr(default)]
    #[param(inline)]
    q: Option<Line<2, 100>>,
}

impl MemberFilters {
    fn admit(&self, summary: &MemberSummary) -> bool {
        let status = match self.status.0.is_empty() {
            true => summary.status != MembershipStatus::Ended,
            false => self.status.admits(&summary.status),
        };
        status
            && self.role_id.is_none_or(|role| summary.role_id == role)
            && self.q.as_ref().is_none_or(|q| summary.matches(&fold(q.as_str())))
    }
}

/// List members
///
/// By name. A page may be short and still have a next one: at most 1,000 members are looked at for
/// each. One query, eventually consistent, and one batch read; for custom roles one more, with
/// `teamId` one query more.
#[utoipa::path(get, path = "/api/v1/organizations/{organizationId}/members", tag = "Members")]
pub async fn member_list(
    caller: Allowed<UserRead>,
    State(app): State<UserManagement>,
    PathParameter((id,)): PathParameter<(OrgId,)>,
    listing: Listing<MemberFilters>,
) -> Answered<Listed<MemberView>> {
    let tenant = vouch::own(&caller, id)?;
    let query = members_by_name(&tenant);
    let team = match listing.filters.team_id {
        Some(team) => Some(people_of(&app, &tenant, team).await?),
        None => None,
    };
    let admit = |item: &millwright_store::RawItem| {
        let summary: MemberSummary = item.decode_attribute("summary")?;
        let user = summary.user_id;
        let is_in_team = team.as_ref().is_none_or(|people| people.contains(&user));
        Ok((is_in_team && listing.filters.admit(&summary)).then_some(user))
    };
    let from = listing.from.as_ref();
    let page = app.store.filtered_page(&query, listing.limit, from, true, admit).await?;
    let places: Vec<_> = page.items.iter().map(|user| member_place(&tenant, *user)).collect();
    let members: Vec<Member> = match places.is_empty() {
        true => Vec::new(),
        false => {
            let items = app.store.get_many(&places).await?;
            let members: Result<Vec<MemberItem>> =
                items.iter().map(millwright_store::RawItem::decode).collect();
            members?.into_iter().map(|item| item.member).collect()
        }
    };
    Ok(listing.page(viewed_all(&app, &tenant, members).await?, page.next).await?)
}

/// The members of a team; nobody of one that is not there. One Query.
async fn people_of(app: &UserManagement, tenant: &Tenant, team: TeamId) -> Result<HashSet<UserId>> {
    const MAX: usize = 500;
    let items = app.store.collect(&team_members(tenant, team), MAX).await?;
    items.iter().map(|item| Ok(item.decode::<TeamMember>()?.user_id)).collect()
}

/// Read a member
///
/// Also one who has left, for a year. One read; one more for a custom role.
#[utoipa::path(
    get,
    path = "/api/v1/organizations/{organizationId}/members/{userId}",
    tag = "Members"
)]
pub async fn member_get(
    caller: Allowed<UserRead>,
    State(app): State<UserManagement>,
    PathParameter((id, user)): PathParameter<(OrgId, UserId)>,
) -> Answered<Versioned<MemberView>> {
    let tenant = vouch::own(&caller, id)?;
    let member = app.member_or_former(&tenant, user).await?;
    Ok(Versioned(viewed(&app, &tenant, member).await?))
}
