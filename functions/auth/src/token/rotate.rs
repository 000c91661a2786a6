//! The use of a refresh token (specs auth, section 5.7).

use std::time::Duration;

use millwright_access::facts::UserStatus;
use millwright_core::{Error, OrgId, Result, codes};
use millwright_http::{RECENT, Visit};
use millwright_store::{Condition, Contention};

use super::issue::{Issued, Wish, issue};
use crate::{
    app::{Auth, visitor},
    codes::{REFRESH_INVALID, REFRESH_REUSED, SESSION_EXPIRED},
    domain::{
        Access, Activity, Consumed, Identity, Presented, RefreshToken, RevokedReason, Session,
        SessionStatus, open_successor, seal_successor,
    },
    events::{ActivityRecorded, RefreshTokenReused},
    login::establish::revoke,
    secret::Secret,
    store::{DayMark, Limit, count, identity_key, session_key},
    vouch,
};

/// What the use of a refresh token gives.
pub struct Rotated {
    pub session: Session,
    /// The successor.
    pub refresh: Secret,
    pub issued: Issued,
}

/// Uses a refresh token of that client. One GetItem, one BatchGetItem of facts, one PutItem; one
/// GetItem more for a custom role or an operator token, one transaction more for the first token
/// of a day.
///
/// # Errors
/// `refresh_invalid`, `refresh_reused`, `session_expired`; those of [`issue`], `rate_limited` and
/// `operator_required`, which leave the token unused.
pub async fn rotate(
    app: &Auth,
    visit: &Visit,
    (text, client_id): (&str, &str),
    wish: Wish,
) -> Result<Rotated> {
    let outcome = use_token(app, visit, (text, client_id), wish).await;
    match outcome {
        Err(error) if is_failure(&error) => {
            count(&app.store, Limit::FAILURES, &visit.address()).await?;
            Err(error)
        }
        outcome => outcome,
    }
}

/// True for a credential that is no good.
pub fn is_failure(error: &Error) -> bool {
    [REFRESH_INVALID, REFRESH_REUSED, SESSION_EXPIRED].iter().any(|code| error.is(*code))
}

fn invalid() -> Error {
    Error::new(REFRESH_INVALID, "sign in again")
}

async fn use_token(
    app: &Auth,
    visit: &Visit,
    (text, client_id): (&str, &str),
    wish: Wish,
) -> Result<Rotated> {
    let macs = app.keys.macs().await?;
    let token = RefreshToken::read(text, &macs).ok_or_else(invalid)?;
    let person = vouch::person(token.user);
    let place = session_key(&person, token.session);
    let mut contention = Contention::new(&app.store);
    let mut known: Option<Session> = None;
    let mut facts: Option<(Option<OrgId>, Access)> = None;
    loop {
        let mut session = match known.take() {
            Some(session) => session,
            None => app.store.get(&place).await?.ok_or_else(invalid)?,
        };
        let now = app.clock().now();
        if session.client_id != client_id {
            return Err(invalid());
        }
        match session.status(now) {
            SessionStatus::Active => {}
            SessionStatus::Expired => {
                return Err(Error::new(SESSION_EXPIRED, "sign in again"));
            }
            SessionStatus::Revoked => return Err(invalid()),
        }
        let repeated = match token.meets(&session, now) {
            Presented::Current => None,
            Presented::Repeated(sealed) => Some(open_successor(&token.text, &sealed)?),
            Presented::Unknown => return Err(invalid()),
            Presented::Reused => match reused(app, visit, &session, &token).await {
                Err(error) if error.is(codes::CONTENTION) => {
                    contention.lost(&app.store).await?;
                    continue;
                }
                Err(error) => return Err(error),
                Ok(()) => {
                    let detail = "the refresh token was used before: sign in again";
                    return Err(Error::new(REFRESH_REUSED, detail));
                }
            },
        };
        let wanted = wish.organization.or(session.organization_id).filter(|_| !wish.is_operator);
        if facts.as_ref().is_none_or(|(organization, _)| *organization != wanted) {
            facts = Some((wanted, app.facts.access(token.user, wanted).await?));
        }
        let Some((_, access)) = &facts else { continue };
        if access.user.as_ref().is_none_or(|user| user.status != UserStatus::Active) {
            return Err(invalid());
        }
        if wish.is_operator {
            require_operator(app, &session).await?;
        }
        let issued = issue(app, &session, wish, access).await?;
        if let Some(refresh) = repeated {
            return Ok(Rotated { session, refresh, issued });
        }
        let before = session.version;
        if !session.may_rotate(now) {
            let error = Error::new(codes::RATE_LIMITED, "more than 30 rotations in a minute");
            return Err(error.retry_after(Duration::from_secs(60)));
        }
        note_activity(app, visit, &mut session, issued.organization).await?;
        if wish.organization.is_none() && !wish.is_operator {
            session.organization_id = issued.organization;
        }
        session.seen(&visitor(visit), now);
        let refresh = succeed(app, &mut session, &token, &macs)?;
        session.version += 1;
        let changed = Condition::version(before);
        match app.store.put_when(&person, &session, &changed).await? {
            None => return Ok(Rotated { session, refresh, issued }),
            // Somebody was faster: what stands there now says what this use means.
            Some(standing) => {
                let is_old = contention.lost(&app.store).await?;
                known = if is_old { None } else { standing.decode().ok() };
            }
        }
    }
}

