//! A new secret for a key.

use std::time::Duration;

use millwright_access::api_keys::{KeyId, SecretHash, secret_hash, written};
use millwright_core::{Error, Result};
use millwright_http::{Caller, Submission, Versioned};
use millwright_store::Contention;

use super::{
    Owner,
    create::{announce_expiry, kind, organization, slots, taken},
    found,
    input::{RotateIn, checked_expiry},
    manage::active,
    view::{FreshKey, KeyView},
};
use crate::{
    app::Auth,
    events::ApiKeyRotated,
    secret::Secret,
    store::{ExpiryMark, KeySlot, Limit, count_within},
};

/// Makes a new secret; the old one is good for the overlap, any older one no more. One GetItem of
/// facts, two GetItem, one transaction of at most six items.
pub async fn rotate(
    app: &Auth,
    caller: &Caller,
    owner: Owner,
    (id, submission): (KeyId, Submission<RotateIn>),
) -> Result<Versioned<FreshKey>> {
    let facts = organization(app, caller, owner).await?;
    let secret = Secret::random(app.store.ids());
    let overlap = submission.input.overlap_seconds.map_or(0, |it| it.get());
    let attempt = || async {
        let now = app.clock().now();
        let mut record = found(&app.store, &caller.tenant(), owner, id).await?;
        active(&record, now)?;
        let mark = ExpiryMark::of(&record.summary);
        let before = record.version;
        record.version += 1;
        if let Some(wanted) = submission.input.expires_at {
            record.summary.expires_at = checked_expiry(Some(wanted), &facts, now)?;
        }
        let has_longer = ExpiryMark::of(&record.summary) != mark;
        let until = Some(now.plus(Duration::from_secs(u64::from(overlap))));
        let old = record.secrets.drain(..).next().filter(|_| overlap > 0);
        record.secrets.push(SecretHash { hash: secret_hash(secret.expose()), until: None });
        record.secrets.extend(old.map(|it| SecretHash { until, ..it }));
        record.summary.rotated_at = Some(now);
        let slots = slots(app, caller, owner).await?;
        let slot = KeySlot {
            id,
            folded_name: record.summary.name.to_lowercase(),
            expires_at: record.summary.expires_at,
        };
        let mut write = submission.write(&app.store, caller);
        let next = taken(&slots, slot, now)?;
        for step in [write.replace(&record, before), write.put_when(&next, slots.unchanged())] {
            write.refused_as(step, Error::lost_race());
        }
        if has_longer {
            if ExpiryMark::of(&record.summary).place() != mark.place() {
                write.delete(&mark.place());
            }
            announce_expiry(&mut write, &record.summary);
        }
        count_within(&mut write, Limit::KEYS, caller.actor());
        write.emit(&ApiKeyRotated {
            key_id: id.to_string(),
            kind: kind(owner),
            user_id: record.summary.user_id,
            name: record.summary.name.clone(),
            prefix: id.prefix(),
            overlap_seconds: overlap,
        })?;
        let key = Secret::new(written(&id, secret.expose()));
        let view = KeyView::of_record(&record, now);
        write.commit(Versioned(FreshKey { view, key })).await
    };
    Contention::new(&app.store).settle(&app.store, attempt).await
}
