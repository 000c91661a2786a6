//! DELETE /auth/sessions/{sessionId}; POST /auth/sessions/revoke-others, /revoke-all

use axum::extract::State;
use millwright_core::{Error, Result, SessionId, Tenant, UserId};
use millwright_http::{
    Answered, Empty, NoContent, PathParameter, Plain, Session as InSession, SignedIn, Submission,
    Write,
};
use millwright_store::{Contention, Store};
use serde::Serialize;
use utoipa::ToSchema;

use super::read::current;
use crate::{
    app::Auth,
    domain::{RevokedReason, Session},
    login::establish::revoke,
    store::{PersonHead, head_key, session_key},
};

/// Revoke an own session
///
/// Also the current one. What is over already stays so. One GetItem and one transaction of three
/// items.
#[utoipa::path(delete, path = "/api/v1/auth/sessions/{sessionId}", tag = "Sessions")]
pub async fn session_revoke(
    caller: InSession<SignedIn>,
    State(app): State<Auth>,
    PathParameter((id,)): PathParameter<(SessionId,)>,
) -> Answered<NoContent> {
    let (person, user) = (caller.tenant(), caller.user());
    let attempt = || async {
        let found: Option<Session> = app.store.get(&session_key(&person, id)).await?;
        let session = found.ok_or_else(|| Error::not_found("session"))?;
        let mut write = caller.write(&app.store);
        if session.is_active(app.clock().now()) {
            revoke(&mut write, &person, (user, id), RevokedReason::ByUser)?;
        }
        write.commit(NoContent).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}

/// How many sessions were revoked.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct RevokedOthers {
    pub revoked: usize,
}

/// Revoke all other sessions
///
/// One GetItem, one BatchGetItem and one transaction of at most 20 items.
#[utoipa::path(post, path = "/api/v1/auth/sessions/revoke-others", tag = "Sessions")]
pub async fn session_revoke_others(
    caller: InSession<SignedIn>,
    State(app): State<Auth>,
    submission: Submission<Empty>,
) -> Answered<Plain<RevokedOthers>> {
    let (person, user) = (caller.tenant(), caller.user());
    let mine = current(&caller);
    let attempt = || async {
        let mut write = submission.write(&app.store, &caller);
        let sessions = active_sessions(&app.store, &person).await?;
        let others = sessions.into_iter().filter(|id| Some(*id) != mine);
        let revoked = revoke_each(&mut write, &person, user, others)?;
        write.commit(Plain(RevokedOthers { revoked })).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}

/// The active sessions of a person. One GetItem and one BatchGetItem.
///
/// # Errors
/// `unavailable`.
pub async fn active_sessions(store: &Store, person: &Tenant) -> Result<Vec<SessionId>> {
    let head: Option<PersonHead> = store.get(&head_key(person)).await?;
    let places: Vec<_> =
        head.unwrap_or_default().sessions.into_iter().map(|id| session_key(person, id)).collect();
    let mut active = Vec::new();
    let now = store.clock().now();
    for item in store.get_many(&places).await? {
        let session: Session = item.decode()?;
        active.extend(session.is_active(now).then_some(session.id));
    }
    Ok(active)
}

fn revoke_each(
    write: &mut Write,
    person: &Tenant,
    user: UserId,
    sessions: impl IntoIterator<Item = SessionId>,
) -> Result<usize> {
    let mut revoked = 0;
    for id in sessions {
        revoke(write, person, (user, id), RevokedReason::ByUser)?;
        revoked += 1;
    }
    Ok(revoked)
}
