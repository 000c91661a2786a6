//! DELETE /auth/sessions/{sessionId}; POST /auth/sessions/revoke-others, /revoke-all

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Error, Faults, Result, SessionId, Tenant, UserId};
use millwright_http::{
    Answered, Body, Caller, Empty, NoContent, Operator, PathParameter, Plain, Session as InSession,
    SignedIn, Submission, Write,
};
use millwright_store::{Contention, Store};
use serde::Serialize;
use utoipa::ToSchema;

use super::read::current;
use crate::{
    app::Auth,
    domain::{RevokedReason, Session},
    key::revoke_personal_keys,
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
        let others = sessions.iter().map(|it| it.id).filter(|id| Some(*id) != mine);
        let revoked = revoke_each(&mut write, &person, user, others)?;
        write.commit(Plain(RevokedOthers { revoked })).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}

/// The active sessions of a person. One GetItem and one BatchGetItem.
///
/// # Errors
/// `unavailable`.
pub async fn active_sessions(store: &Store, person: &Tenant) -> Result<Vec<Session>> {
    let head: Option<PersonHead> = store.get(&head_key(person)).await?;
    let places: Vec<_> =
        head.unwrap_or_default().sessions.into_iter().map(|id| session_key(person, id)).collect();
    let mut active = Vec::new();
    let now = store.clock().now();
    for item in store.get_many(&places).await? {
        let session: Session = item.decode()?;
        active.extend(Some(session).filter(|it| it.is_active(now)));
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

/// What else goes with the sessions.
#[derive(Clone, Copy, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "includeApiKeys": true }))]
pub struct RevokeAllIn {
    /// Also the personal API keys, in every organization.
    #[deserr(default)]
    #[schema(required = false)]
    include_api_keys: bool,
}

/// What was revoked.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RevokedAll {
    pub revoked_sessions: usize,
    pub revoked_keys: usize,
}

/// Revoke all own sessions
///
/// Also the current one; with `includeApiKeys` also every personal API key. One GetItem, one
/// BatchGetItem and one transaction of at most 20 items; for keys one query of memberships, and one
/// query for each of them and one GetItem and one transaction for each key.
#[utoipa::path(post, path = "/api/v1/auth/sessions/revoke-all", tag = "Sessions")]
pub async fn session_revoke_all(
    caller: InSession<SignedIn>,
    State(app): State<Auth>,
    Body(input): Body<RevokeAllIn>,
) -> Answered<Plain<RevokedAll>> {
    let (person, user) = (caller.tenant(), caller.user());
    let all = all_of(&app, &caller, (&person, user), RevokedReason::ByUser, input);
    Ok(Plain(all.await?))
}

/// Revoke a person's sessions
///
/// By an operator; with `includeApiKeys` also every personal API key. One GetItem, one
/// BatchGetItem and one transaction of at most 20 items; for keys as session_revoke_all.
#[utoipa::path(post, path = "/api/v1/auth/users/{userId}/revoke-sessions", tag = "Operator")]
pub async fn user_session_revoke_all(
    caller: Operator,
    State(app): State<Auth>,
    PathParameter((user,)): PathParameter<(UserId,)>,
    Body(input): Body<RevokeAllIn>,
) -> Answered<Plain<RevokedAll>> {
    let person = caller.about(user);
    let all = all_of(&app, &caller, (&person, user), RevokedReason::ByOperator, input);
    Ok(Plain(all.await?))
}

async fn all_of(
    app: &Auth,
    caller: &Caller,
    (person, user): (&Tenant, UserId),
    reason: RevokedReason,
    input: RevokeAllIn,
) -> Result<RevokedAll> {
    let attempt = || async {
        let mut write = caller.write(&app.store);
        let sessions = active_sessions(&app.store, person).await?;
        for Session { id, .. } in &sessions {
            write.within(person, |effects| revoke(effects, person, (user, *id), reason))?;
        }
        write.commit(NoContent).await?;
        Ok(sessions.len())
    };
    let revoked_sessions = Contention::new(&app.store).settle(&app.store, attempt).await?;
    let revoked_keys =
        if input.include_api_keys { revoke_personal_keys(app, caller, user).await? } else { 0 };
    Ok(RevokedAll { revoked_sessions, revoked_keys })
}
