//! The session of a sign-in: one transaction, at most ten active ones, exactly.

use millwright_access::{
    facts::{UserFacts, UserMembership},
    feed::{Subject, kill},
};
use millwright_core::{Error, Result, SessionId, Tenant};
use millwright_event::Effects;
use millwright_http::Visit;

use super::finish::login_record;
use crate::{
    app::{Auth, visitor},
    domain::{
        Asserted, Attempt, AuthorizationCode, Client, ClientKind, Identity, MAX_SESSIONS, Refresh,
        RefreshToken, RevokedReason, Session, choose_organization, device_name, evicted,
    },
    events::{LoginSucceeded, SessionCreated, SessionRevoked},
    secret::Secret,
    store::{PersonHead, revocation, session_key},
};

/// Everything that was read for a sign-in.
pub struct Signing<'s> {
    pub attempt: &'s Attempt,
    pub asserted: &'s Asserted,
    pub identity: &'s Identity,
    /// The e-mail of the identity from now on.
    pub email: String,
    pub head: PersonHead,
    pub facts: Option<&'s UserFacts>,
    pub memberships: &'s [UserMembership],
}

/// A new session, and what its client gets: a refresh token, or a code for one.
pub struct Established {
    pub session: Session,
    pub secret: Secret,
}

/// Creates the session, revokes those that have to go, and records the sign-in. One transaction;
/// one BatchGetItem at ten sessions.
///
/// # Errors
/// `contention` if another sign-in was faster.
pub async fn establish(
    app: &Auth,
    visit: &Visit,
    person: &Tenant,
    signing: Signing<'_>,
) -> Result<Established> {
    let now = app.clock().now();
    let Signing { attempt, asserted, identity, head, .. } = &signing;
    let mut session = begun(app, visit, &signing);
    let (kept, gone) = room(app, person, head).await?;
    let mut effects = app.effects(person, session.user_id, visit);
    for id in gone {
        revoke(&mut effects, person, (session.user_id, id), RevokedReason::Evicted)?;
    }
    let secret = match &attempt.client {
        Client::Web { .. } => first_token(app, &mut session).await?,
        Client::Native(native) => {
            let code = Secret::random(app.store.ids());
            effects.create(&AuthorizationCode {
                fingerprint: code.fingerprint(),
                native: native.clone(),
                user_id: session.user_id,
                session_id: session.id,
                issued_at: now,
                consumed: false,
            });
            code
        }
    };
    let mut sessions = kept;
    sessions.push(session.id);
    let identities = head.identities.clone();
    let next = PersonHead { sessions, identities, version: head.version + 1 };
    let signed_in = Identity {
        email: signing.email.clone(),
        display_name: asserted.display_name.clone(),
        avatar_url: asserted.avatar_url.clone(),
        last_sign_in_at: Some(now),
        version: identity.version + 1,
        ..(*identity).clone()
    };
    for step in
        [effects.put_when(&next, head.unchanged()), effects.replace(&signed_in, identity.version)]
    {
        effects.refused_as(step, Error::lost_race());
    }
    effects.create(&session);
    let mut record = login_record(app, visit, attempt, session.user_id);
    record.session_id = Some(session.id);
    effects.create(&record);
    effects.emit(&LoginSucceeded {
        user_id: session.user_id,
        session_id: session.id,
        provider: attempt.provider.clone(),
        purpose: attempt.purpose,
        client_id: session.client_id.clone(),
        first_sign_in: identity.last_sign_in_at.is_none(),
        ip: record.ip_address,
        user_agent: record.user_agent,
    })?;
    effects.emit(&SessionCreated {
        user_id: session.user_id,
        session_id: session.id,
        client_kind: session.client_kind,
        organization_id: session.organization_id,
    })?;
    effects.commit().await?;
    Ok(Established { session, secret })
}

fn begun(app: &Auth, visit: &Visit, signing: &Signing<'_>) -> Session {
    let now = app.clock().now();
    let Signing { attempt, asserted, identity, facts, memberships, .. } = signing;
    let visitor = visitor(visit);
    let (kind, wanted_name) = match &attempt.client {
        Client::Web { .. } => (ClientKind::Browser, None),
        Client::Native(native) => (ClientKind::Native, native.device_name.as_ref()),
    };
    Session {
        id: app.store.ids().next(),
        user_id: identity.user_id,
        version: 1,
        client_id: attempt.client.id().to_owned(),
        client_kind: kind,
        device_name: device_name(&visitor.user_agent, wanted_name.map(|it| it.as_str())),
        organization_id: choose_organization(attempt.organization_id, *facts, memberships),
        remember: attempt.remember,
        auth_time: now,
        created_at: now,
        last_active_at: now,
        expires_at: Session::end(now, attempt.remember),
        visitor,
        identity_id: identity.id,
        amr: asserted.amr.clone(),
        refresh: Refresh::default(),
        activity: None,
        revoked_at: None,
        revoked_reason: None,
    }
}

/// Which sessions stay and which must go so that there is room for one more.
async fn room(
    app: &Auth,
    person: &Tenant,
    head: &PersonHead,
) -> Result<(Vec<SessionId>, Vec<SessionId>)> {
    if head.sessions.len() < MAX_SESSIONS {
        return Ok((head.sessions.clone(), Vec::new()));
    }
    let now = app.clock().now();
    let places: Vec<_> = head.sessions.iter().map(|id| session_key(person, *id)).collect();
    let mut active = Vec::new();
    for item in app.store.get_many(&places).await? {
        let session: Session = item.decode()?;
        if session.is_active(now) {
            active.push(session);
        }
    }
    let gone = evicted(&active);
    let kept = active.iter().map(|it| it.id).filter(|id| !gone.contains(id)).collect();
    Ok((kept, gone))
}

/// The first refresh token of a session.
pub async fn first_token(app: &Auth, session: &mut Session) -> Result<Secret> {
    let macs = app.keys.macs().await?;
    let key = macs.first().ok_or_else(|| Error::internal("there is no MAC key"))?;
    let random = app.store.ids().random_bytes();
    let token = RefreshToken::mint(key, session.user_id, session.id, 1, &random);
    session.refresh.generation = 1;
    session.refresh.current = Some(token.text.fingerprint());
    Ok(token.text)
}

/// Revokes a session of a person: two items and an event. Refused as a lost race if it is revoked.
pub fn revoke(
    effects: &mut Effects,
    person: &Tenant,
    (user_id, session_id): (millwright_core::UserId, SessionId),
    reason: RevokedReason,
) -> Result<()> {
    let now = effects.store().clock().now();
    let step = effects.update(&session_key(person, session_id), &revocation(reason, now));
    effects.refused_as(step, Error::lost_race());
    kill(effects, Subject::Session(session_id));
    effects.emit(&SessionRevoked { user_id, session_id, reason })
}
