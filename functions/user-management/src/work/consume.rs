//! user-management-on-events: what others say of users, and what this service says itself.
//!
//! No inbox: each effect is conditioned on what stands there, so that an event counts once, however
//! often, late or out of order it comes.

use std::sync::Arc;

use millwright_core::{Date, Error, OrgId, Result, UserId};
use millwright_event::{Cause, Effects, Envelope, Event, batch::Batch};
use millwright_store::{Condition, Contention, Store};
use serde::Deserialize;

use crate::{
    app::members_of,
    domain::{Email, Member, Stamp, User},
    events::{
        UserData, UserDeactivated, UserDeleted, UserDeletionScheduled, UserReactivated, UserUpdated,
    },
    store::{EmailMarker, MemberItem, member_place, user_place},
    user::{refresh_cards, renew_cards},
    vouch,
};

const ACTIVITY_RECORDED: &str = "auth.activity.recorded";
const IDENTITY_UNLINKED: &str = "auth.identity.unlinked";

/// The event types it is subscribed to.
pub const CONSUMED: &[&str] = &[
    ACTIVITY_RECORDED,
    IDENTITY_UNLINKED,
    UserUpdated::TYPE,
    UserDeactivated::TYPE,
    UserReactivated::TYPE,
    UserDeletionScheduled::TYPE,
    UserDeleted::TYPE,
];

/// Of `auth.activity.recorded`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Activity {
    user_id: UserId,
    organization_id: OrgId,
    date: Date,
}

/// Of `auth.identity.unlinked`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Unlinked {
    user_id: UserId,
    remaining_emails: Vec<String>,
}

/// Of this service's own events about accounts.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfUser {
    user_id: UserId,
}

/// Works on a batch; what fails is marked in it.
pub async fn consume(store: Arc<Store>, mut batch: Batch) -> Batch {
    for message in std::mem::take(&mut batch.messages) {
        if let Err(error) = handle(&store, &message.envelope).await {
            batch.fail(&message, &error);
        }
    }
    batch
}

async fn handle(store: &Store, envelope: &Envelope) -> Result<()> {
    match envelope.kind.as_str() {
        ACTIVITY_RECORDED => record_activity(store, envelope.data_as()?).await,
        IDENTITY_UNLINKED => drop_emails(store, envelope, envelope.data_as()?).await,
        _ => follow(store, envelope, envelope.data_as()?).await,
    }
}

/// The member was seen on that day, if not later. One GetItem, and one PutItem if it is news.
async fn record_activity(store: &Store, activity: Activity) -> Result<()> {
    let tenant = vouch::joined(activity.organization_id);
    let place = member_place(&tenant, activity.user_id);
    let attempt = || async {
        let found: Option<MemberItem> = store.get(&place).await?;
        let Some(MemberItem { member: before, .. }) = found else { return Ok(()) };
        if before.last_active_on.is_some_and(|date| date >= activity.date) {
            return Ok(());
        }
        // Who acts is not who changes the membership: nothing else of it is touched.
        let after = Member {
            last_active_on: Some(activity.date),
            version: before.version + 1,
            ..before.clone()
        };
        let unchanged = Condition::version(before.version);
        match store.put_when(&tenant, &MemberItem::of(&after), &unchanged).await? {
            None => Ok(()),
            Some(_) => Err(Error::lost_race()),
        }
    };
    Contention::new(store).settle(store, attempt).await
}

/// Takes the addresses off the account that no identity vouches for any more; those that were
/// verified after the event are none of its business. One GetItem and one transaction; with another
/// primary address one Query and one BatchGetItem more.
async fn drop_emails(store: &Store, envelope: &Envelope, unlinked: Unlinked) -> Result<()> {
    let person = vouch::person(unlinked.user_id);
    let remaining: Vec<Email> =
        unlinked.remaining_emails.iter().filter_map(|email| email.parse().ok()).collect();
    let attempt = || async {
        let found: Option<User> = store.get(&user_place(&person)).await?;
        let Some(before) = found else { return Ok(()) };
        let mut after = before.clone();
        for mine in &before.emails {
            let is_older = mine.verified_at <= envelope.time;
            // Nobody is left without an address.
            if is_older && !remaining.contains(&mine.email) && after.emails.len() > 1 {
                after = after.without_email(&mine.email);
            }
        }
        if after == before {
            return Ok(());
        }
        let stamp = Stamp { at: store.clock().now(), by: envelope.actorid.clone() };
        let after = after.stamped(stamp.clone());
        let mut effects = effects_about(store, envelope, &person);
        let step = effects.replace(&after, before.version);
        effects.refused_as(step, Error::lost_race());
        for gone in before.emails.iter().filter(|mine| !after.holds(&mine.email)) {
            effects.delete(&EmailMarker::place(&gone.email));
        }
        let changed = before.fields_changed(&after);
        effects.emit(&UserUpdated(UserData::of(&after, &changed)))?;
        refresh_cards(store, &mut effects, &person, &before, &after, &stamp).await?;
        effects.commit().await
    };
    Contention::new(store).settle(store, attempt).await
}

/// Brings the cards in step that the change itself had no room for, or that came about meanwhile.
/// One Query, one BatchGetItem for each hundred and one GetItem; a transaction if there is one.
async fn follow(store: &Store, envelope: &Envelope, of_user: OfUser) -> Result<()> {
    let person = vouch::person(of_user.user_id);
    let attempt = || async {
        // The members first: a card that is newer than this user was written after it was read.
        let members = members_of(store, &person).await?;
        let found: Option<User> = store.get(&user_place(&person)).await?;
        let Some(user) = found else { return Ok(true) };
        let late: Vec<Member> =
            members.into_iter().filter(|member| member.user != user.card()).collect();
        let stamp = Stamp { at: store.clock().now(), by: envelope.actorid.clone() };
        let mut effects = effects_about(store, envelope, &person);
        renew_cards(&mut effects, &late, &user, &stamp);
        let is_last = effects.len() >= late.len();
        effects.commit().await?;
        Ok(is_last)
    };
    while !Contention::new(store).settle(store, attempt).await? {}
    Ok(())
}

fn effects_about(store: &Store, envelope: &Envelope, person: &millwright_core::Tenant) -> Effects {
    Effects::new(store, Cause { tenant: *person, ..Cause::from(envelope) })
}
