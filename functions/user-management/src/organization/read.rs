//! An organization of one's own: reading it, renaming it, its limits.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Change, Error, Faults, OrgId, Patch, Result};
use millwright_http::{Allowed, Answered, Body, IfMatch, PathParameter, Plain, Versioned, Write};
use millwright_store::Contention;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::UserManagement,
    domain::{Description, HttpsUrl, Organization, OrganizationName, OrganizationPatch, Slug},
    events::{OrganizationData, OrganizationUpdated},
    permissions::{OrganizationRead, OrganizationUpdate},
    store::{Counters, SlugMarker},
    vouch,
};

/// A change of an organization.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "name": "Difference Engines" }))]
pub struct OrganizationPatchIn {
    #[deserr(default)]
    #[schema(required = false)]
    name: Change<OrganizationName>,
    /// The old one leads here for 90 days.
    #[deserr(default)]
    #[schema(required = false)]
    slug: Change<Slug>,
    #[deserr(default)]
    #[schema(required = false)]
    description: Patch<Description>,
    #[deserr(default)]
    #[schema(required = false)]
    logo_url: Patch<HttpsUrl>,
}

impl From<OrganizationPatchIn> for OrganizationPatch {
    fn from(patch: OrganizationPatchIn) -> OrganizationPatch {
        let OrganizationPatchIn { name, slug, description, logo_url } = patch;
        OrganizationPatch { name, slug, description, logo_url }
    }
}

/// Read the organization
///
/// The one of the credential; any other is not found. One read.
#[utoipa::path(get, path = "/api/v1/organizations/{organizationId}", tag = "Organizations")]
pub async fn organization_get(
    caller: Allowed<OrganizationRead>,
    State(app): State<UserManagement>,
    PathParameter((id,)): PathParameter<(OrgId,)>,
) -> Answered<Versioned<Organization>> {
    Ok(Versioned(app.organization(&vouch::own(&caller, id)?).await?))
}

/// Change the organization
///
/// A slug that is given up leads here for 90 days, and no other organization is called so
/// meanwhile. A change of nothing is no change. One read and one transaction of at most four items;
/// with another slug one read more.
#[utoipa::path(patch, path = "/api/v1/organizations/{organizationId}", tag = "Organizations")]
pub async fn organization_update(
    caller: Allowed<OrganizationUpdate>,
    State(app): State<UserManagement>,
    PathParameter((id,)): PathParameter<(OrgId,)>,
    if_match: IfMatch,
    Body(patch): Body<OrganizationPatchIn>,
) -> Answered<Versioned<Organization>> {
    let tenant = vouch::own(&caller, id)?;
    let patch = OrganizationPatch::from(patch);
    let attempt = || async {
        let before = app.organization(&tenant).await?;
        if_match.check(before.version)?;
        let mut write = caller.write(&app.store);
        let patched = before.patched(patch.clone());
        if patched == before {
            return write.commit(Versioned(before)).await;
        }
        let after = patched.stamped(app.stamp(&caller));
        let step = write.replace(&after, before.version);
        write.refused_as(step, Error::lost_race());
        if after.slug != before.slug {
            move_slug(&app, &mut write, &before, &after).await?;
        }
        write.emit(&OrganizationUpdated(OrganizationData::between(&before, &after)))?;
        write.commit(Versioned(after)).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}

/// Takes the new slug, or takes it back, and gives the old one up. One GetItem.
async fn move_slug(
    app: &UserManagement,
    write: &mut Write,
    before: &Organization,
    after: &Organization,
) -> Result<()> {
    let marker: Option<SlugMarker> = app.store.get(&SlugMarker::place(&after.slug)).await?;
    match marker {
        Some(marker) if marker.organization_id == after.id => {
            SlugMarker::take_back(write, &after.slug, after.id);
        }
        _ => {
            SlugMarker::take(write, &after.slug, after.id, after.updated_at);
        }
    }
    SlugMarker::give_up(write, &before.slug, before.id, after.updated_at);
    Ok(())
}

/// How much of a limit is used.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Usage {
    used: u64,
    limit: u64,
}

/// The limits of an organization.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    members: Usage,
    custom_roles: Usage,
    teams: Usage,
    pending_invitations: Usage,
}

/// Read the limits
///
/// How many members, custom roles, teams and pending invitations there are, and may be. Exact. One
/// read.
#[utoipa::path(get, path = "/api/v1/organizations/{organizationId}/limits", tag = "Organizations")]
pub async fn organization_limits_get(
    caller: Allowed<OrganizationRead>,
    State(app): State<UserManagement>,
    PathParameter((id,)): PathParameter<(OrgId,)>,
) -> Answered<Plain<Limits>> {
    let tenant = vouch::own(&caller, id)?;
    let counters: Option<Counters> = app.store.get(&Counters::place(&tenant)).await?;
    let counters = counters.ok_or_else(|| Error::not_found("organization"))?;
    let usage = |used, limit| Usage { used, limit };
    Ok(Plain(Limits {
        members: usage(counters.member_count, counters.member_limit.into()),
        custom_roles: usage(counters.custom_role_count, MAX_CUSTOM_ROLES),
        teams: usage(counters.team_count, MAX_TEAMS),
        pending_invitations: usage(counters.pending_invitation_count, MAX_PENDING_INVITATIONS),
    }))
}

/// The most custom roles of an organization.
pub const MAX_CUSTOM_ROLES: u64 = 50;
/// The most teams of an organization.
pub const MAX_TEAMS: u64 = 200;
/// The most pending invitations of an organization.
pub const MAX_PENDING_INVITATIONS: u64 = 2_000;
