//! A person who is deactivated, or deleted.

use millwright_access::feed::{Subject, kill};
use millwright_core::{Error, OrgId, Result, Tenant, UserId};
use millwright_event::{Effects, Envelope};
use millwright_store::{Condition, Contention, Store};

use super::{
    cause,
    keys::{Ending, end_keys},
};
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
/// transaction of at most 21 items.
pub async fn end_sessions(store: &Store, envelope: &Envelope, user: UserId) -> Result<()> {
    let person = vouch::person(user);
    let attempt = || async {
        let mut effects = Effects::new(store, cause(envelope, &person));
        let active = active_sessions(store, &person).await?;
        let meant = active.iter().filter(|session| session.created_at <= envelope.time);
        for session in meant {
            let reason = RevokedReason::UserDeactivated;
            revoke(&mut effects, &person, (user, session.id), reason)?;
        }
        if effects.is_empty() { Ok(()) } else { effects.commit().await }
    };
    Contention::new(store).settle(store, attempt).await
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
        let ending = Ending {
            owner: Owner::Person(user),
            reason: KeyRevokedReason::UserDeleted,
            is_final: true,
        };
        end_keys(store, envelope, &vouch::organization(*id), ending).await?;
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
    let mut transaction = store.transaction(&person);
    forget_key_rates(&mut transaction, &user.to_string());
    transaction.commit().await
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
    let mut effects = Effects::new(store, cause(envelope, person));
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
