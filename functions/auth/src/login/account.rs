//! From what a provider asserts to a person: known, new, or refused (specs auth, 5.2 and 5.3).

use millwright_access::facts::{UserFacts, UserMembership};
use millwright_core::{Error, Result, UserId};
use millwright_http::Visit;
use millwright_store::{Condition, Contention};

use super::{
    establish::{Established, Signing, establish},
    finish::{Refusal, login_record},
};
use crate::{
    app::{Auth, visitor},
    directory::{Provision, Provisioned},
    domain::{Account, Asserted, Attempt, Identity, MAX_IDENTITIES, Reason, account},
    events::{IdentityLinked, LoginSucceeded},
    store::{
        IdentityOwner, PersonHead, head_key, identities_of, identity_key, owner_key, session_key,
    },
    vouch,
};

/// Signs somebody in, who may be new.
pub async fn sign_in(
    app: &Auth,
    visit: &Visit,
    attempt: &Attempt,
    asserted: &Asserted,
) -> Result<Established, Refusal> {
    let place = owner_key(&asserted.issuer, &asserted.subject);
    let found: Option<IdentityOwner> = app.store.get(&place).await?;
    let owner = match found {
        Some(owner) => owner,
        None => new_identity(app, attempt, asserted).await?,
    };
    let user = owner.user_id;
    let of_user = |reason| Refusal { reason, user: Some(user) };
    let (mut facts, mut memberships) = app.facts.person(user).await?;
    match account(user, facts.as_ref(), attempt.reactivate) {
        Account::SignIn(_) => {}
        Account::Refuse(reason) => return Err(of_user(reason)),
        Account::Provision { reactivate, .. } => {
            provision(app, asserted, &owner, reactivate).await?;
            (facts, memberships) = app.facts.person(user).await?;
        }
    }
    let mut contention = Contention::new(&app.store);
    loop {
        let attempted =
            attempt_sign_in(app, visit, attempt, asserted, (&owner, facts.as_ref(), &memberships));
        match attempted.await {
            Err(error) if error.is(millwright_core::codes::CONTENTION) => {
                contention.lost(&app.store).await?;
            }
            Ok(established) => return Ok(established),
            Err(error) => return Err(error.into()),
        }
    }
}

async fn attempt_sign_in(
    app: &Auth,
    visit: &Visit,
    attempt: &Attempt,
    asserted: &Asserted,
    (owner, facts, memberships): (&IdentityOwner, Option<&UserFacts>, &[UserMembership]),
) -> Result<Established> {
    let person = vouch::person(owner.user_id);
    let places = [head_key(&person), identity_key(&person, owner.identity_id)];
    let items = app.store.get_many(&places).await?;
    let head = items.iter().find(|item| item.is::<PersonHead>());
    let head: PersonHead = head.map(|item| item.decode()).transpose()?.unwrap_or_default();
    let identity = items.iter().find(|item| item.is::<Identity>());
    // Unlinked a moment ago.
    let identity = identity.ok_or_else(Error::lost_race)?.decode::<Identity>()?;
    let email = email_after(app, &identity, asserted).await?;
    let signing =
        Signing { attempt, asserted, identity: &identity, email, head, facts, memberships };
    establish(app, visit, &person, signing).await
}

/// The e-mail of the identity from now on: what is asserted, unless that is somebody else's.
async fn email_after(app: &Auth, identity: &Identity, asserted: &Asserted) -> Result<String> {
    if identity.email == asserted.email {
        return Ok(identity.email.clone());
    }
    let person = vouch::person(identity.user_id);
    let others = app.store.collect(&identities_of(&person), MAX_IDENTITIES).await?;
    let mut is_asserted_elsewhere = false;
    for other in &others {
        let other: Identity = other.decode()?;
        is_asserted_elsewhere |= other.id != identity.id && other.email == identity.email;
    }
    let request = Provision {
        drop_email: (!is_asserted_elsewhere).then(|| identity.email.clone()),
        ..request(asserted)
    };
    match app.directory.provision(identity.user_id, &request).await? {
        Provisioned::Done => Ok(asserted.email.clone()),
        Provisioned::EmailTaken | Provisioned::SignUpClosed => Ok(identity.email.clone()),
    }
}

