//! The daily look at an organization's secrets.

use std::collections::{HashMap, HashSet};

use millwright_core::{Error, Result, Timestamp};
use millwright_store::{Condition, Contention, Key};

use super::{Progress, Task};
use crate::{
    domain::{DAY, Grant, Posture, Secret, SecretId},
    store::{Counts, PostureItem, grants_of_role, roles_place, secrets_by_name},
};

/// One Query and one BatchGetItem for each hundred secrets, one Query for each role with grants, two
/// reads and a transaction. Looked at today already: one read.
pub(super) async fn look(task: &Task<'_>) -> Result<Progress> {
    let (store, tenant) = (&task.vault.store, task.tenant());
    let place = PostureItem::place(&tenant);
    let attempt = || async {
        let now = task.vault.now();
        let before: Option<PostureItem> = store.get(&place).await?;
        let Some(before) = before.filter(|item| item.looked_at.plus(DAY) <= now) else {
            return Ok(());
        };
        let item = PostureItem { looked_at: now, report: Some(report(task, now).await?) };
        let unchanged = Condition::default().equals("lookedAt", before.looked_at);
        let mut transaction = store.transaction(&tenant);
        let step = transaction.put_when(&item, unchanged);
        transaction.refused_as(step, Error::lost_race());
        transaction.commit().await
    };
    Contention::new(store).settle(store, attempt).await?;
    Ok(Progress::Finished)
}

async fn report(task: &Task<'_>, now: Timestamp) -> Result<Posture> {
    let (store, tenant) = (&task.vault.store, task.tenant());
    let granted = granted_to_roles(task, now).await?;
    let mut posture = Posture { as_of: Some(now), ..Posture::default() };
    let mut from = None;
    loop {
        let page = store.page(&secrets_by_name(&tenant), 100, from.as_ref()).await?;
        let secrets: Result<Vec<Secret>> =
            page.items.iter().map(|item| item.decode_attribute("summary")).collect();
        let secrets = secrets?;
        let places: Vec<Key> = secrets.iter().map(|s| Counts::place(&tenant, s.id)).collect();
        let mut revealed: HashMap<String, Timestamp> = HashMap::new();
        for item in store.get_many(&places).await? {
            if let Some(at) = item.text("lastRevealedAt").and_then(|text| text.parse().ok()) {
                revealed.insert(item.partition_key().to_owned(), at);
            }
        }
        for (secret, place) in secrets.iter().zip(&places) {
            let last = revealed.get(place.partition()).copied();
            posture.look_at(secret, last, granted.contains(&secret.id), now);
        }
        from = page.next;
        if from.is_none() {
            return Ok(posture);
        }
    }
}

async fn granted_to_roles(task: &Task<'_>, now: Timestamp) -> Result<HashSet<SecretId>> {
    const MOST: usize = 20_000;
    let (store, tenant) = (&task.vault.store, task.tenant());
    let roles = store.get_raw(&roles_place(&tenant)).await?;
    let mut granted = HashSet::new();
    for role in roles.iter().flat_map(|item| item.texts("roles")) {
        for item in store.collect(&grants_of_role(&tenant, role), MOST).await? {
            let grant: Grant = item.decode_attribute("summary")?;
            if grant.holds_at(now) {
                granted.insert(grant.secret_id);
            }
        }
    }
    Ok(granted)
}
