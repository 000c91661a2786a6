//! A person who is deactivated, or deleted.

use millwright_access::feed::{Subject, kill};
use millwright_core::{Error, OrgId, Result, Tenant, UserId};
use millwright_event::{Cause, Effects, Envelope, inbox::once_by_value};
use millwright_store::{Condition, Contention, Store};

use super::{CONSUMER, keys::end_keys};
use crate::{
    domain::{Identity, LoginRecord, RevokedReason, Session},
    events::{KeyRevokedReason, SessionRevoked},
    login::establish::revoke,
    session::revoke::active_sessions,
    store::{
        Owner, PersonHead, everything_of, forget_key_rates, login_records_of, owner_key, placed,
    },
    vouch,
};

/// Items of one transaction of an erasure; a session takes two, an identity as well.
const AT_ONCE: usize = 25;

/// Revokes the sessions that began until the event. One GetItem, one BatchGetItem and one
/// transaction of at most 22 items.
pub async fn end_sessions(store: &Store, envelope: &Envelope, user: UserId) -> Result<()> {
    let person = vouch::person(user);
    let decide = async |mut effects: Effects| {
        let active = active_sessions(store, &person).await?;
        let meant = active.iter().filter(|session| session.created_at <= envelope.time);
        effects.within(&person, |effects| {
            for session in meant {
                let reason = RevokedReason::UserDeactivated;
                revoke(effects, &person, (user, session.id), reason)?;
            }
            Ok::<_, Error>(())
        })?;
        Ok(effects)
    };
    once_by_value(store, CONSUMER, envelope, decide).await.map(drop)
}

/// Erases what is kept of a person (specs auth, section 5.12): keys are revoked, sessions revoked and
/// removed, identities, history and counters removed. Whoever has their issuer and subject can sign
/// up anew. What a crash leaves, the next delivery takes.
///
/// One GetItem for each organization and those of its keys, one Query and one transaction for each
/// 25 items, one transaction for the counters.
pub async fn erase(
    store: &Store,
    envelope: &Envelope,
    user: UserId,
    organizations: &[OrgId],
) -> Result<()> {
    let person = vouch::person(user);
    for id in organizations {
        let why = (Owner::Person(user), KeyRevokedReason::UserDeleted);
        end_keys(store, envelope, &vouch::organization(*id), why).await?;
    }
    let attempt = || erase_some(store, envelope, (&person, user));
    while Contention::new(store).settle(store, attempt).await? {}
    loop {
        let records = store.page(&login_records_of(&person), AT_ONCE, None).await?.items;
        if records.is_empty() {
            break;
        }
        let mut transaction = store.transaction(&person);
        for record in &records {
            transaction.remove(&record.decode::<LoginRecord>()?);
        }
        transaction.commit().await?;
    }
    let forget = async |mut effects: Effects| {
        forget_key_rates(&mut effects, &user.to_string());
        Ok(effects)
    };
    once_by_value(store, CONSUMER, envelope, forget).await.map(drop)
}

/// True if something was there.
async fn erase_some(
    store: &Store,
    envelope: &Envelope,
    (person, user): (&Tenant, UserId),
) -> Result<bool> {
    let items = store.page(&everything_of(person), AT_ONCE, None).await?.items;
    if items.is_empty() {
        return Ok(false);
    }
    let now = store.clock().now();
    let mut effects = Effects::new(store, Cause { tenant: *person, ..Cause::from(envelope) });
    for item in &items {
        let place = placed(person, item);
        if item.is::<Session>() {
            let session: Session = item.decode()?;
            let step = effects.delete_when(&place, Condition::version(session.version));
            effects.refused_as(step, Error::lost_race());
            if session.is_active(now) {
                kill(&mut effects, Subject::Session(session.id));
                let (session_id, reason) = (session.id, RevokedReason::UserDeleted);
                effects.emit(&SessionRevoked { user_id: user, session_id, reason })?;
            }
        } else if item.is::<Identity>() {
            let identity: Identity = item.decode()?;
            let owner = owner_key(&identity.issuer, &identity.subject);
            let is_mine = Condition::default().equals("identityId", identity.id);
            effects.delete_when(&owner, is_mine.or_attribute_absent("identityId"));
            effects.delete(&place);
        } else if item.is::<PersonHead>() {
            let head: PersonHead = item.decode()?;
            let step = effects.delete_when(&place, head.unchanged());
            effects.refused_as(step, Error::lost_race());
        } else {
            effects.delete(&place);
        }
    }
    effects.commit().await?;
    Ok(true)
}