fn request(asserted: &Asserted) -> Provision {
    Provision {
        email: asserted.email.clone(),
        display_name: asserted.display_name.clone(),
        given_name: asserted.given_name.clone(),
        family_name: asserted.family_name.clone(),
        avatar_url: asserted.avatar_url.clone(),
        language: asserted.language.clone(),
        ..Provision::default()
    }
}

/// Mints a person for an identity nobody has. Of many at once one is first, the others get theirs.
/// One transaction; one GetItem more for who was not first.
async fn new_identity(app: &Auth, attempt: &Attempt, asserted: &Asserted) -> Result<IdentityOwner> {
    let ids = app.store.ids();
    let now = app.clock().now();
    let user: UserId = ids.next();
    let identity = Identity::new(ids.next(), user, &attempt.provider, asserted, now);
    let owner = IdentityOwner::of(&identity);
    let mut transaction = app.store.transaction(&vouch::person(user));
    let step = transaction.create(&owner);
    transaction.refused_as(step, Error::lost_race());
    transaction.create(&identity);
    transaction.create(&PersonHead {
        sessions: Vec::new(),
        identities: vec![identity.id],
        version: 1,
    });
    match transaction.commit().await {
        Ok(()) => Ok(owner),
        Err(error) if error.is(millwright_core::codes::CONTENTION) => {
            let place = owner_key(&asserted.issuer, &asserted.subject);
            app.store.get(&place).await?.ok_or_else(Error::lost_race)
        }
        Err(error) => Err(error),
    }
}

/// Sees to it that there is a person; takes the identity back if there may be none.
async fn provision(
    app: &Auth,
    asserted: &Asserted,
    owner: &IdentityOwner,
    reactivate: bool,
) -> Result<(), Refusal> {
    let require_invitation = !reactivate && app.settings.wants_invitation(&asserted.email);
    let request = Provision { reactivate, require_invitation, ..request(asserted) };
    let reason = match app.directory.provision(owner.user_id, &request).await? {
        Provisioned::Done => return Ok(()),
        Provisioned::SignUpClosed => Reason::SignUpClosed,
        Provisioned::EmailTaken => Reason::EmailInUse,
    };
    if !reactivate {
        let person = vouch::person(owner.user_id);
        let mut transaction = app.store.transaction(&person);
        let place = owner_key(&owner.issuer, &owner.subject);
        let is_same = Condition::default().equals("identityId", owner.identity_id);
        transaction.delete_when(&place, is_same.or_attribute_absent("identityId"));
        transaction.delete(&identity_key(&person, owner.identity_id));
        transaction.delete(&head_key(&person));
        transaction.commit().await?;
    }
    Err(reason.into())
}

/// Notes that the person of a session has just proven who they are.
pub async fn reauthenticate(
    app: &Auth,
    visit: &Visit,
    attempt: &Attempt,
    asserted: &Asserted,
) -> Result<(), Refusal> {
    let (Some(user), Some(session_id)) = (attempt.user_id, attempt.session_id) else {
        return Err(Error::internal("an attempt to sign in again is nobody's").into());
    };
    let of_user = |reason| Refusal { reason, user: Some(user) };
    let place = owner_key(&asserted.issuer, &asserted.subject);
    let owner: Option<IdentityOwner> = app.store.get(&place).await?;
    if owner.is_none_or(|owner| owner.user_id != user) {
        return Err(of_user(Reason::DifferentUser));
    }
    let person = vouch::person(user);
    let renewed = || async {
        let now = app.clock().now();
        let place = session_key(&person, session_id);
        let found: Option<crate::domain::Session> = app.store.get(&place).await?;
        let Some(mut session) = found.filter(|it| it.is_active(now)) else { return Ok(false) };
        let before = session.version;
        session.auth_time = now;
        session.amr.clone_from(&asserted.amr);
        session.seen(&visitor(visit), now);
        session.version += 1;
        let mut effects = app.effects(&person, user, visit);
        let step = effects.replace(&session, before);
        effects.refused_as(step, Error::lost_race());
        succeeded(app, visit, attempt, (user, session_id), &mut effects)?;
        effects.commit().await.map(|()| true)
    };
    match Contention::new(&app.store).settle(&app.store, renewed).await? {
        true => Ok(()),
        false => Err(of_user(Reason::SessionExpired)),
    }
}

