//! Hourly: which keys expire within seven days.

use std::time::Duration;

use millwright_access::api_keys::KeyRecord;
use millwright_core::{Result, Tenant};
use millwright_event::{Cause, Effects};
use millwright_store::{Condition, Outcome, Store};

use crate::{
    events::ApiKeyExpiring,
    key::{KeyStatus, kind_of, status_of},
    store::{ExpiryMark, expiries_on},
    vouch,
};

/// Keys of one page.
const PAGE: usize = 100;
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Days of which the marks are looked at: today's, and those of the notice.
const DAYS: u32 = 8;

/// Says of every key that expires within seven days that it does: once, however many sweep. How
/// many events that were. Eight queries; one GetItem and one transaction for each key.
///
/// # Errors
/// `unavailable`; what was said is said.
pub async fn sweep(store: &Store) -> Result<usize> {
    let now = store.clock().now();
    let mut said = 0;
    for day in 0..DAYS {
        let marks = expiries_on(now.plus(DAY * day));
        let mut from = None;
        loop {
            let page = store.page(&marks, PAGE, from.as_ref()).await?;
            for item in &page.items {
                let mark: ExpiryMark = item.decode()?;
                if mark.is_due(now) {
                    said += usize::from(say(store, &mark).await?);
                }
            }
            from = page.next;
            if from.is_none() {
                break;
            }
        }
    }
    Ok(said)
}

/// Takes the mark away; with it goes the event, if the key is still good. False if there was nothing
/// to say, or somebody else has said it.
async fn say(store: &Store, mark: &ExpiryMark) -> Result<bool> {
    let record: Option<KeyRecord> = store.get(&mark.key_id.place()).await?;
    let now = store.clock().now();
    let expiring = record.filter(|record| {
        let is_active = status_of(&record.summary, now) == KeyStatus::Active;
        is_active && record.summary.expires_at == mark.expires_at
    });
    let organization = vouch::organization(mark.organization_id);
    let mut effects = Effects::new(store, cause(store, &organization));
    effects.delete_when(&mark.place(), Condition::exists());
    let is_expiring = expiring.is_some();
    if let Some(KeyRecord { summary, .. }) = expiring {
        effects.emit(&ApiKeyExpiring {
            key_id: summary.id.to_string(),
            kind: kind_of(&summary),
            user_id: summary.user_id,
            expires_at: summary.expires_at,
        })?;
    }
    Ok(matches!(effects.attempt().await?, Outcome::Done) && is_expiring)
}

/// Nobody's doing: time passes.
fn cause(store: &Store, organization: &Tenant) -> Cause {
    Cause {
        tenant: *organization,
        actor_id: "auth".to_owned(),
        traceparent: None,
        correlation_id: store.ids().next_uuid().to_string(),
        causation_id: None,
    }
}
