//! Purging a secret: its values, versions, rotations, grants and bindings; access records stay.

use millwright_core::{Error, Result, Timestamp};
use millwright_event::Effects;
use millwright_store::{Condition, Contention, Query};

use super::{Progress, Task};
use crate::{
    domain::{Backend, Inside, Secret, SecretId, Status},
    events::{SecretData, SecretPurged},
    store::{
        AccessItem, Counts, SECRETS, SecretItem, ValueItem, VersionItem, count_place, one_less,
        secret_partition,
    },
    vault::Vault,
};

/// Purges a secret whose time has come, in steps of at most 91 items.
pub(super) async fn purge(task: &Task<'_>, id: SecretId) -> Result<Progress> {
    let store = &task.vault.store;
    while !task.is_over() {
        let attempt = || async {
            let place = SecretItem::place(&task.tenant(), id);
            let found: Option<SecretItem> = store.get(&place).await?;
            let now = task.vault.now();
            let Some(item) = found.filter(|item| is_due(&item.summary, now)) else {
                return Ok(true);
            };
            let mut effects = task.effects();
            let record = task.record("secret_purge", &item.summary);
            let is_last = purge_some(task.vault, &mut effects, &item, record).await?;
            effects.commit().await?;
            Ok(is_last)
        };
        if Contention::new(store).settle(store, attempt).await? {
            return Ok(Progress::Finished);
        }
    }
    Ok(Progress::More)
}

/// True if the secret store may have something of it.
pub fn is_outside(secret: &Secret, inside: &Inside) -> bool {
    secret.backend != Backend::Internal || inside.migrating.is_some()
}

pub fn is_due(secret: &Secret, now: Timestamp) -> bool {
    secret.status == Status::Deleted && secret.purge_at.is_some_and(|at| at <= now)
}

/// Adds the next items of a purge to a transaction, at most 91; true if those were the last. One
/// Query; before the last one call to the secret store, if that has its values.
pub async fn purge_some(
    vault: &Vault,
    effects: &mut Effects,
    item: &SecretItem,
    record: AccessItem,
) -> Result<bool> {
    const AT_ONCE: usize = 45;
    let SecretItem { summary: secret, inside, .. } = item;
    let (tenant, id) = (*effects.tenant(), secret.id);
    let parts = Query::partition(secret_partition(&tenant, id)).from_sort_key("B");
    let place = SecretItem::place(&tenant, id);
    let unchanged = Condition::version(secret.version);
    let items = vault.store.page(&parts, AT_ONCE, None).await?.items;
    if items.is_empty() {
        if is_outside(secret, inside) {
            vault.outside.delete(secret.organization_id, id).await?;
        }
        let step = effects.delete_when(&place, unchanged);
        effects.refused_as(step, Error::lost_race());
        effects.delete(&Counts::place(&tenant, id));
        one_less(effects, &count_place(&tenant, SECRETS), "count");
        effects.put(&record);
        effects.emit(&SecretPurged(SecretData::of(secret)))?;
        return Ok(true);
    }
    let step = effects.check(&place, unchanged);
    effects.refused_as(step, Error::lost_race());
    for item in &items {
        effects.delete(&secret_partition(&tenant, id).at(item.sort_key()));
        if item.is::<VersionItem>() {
            let number = item.sort_key().trim_start_matches("V#").parse();
            let number = number.map_err(|_| Error::internal("a version without a number"))?;
            effects.delete(&ValueItem::place(&tenant, id, number));
        }
    }
    Ok(false)
}