/// Makes the successor the current token.
fn succeed(
    app: &Auth,
    session: &mut Session,
    token: &RefreshToken,
    macs: &[crate::secret::MacKey],
) -> Result<Secret> {
    let key = macs.first().ok_or_else(|| Error::internal("there is no MAC key"))?;
    let ids = app.store.ids();
    let generation = session.refresh.generation + 1;
    let successor =
        RefreshToken::mint(key, session.user_id, session.id, generation, &ids.random_bytes());
    let sealed_successor = seal_successor(&token.text, &successor.text, ids.random_bytes())?;
    session.refresh.consumed = Some(Consumed {
        fingerprint: token.text.fingerprint(),
        at: app.clock().now(),
        sealed_successor,
    });
    session.refresh.generation = generation;
    session.refresh.current = Some(successor.text.fingerprint());
    Ok(successor.text)
}

/// Two have the token: nobody goes on with it. One transaction.
async fn reused(app: &Auth, visit: &Visit, session: &Session, token: &RefreshToken) -> Result<()> {
    let person = vouch::person(session.user_id);
    let mut effects = app.effects(&person, session.user_id, visit);
    let both = (session.user_id, session.id);
    revoke(&mut effects, &person, both, RevokedReason::RefreshReuse)?;
    effects.emit(&RefreshTokenReused {
        user_id: session.user_id,
        session_id: session.id,
        generation: token.generation,
        current_generation: session.refresh.generation,
    })?;
    effects.commit().await
}

/// An operator is an identity of the settings that has signed in a moment ago. One GetItem.
async fn require_operator(app: &Auth, session: &Session) -> Result<()> {
    let place = identity_key(&vouch::person(session.user_id), session.identity_id);
    let identity: Option<Identity> = app.store.get(&place).await?;
    let is_operator = identity.is_some_and(|it| app.settings.is_operator(&it.issuer, &it.subject));
    if !is_operator {
        return Err(Error::new(codes::OPERATOR_REQUIRED, "this identity is no operator"));
    }
    if !session.auth_time.is_within(RECENT, app.clock().now()) {
        let detail = "sign in again, with purpose `reauthenticate`, and repeat the request";
        let error = Error::new(codes::REAUTHENTICATION_REQUIRED, detail);
        return Err(error.with("maxAge", RECENT.as_secs()));
    }
    Ok(())
}

/// Says once a day that a person is active in an organization. One transaction, or nothing where
/// the session knows of it.
async fn note_activity(
    app: &Auth,
    visit: &Visit,
    session: &mut Session,
    organization: Option<OrgId>,
) -> Result<()> {
    let Some(organization_id) = organization else { return Ok(()) };
    let now = app.clock().now();
    let date: String = now.to_string().chars().take(10).collect();
    let activity = Activity { organization_id, date: date.clone() };
    if session.activity.as_ref() == Some(&activity) {
        return Ok(());
    }
    let person = vouch::person(session.user_id);
    let mut effects = app.effects(&person, session.user_id, visit);
    let known = Error::new(codes::CONFLICT, "noted before");
    let step = effects.create(&DayMark { organization_id, date: date.clone(), at: now });
    effects.refused_as(step, known);
    effects.emit(&ActivityRecorded { user_id: session.user_id, organization_id, date })?;
    match effects.commit().await {
        Err(error) if !error.is(codes::CONFLICT) => return Err(error),
        _ => session.activity = Some(activity),
    }
    Ok(())
}
