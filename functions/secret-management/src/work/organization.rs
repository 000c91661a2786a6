//! Purging an organization: its data keys first, which makes every value unreadable, in backups,
//! too; then everything else.

use millwright_core::{Error, Result, Timestamp};
use millwright_store::{Condition, Contention, Partition, Query};

use super::{Progress, Task, is_outside};
use crate::{
    backend,
    domain::{ACCESS_RETENTION, DAY, Secret},
    store::{
        ACCESS_SHARDS, AccessItem, DataKeyItem, DataKeyState, SecretItem, StoredNote, day_of,
        keys_of, notes_of, parts_of, secret_partition, secrets_by_name, value_partition,
    },
};

/// In steps of at most 99 items.
pub(super) async fn purge(task: &Task<'_>) -> Result<Progress> {
    let since = destroy_keys(task).await?;
    forget_notes(task).await?;
    let steps = [forget_secrets(task).await?, forget_accesses(task, since).await?];
    if steps.contains(&Progress::More) {
        return Ok(Progress::More);
    }
    for partition in parts_of(&task.tenant()) {
        if forget(task, partition).await? == Progress::More {
            return Ok(Progress::More);
        }
    }
    Ok(Progress::Finished)
}

/// One Query, and one transaction for each key. Which was in force is not forgotten before the end:
/// nobody makes another one meanwhile. Since when there are keys.
async fn destroy_keys(task: &Task<'_>) -> Result<Timestamp> {
    let (store, tenant) = (&task.vault.store, task.tenant());
    let mut since = task.vault.now();
    for item in store.collect(&Query::partition(keys_of(&tenant)), 1_000).await? {
        if !item.is::<DataKeyItem>() {
            continue;
        }
        let DataKeyItem { key, .. } = item.decode()?;
        since = since.min(key.created_at);
        let place = DataKeyItem::place(&tenant, key.purpose, key.id);
        let attempt = || async {
            let found: Option<DataKeyItem> = store.get(&place).await?;
            let Some(before) = found.filter(|key| key.state != DataKeyState::Destroyed) else {
                return Ok(());
            };
            let unchanged = Condition::default().equals("state", before.state);
            let mut effects = task.effects();
            let step = effects.put_when(&before.destroyed(), unchanged);
            effects.refused_as(step, Error::lost_race());
            effects.commit().await
        };
        Contention::new(store).settle(store, attempt).await?;
    }
    Ok(since)
}

/// What is in the secret store and was on its way.
async fn forget_notes(task: &Task<'_>) -> Result<()> {
    let (store, tenant) = (&task.vault.store, task.tenant());
    for item in store.collect(&Query::partition(notes_of(&tenant)), 10_000).await? {
        let note: StoredNote = item.decode()?;
        backend::take_back(task.vault, &tenant, note.secret_id).await?;
    }
    Ok(())
}

/// Three partitions for each secret, and what the secret store has of it.
async fn forget_secrets(task: &Task<'_>) -> Result<Progress> {
    let (store, tenant) = (&task.vault.store, task.tenant());
    let mut from = None;
    loop {
        let page = store.page(&secrets_by_name(&tenant), 100, from.as_ref()).await?;
        let mut of: Vec<SecretItem> = Vec::new();
        let ids: Result<Vec<Secret>> =
            page.items.iter().map(|item| item.decode_attribute("summary")).collect();
        let places: Vec<_> = ids?.iter().map(|one| SecretItem::place(&tenant, one.id)).collect();
        for item in store.get_many(&places).await? {
            of.push(item.decode()?);
        }
        for item in &page.items {
            let secret: Secret = item.decode_attribute("summary")?;
            let place = secret.place()?;
            // Also of what was moving: where it was says nothing then.
            if let Some(item) = of.iter().find(|item| item.summary.id == secret.id)
                && is_outside(&item.summary, &item.inside)
            {
                task.vault.outside.delete(secret.organization_id, secret.id).await?;
            }
            let names = crate::store::NameMarker::partition(&tenant, &place);
            let parts =
                [value_partition(&tenant, secret.id), names, secret_partition(&tenant, secret.id)];
            for partition in parts {
                if forget(task, partition).await? == Progress::More {
                    return Ok(Progress::More);
                }
            }
        }
        from = page.next;
        if from.is_none() {
            return Ok(Progress::Finished);
        }
    }
}

/// The records of at most 400 days, from the one before the first key on: four queries for each day.
async fn forget_accesses(task: &Task<'_>, since: Timestamp) -> Result<Progress> {
    let now = task.vault.now();
    let first = since.minus(DAY).max(now.minus(ACCESS_RETENTION)).minus(DAY);
    let mut at = now;
    while at >= first {
        for shard in 0..ACCESS_SHARDS {
            let partition = AccessItem::partition(&task.tenant(), &day_of(at), shard);
            if forget(task, partition).await? == Progress::More {
                return Ok(Progress::More);
            }
        }
        at = at.minus(DAY);
    }
    Ok(Progress::Finished)
}

async fn forget(task: &Task<'_>, partition: Partition) -> Result<Progress> {
    let store = &task.vault.store;
    loop {
        if task.is_over() {
            return Ok(Progress::More);
        }
        // From the end: the record of a secret, which tells of the rest, goes last.
        let query = Query::partition(partition.clone()).descending(true);
        let items = store.page(&query, 99, None).await?.items;
        if items.is_empty() {
            return Ok(Progress::Finished);
        }
        let mut transaction = store.transaction(&task.tenant());
        for item in &items {
            transaction.delete(&partition.clone().at(item.sort_key()));
        }
        transaction.commit().await?;
    }
}
