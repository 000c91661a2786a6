//! POST /auth/sessions/current/switch-organization

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Error, Faults, OrgId, SessionId, codes};
use millwright_http::{Answered, Body, Plain, Session as InSession, SignedIn};
use millwright_store::Contention;
use utoipa::ToSchema;

use super::{
    browser::TokenView,
    issue::{Wish, issue},
};
use crate::{
    app::Auth, codes::SESSION_EXPIRED, domain::Session, events::SessionSwitched, store::session_key,
};

/// Where to go.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "organizationId": null }))]
pub struct SwitchIn {
    /// An organization with an active membership; null: none.
    #[schema(value_type = Option<OrgId>)]
    organization_id: Option<OrgId>,
}

/// Switch the organization
///
/// The session's own organization from now on, and an access token for it; older tokens live out
/// their time, the refresh token stays. One GetItem, one BatchGetItem of facts, one transaction of
/// two items; one GetItem more for a custom role.
#[utoipa::path(post, path = "/api/v1/auth/sessions/current/switch-organization", tag = "Sessions")]
pub async fn session_switch(
    caller: InSession<SignedIn>,
    State(app): State<Auth>,
    Body(input): Body<SwitchIn>,
) -> Answered<Plain<TokenView>> {
    let id: Option<SessionId> =
        caller.principal.session_id.as_deref().and_then(|id| id.parse().ok());
    let id = id.ok_or_else(|| Error::new(codes::SESSION_REQUIRED, "sign in"))?;
    let (user, person) = (caller.user(), caller.tenant());
    let wanted = input.organization_id;
    let access = app.facts.access(user, wanted).await?;
    let attempt = || async {
        let now = app.clock().now();
        let found: Option<Session> = app.store.get(&session_key(&person, id)).await?;
        let found = found.filter(|session| session.is_active(now));
        let mut session = found.ok_or_else(|| Error::new(SESSION_EXPIRED, "sign in again"))?;
        let previous = session.organization_id;
        session.organization_id = wanted;
        let wish = Wish { organization: wanted, is_operator: false };
        let issued = issue(&app, &session, wish, &access).await?;
        if previous != wanted {
            let before = session.version;
            session.version += 1;
            let mut write = caller.write(&app.store);
            let step = write.replace(&session, before);
            write.refused_as(step, Error::lost_race());
            write.emit(&SessionSwitched {
                user_id: user,
                session_id: id,
                client_kind: session.client_kind,
                organization_id: wanted,
                previous_organization_id: previous,
            })?;
            write.commit(millwright_http::NoContent).await?;
        }
        Ok(TokenView::of(&session, issued, now))
    };
    let view = Contention::new(&app.store).settle(&app.store, attempt).await?;
    Ok(Plain(view))
}
