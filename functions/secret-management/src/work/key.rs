//! The life of data keys: in force for 90 days; retired, until nothing is under them any more;
//! destroyed.

use millwright_core::{Error, Result, Tenant};
use millwright_event::Effects;
use millwright_store::{Condition, Contention, Key, Update};
use serde::{Deserialize, Serialize};

use super::{Progress, Task};
use crate::{
    crypto::Purpose,
    domain::{DataKeyId, Secret},
    events::{DataKeyData, DataKeyRotated},
    job::start_rekey,
    store::{
        ActiveKey, DataKeyItem, DataKeyState, KEY_LIFETIME, KEY_REST, RekeyProgress, SECRETS,
        SecretItem, ValueItem, VersionItem, count_place, secrets_by_name,
    },
    vault::Vault,
};

/// Puts another key in force: four items and the event. One GenerateDataKey.
///
/// # Errors
/// `key_service_unavailable`; a lost race if the key is not in force any more.
pub async fn renew(vault: &Vault, effects: &mut Effects, old: &DataKeyItem) -> Result<DataKeyItem> {
    let tenant = *effects.tenant();
    let (new, now) = (vault.keys.another(&tenant).await?, vault.now());
    effects.create(&new);
    let active = ActiveKey { purpose: Purpose::Encrypt, data_key_id: new.key.id };
    let unchanged = Condition::default().equals("dataKeyId", old.key.id);
    let step = effects.put_when(&active, unchanged);
    effects.refused_as(step, Error::lost_race());
    let unchanged = Condition::default().equals("state", DataKeyState::Active);
    let step = effects.put_when(&old.clone().retired(now), unchanged);
    effects.refused_as(step, Error::lost_race());
    let data = DataKeyData { data_key_id: new.key.id, previous_data_key_id: old.key.id };
    effects.emit(&DataKeyRotated(data))?;
    Ok(new)
}

/// Where a search for values goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pass {
    /// The first sort key that was not looked at.
    from: String,
    /// Secrets.
    pub looked: u64,
    /// Values.
    pub sealed: u64,
}

/// Values that one transaction seals anew, two items each.
const AT_ONCE: usize = 40;

/// Adds the next values under `old` to a transaction, sealed by the key in force, each on the
/// condition that it is still under `old`: at most 80 items; true if the search is over. One Query
/// and two batch reads.
pub async fn reseal_some(
    vault: &Vault,
    effects: &mut Effects,
    old: DataKeyId,
    pass: &Pass,
) -> Result<(Pass, bool)> {
    let (tenant, mut pass) = (*effects.tenant(), pass.clone());
    let mut query = secrets_by_name(&tenant);
    if !pass.from.is_empty() {
        query = query.from_sort_key(&pass.from);
    }
    let page = vault.store.page(&query, 20, None).await?;
    let secrets: Result<Vec<Secret>> =
        page.items.iter().map(|item| item.decode_attribute("summary")).collect();
    let secrets = secrets?;
    let places: Vec<Key> = secrets.iter().map(|s| SecretItem::place(&tenant, s.id)).collect();
    let mut items = Vec::new();
    for item in vault.store.get_many(&places).await? {
        items.push(item.decode::<SecretItem>()?);
    }
    let mut room = AT_ONCE;
    for secret in &secrets {
        // The first that sorts behind it.
        let behind = format!("{}#{}!", secret.name, secret.id);
        if let Some(item) = items.iter().find(|item| item.summary.id == secret.id) {
            let left = reseal(vault, effects, old, item, &mut room, &mut pass).await?;
            if left {
                return Ok((pass, false));
            }
        }
        (pass.from, pass.looked) = (behind, pass.looked + 1);
    }
    Ok((pass, page.next.is_none()))
}

/// True if there was no room for all of them.
async fn reseal(
    vault: &Vault,
    effects: &mut Effects,
    old: DataKeyId,
    item: &SecretItem,
    room: &mut usize,
    pass: &mut Pass,
) -> Result<bool> {
    let (tenant, id) = (*effects.tenant(), item.summary.id);
    let place = |number: &u32| ValueItem::place(&tenant, id, *number);
    let places: Vec<Key> = item.inside.kept.iter().map(place).collect();
    for found in vault.store.get_many(&places).await? {
        let value: ValueItem = found.decode()?;
        if value.data_key_id != old {
            continue;
        }
        if *room == 0 {
            return Ok(true);
        }
        let opened = vault.keys.open(&tenant, &value).await?;
        let sealed = vault.keys.seal(&tenant, id, value.number, &opened).await?;
        let still = Condition::default().equals("dataKeyId", old);
        effects.put_when(&sealed, still);
        let row = VersionItem::place(&tenant, id, value.number);
        let update = Update::when(Condition::exists()).set("dataKeyId", sealed.data_key_id);
        effects.update(&row, &update);
        (*room, pass.sealed) = (*room - 1, pass.sealed + 1);
    }
    Ok(false)
}

