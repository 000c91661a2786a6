//! GET /auth/sessions, /auth/sessions/{sessionId}; PATCH

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Change, Error, Faults, SessionId};
use millwright_http::{
    Answered, Body, Caller, IfMatch, Listed, Listing, PathParameter, Representation, SignedIn,
    Versioned,
};
use millwright_store::Contention;
use utoipa::{IntoParams, ToSchema};

use crate::{
    app::Auth,
    domain::{DeviceName, Session, SessionStatus, SessionView},
    store::{session_key, sessions_of},
};

impl Representation for SessionView {
    fn version(&self) -> u64 {
        self.version
    }

    fn location(&self) -> String {
        format!("/api/v1/auth/sessions/{}", self.id)
    }
}

/// The session of the request, if it has one.
pub fn current(caller: &Caller) -> Option<SessionId> {
    caller.principal.session_id.as_deref().and_then(|id| id.parse().ok())
}

/// Which sessions.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct SessionFilters {
    /// `active` if not given.
    #[deserr(default = SessionStatus::Active)]
    #[param(required = false, inline)]
    status: SessionStatus,
}

/// List own sessions
///
/// Newest first; what is over for 30 days. One query.
#[utoipa::path(get, path = "/api/v1/auth/sessions", tag = "Sessions")]
pub async fn session_list(
    caller: SignedIn,
    State(app): State<Auth>,
    listing: Listing<SessionFilters>,
) -> Answered<Listed<SessionView>> {
    let now = app.clock().now();
    let query = sessions_of(&caller.tenant());
    let wanted = listing.filters.status;
    let from = listing.from.as_ref();
    let page = app.store.filtered_page(&query, listing.limit, from, true, |item| {
        let session: Session = item.decode()?;
        let is_wanted = session.status(now) == wanted;
        Ok(is_wanted.then(|| SessionView::of(&session, current(&caller), now)))
    });
    let page = page.await?;
    Ok(listing.page(page.items, page.next).await?)
}

/// Read an own session
///
/// One GetItem.
#[utoipa::path(get, path = "/api/v1/auth/sessions/{sessionId}", tag = "Sessions")]
pub async fn session_get(
    caller: SignedIn,
    State(app): State<Auth>,
    PathParameter((id,)): PathParameter<(SessionId,)>,
) -> Answered<Versioned<SessionView>> {
    let found: Option<Session> = app.store.get(&session_key(&caller.tenant(), id)).await?;
    let session = found.ok_or_else(|| Error::not_found("session"))?;
    Ok(Versioned(SessionView::of(&session, current(&caller), app.clock().now())))
}

/// A change of a session.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "deviceName": "Desk" }))]
pub struct SessionPatchIn {
    #[deserr(default)]
    #[schema(required = false)]
    device_name: Change<DeviceName>,
}

/// Name an own session
///
/// One GetItem and one transaction of one item.
#[utoipa::path(patch, path = "/api/v1/auth/sessions/{sessionId}", tag = "Sessions")]
pub async fn session_update(
    caller: SignedIn,
    State(app): State<Auth>,
    PathParameter((id,)): PathParameter<(SessionId,)>,
    if_match: IfMatch,
    Body(patch): Body<SessionPatchIn>,
) -> Answered<Versioned<SessionView>> {
    let place = session_key(&caller.tenant(), id);
    let attempt = || async {
        let found: Option<Session> = app.store.get(&place).await?;
        let mut session = found.ok_or_else(|| Error::not_found("session"))?;
        if_match.check(session.version)?;
        let before = session.clone();
        patch.device_name.clone().apply_to(&mut session.device_name);
        let mut write = caller.write(&app.store);
        if session != before {
            session.version += 1;
            let step = write.replace(&session, before.version);
            write.refused_as(step, Error::lost_race());
        }
        let view = SessionView::of(&session, current(&caller), app.clock().now());
        write.commit(Versioned(view)).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}
