//! Who can reach what: the grants of somebody, and somebody's access to a secret.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Error, FaultCode, Faults, Line, Result, ServiceKeyId, UserId};
use millwright_http::{
    Allowed, Answered, Asking, Entitled, Listed, Listing, Parameters, PathParameter, Plain,
};
use millwright_identity::{Grants, Requires};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::{
    app::SecretManagement,
    authority::{Asker, decide, standing_of},
    domain::{Grant, GranteeType, Right, SecretId, check_grantee},
    permissions::{GrantManage, GrantRead, SecretDelete, SecretReveal, SecretUpdate, SecretUse},
    store::{GrantItem, Loaded},
};

/// Whose grants.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct GranteeFilters {
    grantee_type: GranteeType,
    #[param(inline)]
    grantee_id: Line<1, 40>,
}

/// Find the grants of somebody
///
/// What they can reach by grants, by the names the secrets had; only of secrets the caller may
/// grant. One query and one batch read; at most two invokes a minute where teams decide.
#[utoipa::path(get, path = "/api/v1/secrets/grants", tag = "Grants")]
pub async fn grant_search(
    caller: Allowed<GrantRead>,
    State(app): State<SecretManagement>,
    asking: Asking,
    listing: Listing<GranteeFilters>,
) -> Answered<Listed<Grant>> {
    let asker = Asker::allowed(&app, &caller, &asking);
    let GranteeFilters { grantee_type, grantee_id } = &listing.filters;
    check_grantee(*grantee_type, grantee_id.as_str())?;
    let tenant = caller.tenant();
    let query = GrantItem::of_grantee(&tenant, *grantee_type, grantee_id.as_str());
    let page = app.store.page(&query, listing.limit, listing.from.as_ref()).await?;
    let grants: Result<Vec<Grant>> =
        page.items.iter().map(|item| item.decode_attribute("summary")).collect();
    let mut standing = asker.standing();
    if !standing.is_admin() {
        standing = asker.standing_with_teams().await?;
    }
    let mut seen = Vec::new();
    for grant in grants? {
        let is_own = caller.user().is_some_and(|user| grant.grantee_id == user.to_string());
        let found: Option<crate::store::SecretItem> =
            app.store.get(&crate::store::SecretItem::place(&tenant, grant.secret_id)).await?;
        let place = found.map(|item| item.summary.place()).transpose()?;
        let may = place.is_some_and(|place| standing.rights_at(&place).has(Right::Grant));
        if is_own || may {
            seen.push(grant);
        }
    }
    Ok(listing.page(seen, page.next).await?)
}

/// Whose rights.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct CheckParameters {
    #[deserr(default)]
    #[param(inline)]
    user_id: Option<UserId>,
    #[deserr(default)]
    #[param(inline)]
    service_key_id: Option<ServiceKeyId>,
}

/// What somebody may do with a secret, and by what.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessCheck {
    rights: Vec<Right>,
    /// `scope:<scope>`, and ids of grants.
    because: Vec<String>,
}

/// Check somebody's access
///
/// As their role, teams and grants are now. One query, two reads and at most two invokes.
#[utoipa::path(get, path = "/api/v1/secrets/{secretId}/access-check", tag = "Grants")]
pub async fn access_check(
    caller: Entitled<GrantRead>,
    State(app): State<SecretManagement>,
    asking: Asking,
    PathParameter((id,)): PathParameter<(SecretId,)>,
    Parameters(parameters): Parameters<CheckParameters>,
) -> Answered<Plain<AccessCheck>> {
    let asker = Asker::of(&app, &caller, &asking);
    let (loaded, _) = asker.demand::<GrantRead>(id, Right::Grant).await?;
    let CheckParameters { user_id, service_key_id } = parameters;
    match (user_id, service_key_id) {
        (Some(user), None) => Ok(Plain(of_user(&asker, &loaded, user).await?)),
        (None, Some(key)) => {
            let standing = standing_of(&Grants::Nothing, None);
            let live = loaded.grants.iter().filter(|grant| grant.holds_at(app.now()));
            let place = loaded.secret.place()?;
            let held = decide(&place, live, &key.to_string(), None, &standing);
            Ok(Plain(AccessCheck { rights: held.all().list(), because: held.because }))
        }
        _ => {
            let detail = "exactly one of userId and serviceKeyId is required";
            Err(Error::fault("query:userId", FaultCode::Required, detail).into())
        }
    }
}

async fn of_user(asker: &Asker<'_>, loaded: &Loaded, user: UserId) -> Result<AccessCheck> {
    let app = asker.app;
    let member = app.directory.member_role(&asker.tenant(), user).await?;
    let Some(member) = member else {
        return Ok(AccessCheck { rights: Vec::new(), because: Vec::new() });
    };
    let mut standing = standing_of(&member.grants, Some(user));
    let organization = asker.organization()?;
    standing.teams = app.teams.get(&*app.directory, organization, user, asker.asking).await?;
    let live = loaded.grants.iter().filter(|grant| grant.holds_at(app.now()));
    let (place, subject) = (loaded.secret.place()?, user.to_string());
    let held = decide(&place, live, &subject, Some(&member.role), &standing);
    let by_place = |right: &Right| {
        let permission = match right {
            Right::Use => SecretUse::PERMISSION,
            Right::Read => SecretReveal::PERMISSION,
            Right::Update => SecretUpdate::PERMISSION,
            Right::Delete => SecretDelete::PERMISSION,
            Right::Grant => GrantManage::PERMISSION,
        };
        held.scope.has(*right) && member.grants.reason(permission).is_some()
    };
    let has = |right: &Right| by_place(right) || held.granted.has(*right);
    let rights = Right::ALL.iter().copied().filter(|right| has(right)).collect();
    Ok(AccessCheck { rights, because: held.because })
}
