//! API keys end with a membership, a person or an organization.

use std::time::Duration;

use millwright_access::api_keys::{KeyId, KeyRecord, KeySummary};
use millwright_core::{Error, Result, Tenant, Timestamp};
use millwright_event::{Effects, Envelope};
use millwright_store::{Condition, Contention, Query, Store, Update};

use super::cause;
use crate::{
    events::KeyRevokedReason,
    key::{KeyStatus, Withdrawal, status_of, withdraw},
    store::{KeySlots, Owner, all_keys_of, all_slots_of, slots_key},
};

/// How long the keys of a deleted organization are kept.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// Keys of one transaction: three items each, and an event of up to 1 KB.
const AT_ONCE: usize = 25;
/// Entries of a page of the index.
const PAGE: usize = 100;

/// Why all keys of an owner end.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    pub owner: Owner,
    pub reason: KeyRevokedReason,
    /// The owner never comes back: keys made after the event end, too.
    pub is_final: bool,
}

/// Revokes the keys of an owner in an organization that were made until the event. One GetItem, one
/// BatchGetItem and one transaction for each 25 keys; one GetItem if there are none.
pub async fn end_keys(
    store: &Store,
    envelope: &Envelope,
    organization: &Tenant,
    ending: Ending,
) -> Result<()> {
    let attempt = || end_some(store, envelope, organization, ending);
    while Contention::new(store).settle(store, attempt).await? {}
    Ok(())
}

/// True if there are more.
async fn end_some(
    store: &Store,
    envelope: &Envelope,
    organization: &Tenant,
    ending: Ending,
) -> Result<bool> {
    let place = slots_key(organization, ending.owner);
    let Some(slots) = store.get::<KeySlots>(&place).await? else { return Ok(false) };
    let now = store.clock().now();
    let places: Vec<_> = slots.keys.iter().map(|slot| slot.id.place()).collect();
    let mut going = Vec::new();
    for item in store.get_many(&places).await? {
        let record: KeyRecord = item.decode()?;
        let is_active = status_of(&record.summary, now) == KeyStatus::Active;
        let is_meant = ending.is_final || record.summary.created_at <= envelope.time;
        if is_active && is_meant {
            going.push(record);
        }
    }
    let has_more = going.len() > AT_ONCE;
    going.truncate(AT_ONCE);
    if going.is_empty() && !ending.is_final {
        return Ok(false);
    }
    let mut effects = Effects::new(store, cause(envelope, organization));
    let withdrawal = Withdrawal {
        by: &envelope.actorid,
        reason: Some(ending.reason),
        removed_at: is_of_organization(ending).then(|| now.plus(KEPT)),
    };
    if ending.is_final && !has_more {
        withdraw(&mut effects, going, &withdrawal)?;
        let step = effects.delete_when(&place, slots.unchanged());
        effects.refused_as(step, Error::lost_race());
    } else {
        let gone: Vec<KeyId> = going.iter().map(|record| record.summary.id).collect();
        withdraw(&mut effects, going, &withdrawal)?;
        let step = effects.put_when(&slots.without(&gone), slots.unchanged());
        effects.refused_as(step, Error::lost_race());
    }
    effects.commit().await?;
    Ok(has_more)
}

fn is_of_organization(ending: Ending) -> bool {
    ending.reason == KeyRevokedReason::OrganizationDeleted
}

/// Revokes every key of an organization, and has all of them removed in 30 days. One Query for each
/// hundred owners, those of [`end_keys`] for each; one Query for each hundred keys, and one
/// UpdateItem for each that was over before.
pub async fn end_organization(
    store: &Store,
    envelope: &Envelope,
    organization: &Tenant,
) -> Result<()> {
    loop {
        let owners = store.page(&all_slots_of(organization), PAGE, None).await?.items;
        if owners.is_empty() {
            break;
        }
        for item in owners {
            let slots: KeySlots = item.decode()?;
            let ending = Ending {
                owner: slots.owner,
                reason: KeyRevokedReason::OrganizationDeleted,
                is_final: true,
            };
            end_keys(store, envelope, organization, ending).await?;
        }
    }
    let removal = store.clock().now().plus(KEPT);
    let all: Query = all_keys_of(organization);
    let mut from = None;
    loop {
        let page = store.page(&all, PAGE, from.as_ref()).await?;
        for item in &page.items {
            let summary: KeySummary = item.decode_attribute("summary")?;
            remove_by(store, &summary, removal).await?;
        }
        from = page.next;
        if from.is_none() {
            return Ok(());
        }
    }
}

/// A key that would be kept longer is kept until then.
async fn remove_by(store: &Store, summary: &KeySummary, removal: Timestamp) -> Result<()> {
    let second = removal.as_second();
    let is_kept_longer = Condition::exists().greater_than("ttl", second);
    let earlier = Update::when(is_kept_longer).set("ttl", second).set("removedAt", removal);
    store.update(&summary.id.place(), &earlier).await.map(drop)
}
