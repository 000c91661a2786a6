//! When keys were used last: told by whoever verifies them.

use millwright_access::api_keys::{KeyRecord, KeyUsed};
use millwright_core::{Error, Result};
use millwright_store::{Condition, Contention, Store};

use crate::vouch;

/// Notes a use if it is the latest. The version stays: nobody has changed the key. One GetItem and
/// one PutItem.
pub async fn note(store: &Store, used: &KeyUsed) -> Result<()> {
    let attempt = || async {
        let Some(mut record) = store.get::<KeyRecord>(&used.key_id.place()).await? else {
            return Ok(());
        };
        let is_known = record.summary.last_used_at.is_some_and(|at| at >= used.at);
        if is_known || record.summary.id != used.key_id || record.summary.revoked_at.is_some() {
            return Ok(());
        }
        // The version does not change: who was read may have been written since.
        let unchanged = Condition::version(record.version).equals("summary", &record.summary);
        record.summary.last_used_at = Some(used.at);
        record.summary.last_used_ip.clone_from(&used.address);
        let organization = vouch::organization(record.summary.organization_id);
        let stood = store.put_when(&organization, &record, &unchanged).await?;
        if stood.is_some() { Err(Error::lost_race()) } else { Ok(()) }
    };
    Contention::new(store).settle(store, attempt).await
}
