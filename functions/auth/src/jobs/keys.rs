//! API keys end with a membership, a person or an organization.

use std::time::Duration;

use millwright_access::api_keys::{KeyId, KeyRecord, KeySummary};
use millwright_core::{Error, Result, Tenant, Timestamp};
use millwright_event::{Cause, Effects, Envelope};
use millwright_store::{Condition, Contention, Store, Update};

use crate::{
    events::KeyRevokedReason,
    key::{KeyStatus, Withdrawal, status_of, withdraw},
    store::{KeySlots, Owner, all_keys_of, all_slots_of, slots_key},
};

/// How long the keys of a deleted organization are kept.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// Keys of one transaction: three items each, and an event of up to 1 KB. All of a person fit.
const AT_ONCE: usize = 25;
/// Entries of a page of the index.
const PAGE: usize = 100;

/// Why all keys of an owner end.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    pub owner: Owner,
    pub reason: KeyRevokedReason,
    /// Keys made later stay: they are another membership's. None: the owner never comes back.
    pub until: Option<Timestamp>,
}

/// Keys of an owner on their way out.
pub struct Going {
    ending: Ending,
    slots: KeySlots,
    records: Vec<KeyRecord>,
    /// There are more than fit one transaction.
    pub has_more: bool,
}

impl Going {
    /// Finds them. One GetItem and one BatchGetItem; none if there is nothing to do.
    pub async fn find(
        store: &Store,
        organization: &Tenant,
        ending: Ending,
    ) -> Result<Option<Going>> {
        let place = slots_key(organization, ending.owner);
        let Some(slots) = store.get::<KeySlots>(&place).await? else { return Ok(None) };
        let now = store.clock().now();
        let places: Vec<_> = slots.keys.iter().map(|slot| slot.id.place()).collect();
        let mut records = Vec::new();
        for item in store.get_many(&places).await? {
            let record: KeyRecord = item.decode()?;
            let is_active = status_of(&record.summary, now) == KeyStatus::Active;
            let is_meant = ending.until.is_none_or(|until| record.summary.created_at <= until);
            records.extend(Some(record).filter(|_| is_active && is_meant));
        }
        let has_more = records.len() > AT_ONCE;
        records.truncate(AT_ONCE);
        let is_nothing = records.is_empty() && ending.until.is_some();
        Ok((!is_nothing).then_some(Going { ending, slots, records, has_more }))
    }

    /// Revokes them. Three items for each, and one.
    ///
    /// # Errors
    /// `internal` for events that are too large.
    pub fn write(self, effects: &mut Effects, organization: &Tenant, by: &str) -> Result<()> {
        let Going { ending, slots, records, has_more } = self;
        let now = effects.store().clock().now();
        let is_of_organization = ending.reason == KeyRevokedReason::OrganizationDeleted;
        let withdrawal = Withdrawal {
            by,
            reason: Some(ending.reason),
            removed_at: is_of_organization.then(|| now.plus(KEPT)),
        };
        let gone: Vec<KeyId> = records.iter().map(|record| record.summary.id).collect();
        effects.within(organization, |effects| {
            withdraw(effects, records, &withdrawal)?;
            let step = if ending.until.is_none() && !has_more {
                let place = slots_key(organization, ending.owner);
                effects.delete_when(&place, slots.unchanged())
            } else {
                effects.put_when(&slots.without(&gone), slots.unchanged())
            };
            effects.refused_as(step, Error::lost_race());
            Ok(())
        })
    }
}

/// Revokes all keys of an owner, who never comes back, in an organization. One GetItem, one
/// BatchGetItem and one transaction for each 25 keys; one GetItem if there are none. It may be
/// repeated: a key is revoked once.
pub async fn end_keys(
    store: &Store,
    envelope: &Envelope,
    organization: &Tenant,
    (owner, reason): (Owner, KeyRevokedReason),
) -> Result<()> {
    let ending = Ending { owner, reason, until: None };
    let attempt = || async {
        let Some(going) = Going::find(store, organization, ending).await? else {
            return Ok(false);
        };
        let has_more = going.has_more;
        let mut effects = Effects::new(store, Cause::from(envelope));
        going.write(&mut effects, organization, &envelope.actorid)?;
        effects.commit().await.map(|()| has_more)
    };
    while Contention::new(store).settle(store, attempt).await? {}
    Ok(())
}

/// Revokes every key of an organization, and has all of them removed in 30 days. One Query for each
/// hundred owners, those of [`end_keys`] for each; one Query for each hundred keys, and one
/// UpdateItem for each. It may be repeated.
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
            let why = (slots.owner, KeyRevokedReason::OrganizationDeleted);
            end_keys(store, envelope, organization, why).await?;
        }
    }
    let removal = store.clock().now().plus(KEPT);
    let all = all_keys_of(organization);
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
