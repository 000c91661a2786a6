//! Listing secrets, and reading one.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Faults, Line, Result, Timestamp};
use millwright_http::{
    Answered, Asking, Entitled, Listed, Listing, OrOperator, PathParameter, Versioned,
    extract::Several,
};
use millwright_store::{RawItem, Store};
use std::collections::HashSet;
use utoipa::IntoParams;

use super::{SecretSummary, SecretView};
use crate::{
    app::SecretManagement,
    authority::Asker,
    domain::{
        Backend, Environment, GranteeType, Place, Scope, Secret, SecretId, SecretType, Standing,
        Status,
    },
    permissions::SecretRead,
    store::{GrantItem, secrets_by_name, secrets_of_place},
};

/// Filters of the secrets.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct SecretFilters {
    #[deserr(default)]
    scope: Option<Scope>,
    /// The team, project or user.
    #[deserr(default)]
    #[param(inline)]
    scope_id: Option<Line<1, 40>>,
    #[deserr(default)]
    #[param(inline)]
    environment: Option<Environment>,
    #[deserr(default, rename = "type")]
    #[param(rename = "type")]
    kind: Option<SecretType>,
    #[deserr(default)]
    #[param(inline)]
    tag: Option<Line<1, 50>>,
    /// How the name begins.
    #[deserr(default)]
    #[param(inline)]
    name_prefix: Option<Line<1, 255>>,
    /// May be repeated; `active` and `disabled` if not given.
    #[deserr(default)]
    #[param(value_type = Vec<Status>)]
    status: Several<Status>,
    #[deserr(default)]
    backend: Option<Backend>,
    #[deserr(default)]
    #[param(inline)]
    expires_before: Option<Timestamp>,
    #[deserr(default)]
    #[param(inline)]
    rotation_due_before: Option<Timestamp>,
}

impl SecretFilters {
    fn admit(&self, secret: &Secret) -> bool {
        let is =
            |text: &Option<String>, wanted: &Line<1, 40>| text.as_deref() == Some(wanted.as_str());
        let status = match self.status.0.is_empty() {
            true => secret.status != Status::Deleted,
            false => self.status.admits(&secret.status),
        };
        let before = |at: Option<Timestamp>, end: Timestamp| at.is_some_and(|at| at < end);
        status
            && self.scope.is_none_or(|scope| secret.scope == scope)
            && self.scope_id.as_ref().is_none_or(|id| is(&secret.scope_id, id))
            && self.environment.as_ref().is_none_or(|e| secret.environment.as_ref() == Some(e))
            && self.kind.is_none_or(|kind| secret.kind == kind)
            && self.tag.as_ref().is_none_or(|tag| secret.tags.contains(tag.as_str()))
            && self
                .name_prefix
                .as_ref()
                .is_none_or(|prefix| secret.name.as_str().starts_with(prefix.as_str()))
            && self.backend.is_none_or(|backend| secret.backend == backend)
            && self.expires_before.is_none_or(|end| before(secret.expires_at, end))
            && self
                .rotation_due_before
                .is_none_or(|end| before(secret.rotation.next_rotation_at, end))
    }

    /// The one place that is asked for, if the filters name one.
    fn place(&self) -> Option<Place> {
        let id = self.scope_id.as_ref().map(Line::as_str);
        let user = id.and_then(|id| id.parse().ok());
        let scope = self.scope?;
        if scope == Scope::Project && self.environment.is_none() {
            // Every environment of it: an index of its own would say less than a filter.
            return None;
        }
        Place::of(scope, id, self.environment.clone(), user).ok()
    }
}

/// Secrets that were granted to somebody are seen wherever they are.
const MAX_GRANTS: usize = 1_000;

/// Whom somebody's grants name: one Query each, none for admins.
async fn granted_to(
    asker: &Asker<'_>,
    standing: &Standing,
    store: &Store,
) -> Result<HashSet<String>> {
    let tenant = asker.tenant();
    let mut grantees = Vec::new();
    match standing.user {
        Some(user) => grantees.push((GranteeType::User, user.to_string())),
        None => grantees.push((GranteeType::ServiceKey, asker.caller.actor().to_owned())),
    }
    if let (Some(role), Some(_)) = (&asker.caller.principal.role, standing.user) {
        grantees.push((GranteeType::Role, role.clone()));
    }
    let teams = standing.teams.reaching();
    grantees.extend(teams.iter().map(|team| (GranteeType::Team, team.to_string())));
    let now = asker.app.now();
    let mut reached = HashSet::new();
    for (kind, id) in grantees {
        let query = GrantItem::of_grantee(&tenant, kind, &id);
        for item in store.collect(&query, MAX_GRANTS).await? {
            let grant: crate::domain::Grant = item.decode_attribute("summary")?;
            if grant.holds_at(now) {
                reached.insert(grant.secret_id.to_string());
            }
        }
    }
    Ok(reached)
}

/// List secrets
///
/// By name, only what the caller may see. One query, eventually consistent; for others than admins
/// one more for each grantee they are (user, role, teams), and at most two invokes a minute.
#[utoipa::path(get, path = "/api/v1/secrets", tag = "Secrets")]
pub async fn secret_list(
    caller: OrOperator<Entitled<SecretRead>>,
    State(app): State<SecretManagement>,
    asking: Asking,
    listing: Listing<SecretFilters>,
) -> Answered<Listed<SecretSummary>> {
    let asker = Asker::operated(&app, &caller, &asking);
    if !asker.permits::<SecretRead>() {
        // Grants let one read secrets by their ids; to go through all of them takes the permission.
        let detail = "your role may not list secrets";
        return Err(caller.deny::<SecretRead>(detail).await.into());
    }
    let tenant = caller.tenant();
    let mut standing = asker.standing();
    let mut granted = HashSet::new();
    if !standing.is_admin() && !standing.operates {
        standing = asker.standing_with_teams().await?;
        granted = granted_to(&asker, &standing, &app.store).await?;
    }
    let query = match listing.filters.place() {
        Some(place) => secrets_of_place(&tenant, &place),
        None => secrets_by_name(&tenant),
    };
    let now = app.now();
    let admit = |item: &RawItem| -> Result<Option<SecretSummary>> {
        let secret: Secret = item.decode_attribute("summary")?;
        let is_seen = standing.rights_at(&secret.place()?).sees_metadata()
            || granted.contains(&secret.id.to_string());
        let expired = secret.is_expired(now);
        let is_wanted = is_seen && listing.filters.admit(&secret);
        Ok(is_wanted.then_some(SecretSummary { secret, expired }))
    };
    let (limit, from) = (listing.limit, listing.from.as_ref());
    let page = app.store.filtered_page(&query, limit, from, true, admit).await?;
    Ok(listing.page(page.items, page.next).await?)
}

/// Read a secret
///
/// Without its value. Strongly consistent. One query; at most two invokes a minute where teams
/// decide.
#[utoipa::path(get, path = "/api/v1/secrets/{secretId}", tag = "Secrets")]
pub async fn secret_get(
    caller: OrOperator<Entitled<SecretRead>>,
    State(app): State<SecretManagement>,
    asking: Asking,
    PathParameter((id,)): PathParameter<(SecretId,)>,
) -> Answered<Versioned<SecretView>> {
    let asker = Asker::operated(&app, &caller, &asking);
    let (loaded, held) = asker.demand_sight(id).await?;
    let settings = app.settings(&caller.tenant()).await?;
    let mut view = SecretView::of(&loaded, &held, app.now());
    if settings.show_hints && !asker.is_operator {
        view.hint = loaded.inside.hint.clone();
    }
    Ok(Versioned(view))
}
