//! Bindings that end with what they bind a secret to.

use millwright_core::{Error, Result};
use millwright_store::{Condition, Contention};

use super::{Progress, Task};
use crate::{
    domain::Binding,
    events::{BindingData, BindingDeleted},
    store::{BindingItem, Counts, SecretItem, one_less},
};

/// Takes every binding of a resource away, also one that was made for it and never used. Ids are
/// given once, so nothing that comes later is meant. One Query for each fifty; for each binding two
/// reads and one transaction of four items.
pub(super) async fn drop_all(
    task: &Task<'_>,
    service: &str,
    kind: &str,
    id: &str,
) -> Result<Progress> {
    let query = BindingItem::of_resource(&task.tenant(), service, kind, id);
    let mut from = None;
    loop {
        let page = task.vault.store.page(&query, 50, from.as_ref()).await?;
        for item in &page.items {
            if task.is_over() {
                return Ok(Progress::More);
            }
            take(task, &item.decode_attribute("summary")?).await?;
        }
        from = page.next;
        if from.is_none() {
            return Ok(Progress::Finished);
        }
    }
}

async fn take(task: &Task<'_>, listed: &Binding) -> Result<()> {
    let (store, tenant) = (&task.vault.store, task.tenant());
    let (place, secret) = (BindingItem::place(&tenant, listed), listed.secret_id);
    let attempt = || async {
        let found: Option<BindingItem> = store.get(&place).await?;
        let Some(BindingItem { summary: binding, .. }) = found else { return Ok(()) };
        let about: Option<SecretItem> = store.get(&SecretItem::place(&tenant, secret)).await?;
        let mut effects = task.effects();
        let step = effects.delete_when(&place, Condition::exists());
        effects.refused_as(step, Error::lost_race());
        if let Some(SecretItem { summary, .. }) = about {
            one_less(&mut effects, &Counts::place(&tenant, secret), "bindings");
            effects.put(&task.record("binding_delete", &summary));
            effects.emit(&BindingDeleted(BindingData::of(&summary, &binding)))?;
        }
        effects.commit().await
    };
    Contention::new(store).settle(store, attempt).await
}