/// How many secrets there are. One GetItem.
pub async fn count_secrets(vault: &Vault, tenant: &Tenant) -> Result<u64> {
    let found = vault.store.get_raw(&count_place(tenant, SECRETS)).await?;
    Ok(found.and_then(|item| item.number("count")).unwrap_or_default())
}

/// Says at the key how far it is. One item.
pub fn note_progress(effects: &mut Effects, old: DataKeyId, done: u64, total: u64) {
    let progress = RekeyProgress { done, left: total.saturating_sub(done) };
    let place = DataKeyItem::place(effects.tenant(), Purpose::Encrypt, old);
    effects.update(&place, &Update::when(Condition::exists()).set("rekeyProgress", progress));
}

/// A key of 90 days is retired; a retired one, once nobody can seal with it any more, is destroyed
/// when nothing is under it.
pub(super) async fn settle(task: &Task<'_>, id: DataKeyId) -> Result<Progress> {
    let (store, tenant) = (&task.vault.store, task.tenant());
    let place = DataKeyItem::place(&tenant, Purpose::Encrypt, id);
    let found: Option<DataKeyItem> = store.get(&place).await?;
    let Some(key) = found else { return Ok(Progress::Finished) };
    let now = task.vault.now();
    match key.state {
        DataKeyState::Active if key.key.created_at.plus(KEY_LIFETIME) <= now => {
            let mut effects = task.effects();
            renew(task.vault, &mut effects, &key).await?;
            start_rekey(&mut effects, id, &task.cause.actor_id)?;
            let outcome = effects.commit().await;
            task.vault.keys.forget_active(&tenant);
            match outcome {
                // Somebody was faster, or a key is just being changed: the next sweep looks again.
                Err(error) if is_conflict(&error) => Ok(Progress::Finished),
                outcome => outcome.map(|()| Progress::Finished),
            }
        }
        DataKeyState::Retired if key.key.retired_at.is_some_and(|at| at.plus(KEY_REST) <= now) => {
            empty(task, &key).await
        }
        _ => Ok(Progress::Finished),
    }
}

fn is_conflict(error: &Error) -> bool {
    use millwright_core::codes::{CONTENTION, LIMIT_REACHED};
    error.is(CONTENTION) || error.is(LIMIT_REACHED)
}

/// Looks through all secrets, until a whole search finds nothing; then the key goes.
async fn empty(task: &Task<'_>, key: &DataKeyItem) -> Result<Progress> {
    let store = &task.vault.store;
    // Not by the key that is to go, as this environment may remember.
    task.vault.keys.forget_active(&task.tenant());
    let mut pass = Pass::default();
    loop {
        if task.is_over() {
            return Ok(Progress::More);
        }
        let mut effects = task.effects();
        let (next, is_over) = reseal_some(task.vault, &mut effects, key.key.id, &pass).await?;
        match effects.attempt().await? {
            // A value was destroyed meanwhile: looked at again.
            millwright_store::Outcome::Refused(_) => continue,
            millwright_store::Outcome::Done => pass = next,
        }
        if is_over && pass.sealed == 0 {
            break;
        }
        if is_over {
            pass = Pass::default();
        }
    }
    let attempt = || async {
        let mut effects = task.effects();
        let unchanged = Condition::default().equals("state", DataKeyState::Retired);
        let step = effects.put_when(&key.clone().destroyed(), unchanged);
        effects.refused_as(step, millwright_core::Error::new(millwright_core::codes::CONFLICT, ""));
        match effects.commit().await {
            Err(error) if error.is(millwright_core::codes::CONFLICT) => Ok(()),
            outcome => outcome,
        }
    };
    Contention::new(store).settle(store, attempt).await?;
    Ok(Progress::Finished)
}
