//! Grants that end by themselves, or whose grantee is gone.

use millwright_core::{Error, Result, Timestamp};
use millwright_store::{Condition, Contention};

use super::{Progress, Task};
use crate::{
    domain::{Grant, GranteeType, SecretId},
    events::{GrantData, GrantDeleted, GrantExpired},
    store::{Counts, GrantItem, SecretItem, one_less},
};

/// Takes a grant away that has ended. Two reads and one transaction of four items.
pub(super) async fn expire(
    task: &Task<'_>,
    secret: SecretId,
    kind: GranteeType,
    grantee: &str,
) -> Result<Progress> {
    let now = task.vault.now();
    take(task, secret, kind, grantee, true, |grant| !grant.holds_at(now)).await?;
    Ok(Progress::Finished)
}

/// Takes every grant of a grantee away that was made until then. One Query for each fifty, and what
/// [`expire`] takes for each grant.
pub(super) async fn drop_all(
    task: &Task<'_>,
    kind: GranteeType,
    grantee: &str,
    until: Timestamp,
) -> Result<Progress> {
    let query = GrantItem::of_grantee(&task.tenant(), kind, grantee);
    let mut from = None;
    loop {
        let page = task.vault.store.page(&query, 50, from.as_ref()).await?;
        for item in &page.items {
            if task.is_over() {
                return Ok(Progress::More);
            }
            let grant: Grant = item.decode_attribute("summary")?;
            let is_meant = |grant: &Grant| grant.created_at <= until;
            take(task, grant.secret_id, kind, grantee, false, is_meant).await?;
        }
        from = page.next;
        if from.is_none() {
            return Ok(Progress::Finished);
        }
    }
}

async fn take(
    task: &Task<'_>,
    secret: SecretId,
    kind: GranteeType,
    grantee: &str,
    expired: bool,
    is_meant: impl Fn(&Grant) -> bool,
) -> Result<()> {
    let (store, tenant) = (&task.vault.store, task.tenant());
    let attempt = || async {
        let place = GrantItem::place(&tenant, secret, kind, grantee);
        let found: Option<GrantItem> = store.get(&place).await?;
        let Some(grant) = found.map(|item| item.summary).filter(|grant| is_meant(grant)) else {
            return Ok(());
        };
        let about: Option<SecretItem> = store.get(&SecretItem::place(&tenant, secret)).await?;
        let mut effects = task.effects();
        let step = effects.delete_when(&place, Condition::version(grant.version));
        effects.refused_as(step, Error::lost_race());
        if let Some(SecretItem { summary, .. }) = about {
            one_less(&mut effects, &Counts::place(&tenant, secret), "grants");
            effects.put(&task.record("grant_delete", &summary));
            let data = GrantData::of(&summary, &grant, &grant.rights, &[]);
            match expired {
                true => effects.emit(&GrantExpired(data))?,
                false => effects.emit(&GrantDeleted(data))?,
            }
        }
        effects.commit().await
    };
    Contention::new(store).settle(store, attempt).await
}
