//! Purging an organization: its data keys first, which makes every value unreadable, in backups,
//! too; then everything else.

use std::time::Duration;

use millwright_core::{Error, Result};
use millwright_store::{Condition, Contention, Partition, Query};

use super::{Progress, Task};
use crate::{
    domain::{ACCESS_RETENTION, Secret},
    store::{
        ACCESS_SHARDS, AccessItem, DataKeyItem, DataKeyState, day_of, keys_of, parts_of,
        secret_partition, secrets_by_name, value_partition,
    },
};

/// In steps of at most 99 items.
pub(super) async fn purge(task: &Task<'_>) -> Result<Progress> {
    destroy_keys(task).await?;
    let steps = [forget_secrets(task).await?, forget_accesses(task).await?];
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
/// nobody makes another one meanwhile.
async fn destroy_keys(task: &Task<'_>) -> Result<()> {
    let (store, tenant) = (&task.vault.store, task.tenant());
    for item in store.collect(&Query::partition(keys_of(&tenant)), 1_000).await? {
        if !item.is::<DataKeyItem>() {
            continue;
        }
        let DataKeyItem { key, .. } = item.decode()?;
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
    Ok(())
}

/// Two partitions for each secret.
async fn forget_secrets(task: &Task<'_>) -> Result<Progress> {
    let (store, tenant) = (&task.vault.store, task.tenant());
    let mut from = None;
    loop {
        let page = store.page(&secrets_by_name(&tenant), 100, from.as_ref()).await?;
        for item in &page.items {
            let secret: Secret = item.decode_attribute("summary")?;
            let place = secret.place()?;
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

/// The records of 400 days: four queries for each.
async fn forget_accesses(task: &Task<'_>) -> Result<Progress> {
    const DAY: Duration = crate::domain::DAY;
    let now = task.vault.now();
    let days = ACCESS_RETENTION.as_secs().div_ceil(DAY.as_secs()) + 1;
    for ago in 0..u32::try_from(days).unwrap_or(u32::MAX) {
        let day = day_of(now.minus(DAY.saturating_mul(ago)));
        for shard in 0..ACCESS_SHARDS {
            let partition = AccessItem::partition(&task.tenant(), &day, shard);
            if forget(task, partition).await? == Progress::More {
                return Ok(Progress::More);
            }
        }
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
