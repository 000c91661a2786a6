//! The organizations of a person.

use axum::extract::State;
use deserr::Deserr;
use millwright_access::facts::{MembershipStatus, RoleFacts};
use millwright_core::{Error, Faults, OrgId, RoleId};
use millwright_http::{Answered, Parameters, PathParameter, Plain, SignedIn, extract::Several};
use millwright_identity::SystemRole;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::{
    app::UserManagement,
    domain::{Organization, Slug, fold},
    store::{RoleItem, SlugMarker, organization_place},
    vouch,
};

/// An organization one belongs to.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MyOrganization {
    organization: Organization,
    role_id: RoleId,
    role_name: String,
    /// Null for a custom role.
    system_key: Option<SystemRole>,
    /// Of the membership.
    status: MembershipStatus,
    joined_at: millwright_core::Timestamp,
}

/// All of them at once: there are at most fifty.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MyOrganizations {
    items: Vec<MyOrganization>,
    /// Always null.
    next_cursor: Option<String>,
}

/// Filters of one's own organizations.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct MyOrganizationFilters {
    /// Of the membership; may be repeated. `active` and `suspended` if not given.
    #[deserr(default)]
    #[param(inline, required = false)]
    status: Several<MembershipStatus>,
}

/// List one's own organizations
///
/// By name, with one's role in each; not paged. One query and two batch reads.
#[utoipa::path(get, path = "/api/v1/organizations", tag = "Organizations")]
pub async fn my_organization_list(
    caller: SignedIn,
    State(app): State<UserManagement>,
    Parameters(filters): Parameters<MyOrganizationFilters>,
) -> Answered<Plain<MyOrganizations>> {
    let wanted = |status: &MembershipStatus| match filters.status.0.is_empty() {
        true => *status != MembershipStatus::Ended,
        false => filters.status.admits(status),
    };
    let mut members = app.members_of(&caller.tenant()).await?;
    members.retain(|member| wanted(&member.status));
    let mut places = Vec::with_capacity(members.len() * 2);
    for member in &members {
        let tenant = vouch::joined(member.organization_id);
        places.push(organization_place(&tenant));
        places.push(RoleFacts::place(&tenant, member.role_id));
    }
    let found = app.store.get_many(&places).await?;
    let mut organizations: Vec<Organization> = Vec::new();
    let mut roles: Vec<RoleItem> = Vec::new();
    for item in &found {
        match item.is::<Organization>() {
            true => organizations.push(item.decode()?),
            false => roles.push(item.decode()?),
        }
    }
    let mut items: Vec<MyOrganization> = members
        .into_iter()
        .filter_map(|member| {
            let organization = organizations.iter().find(|it| it.id == member.organization_id)?;
            let role = roles.iter().find(|role| role.facts.role_id == member.role_id);
            Some(MyOrganization {
                organization: organization.clone(),
                role_id: member.role_id,
                role_name: role.map(|role| role.name.clone()).unwrap_or_default(),
                system_key: member.system_key,
                status: member.status,
                joined_at: member.joined_at,
            })
        })
        .collect();
    items.sort_by_key(|item| (fold(item.organization.name.as_str()), item.organization.id));
    Ok(Plain(MyOrganizations { items, next_cursor: None }))
}

/// Whose a slug is.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FoundOrganization {
    organization_id: OrgId,
    /// As it is called now.
    slug: Slug,
    /// It was called so before.
    moved: bool,
}

/// Find an organization by slug
///
/// One of one's own, also by the slug it had until 90 days ago. Three reads.
#[utoipa::path(get, path = "/api/v1/organizations/by-slug/{slug}", tag = "Organizations")]
pub async fn organization_find(
    caller: SignedIn,
    State(app): State<UserManagement>,
    PathParameter((slug,)): PathParameter<(Slug,)>,
) -> Answered<Plain<FoundOrganization>> {
    let marker: Option<SlugMarker> = app.store.get(&SlugMarker::place(&slug)).await?;
    let now = app.store.clock().now();
    let marker = marker.filter(|marker| marker.free_at.is_none_or(|free_at| now < free_at));
    let marker = marker.ok_or_else(|| Error::not_found("organization"))?;
    let (tenant, _) = vouch::member(&app.store, marker.organization_id, caller.user()).await?;
    let organization = app.organization(&tenant).await?;
    let moved = organization.slug != slug;
    Ok(Plain(FoundOrganization {
        organization_id: organization.id,
        slug: organization.slug,
        moved,
    }))
}