/// The record and the event of a success that makes no session.
fn succeeded(
    app: &Auth,
    visit: &Visit,
    attempt: &Attempt,
    (user, session_id): (UserId, millwright_core::SessionId),
    effects: &mut millwright_event::Effects,
) -> Result<()> {
    let mut record = login_record(app, visit, attempt, user);
    record.session_id = Some(session_id);
    effects.create(&record);
    effects.emit(&LoginSucceeded {
        user_id: user,
        session_id,
        provider: attempt.provider.clone(),
        purpose: attempt.purpose,
        client_id: attempt.client.id().to_owned(),
        first_sign_in: false,
        ip: record.ip_address,
        user_agent: record.user_agent,
    })
}

/// Links one more identity to whoever has begun.
pub async fn link(
    app: &Auth,
    visit: &Visit,
    attempt: &Attempt,
    asserted: &Asserted,
) -> Result<(), Refusal> {
    let (Some(user), Some(session_id)) = (attempt.user_id, attempt.session_id) else {
        return Err(Error::internal("an attempt to link is nobody's").into());
    };
    let of_user = |reason| Refusal { reason, user: Some(user) };
    let person = vouch::person(user);
    let owner_place = owner_key(&asserted.issuer, &asserted.subject);
    let linked = || async {
        let now = app.clock().now();
        let places = [owner_place.clone(), head_key(&person), session_key(&person, session_id)];
        let items = app.store.get_many(&places).await?;
        if let Some(owner) = items.iter().find(|item| item.is::<IdentityOwner>()) {
            let is_mine = owner.decode::<IdentityOwner>()?.user_id == user;
            return Ok((!is_mine).then_some(Reason::IdentityInUse));
        }
        let session = items.iter().find(|item| item.is::<crate::domain::Session>());
        let session = session.map(|item| item.decode::<crate::domain::Session>()).transpose()?;
        if !session.is_some_and(|session| session.is_active(now)) {
            return Ok(Some(Reason::SessionExpired));
        }
        let head = items.iter().find(|item| item.is::<PersonHead>());
        let head: PersonHead = head.map(|item| item.decode()).transpose()?.unwrap_or_default();
        if head.identities.len() >= MAX_IDENTITIES {
            return Ok(Some(Reason::IdentityLimitReached));
        }
        let id = app.store.ids().next();
        let identity = Identity::new(id, user, &attempt.provider, asserted, now);
        let unchanged = head.unchanged();
        let mut identities = head.identities;
        identities.push(id);
        let next = PersonHead { identities, version: head.version + 1, sessions: head.sessions };
        let mut effects = app.effects(&person, user, visit);
        for step in
            [effects.create(&IdentityOwner::of(&identity)), effects.put_when(&next, unchanged)]
        {
            effects.refused_as(step, Error::lost_race());
        }
        effects.create(&identity);
        effects.emit(&IdentityLinked {
            user_id: user,
            identity_id: id,
            provider: identity.provider.clone(),
            issuer: identity.issuer.clone(),
        })?;
        succeeded(app, visit, attempt, (user, session_id), &mut effects)?;
        effects.commit().await.map(|()| None)
    };
    if let Some(reason) = Contention::new(&app.store).settle(&app.store, linked).await? {
        return Err(of_user(reason));
    }
    // One more verified e-mail, if it is free; if not, the identity signs in all the same.
    let request = Provision { email: asserted.email.clone(), ..Provision::default() };
    if let Err(error) = app.directory.provision(user, &request).await {
        tracing::warn!(%error, "the e-mail of a linked identity was not added");
    }
    Ok(())
}
