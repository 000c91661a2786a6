//! Keys that end.

use millwright_access::{
    api_keys::{KeyId, KeyRecord, KeySummary},
    feed::{Subject, kill},
};
use millwright_core::{Error, Result, Timestamp};
use millwright_event::Effects;

use crate::{
    events::{ApiKeyRevoked, KeyKind, KeyRevokedReason},
    store::ExpiryMark,
};

/// Why keys end.
#[derive(Clone, Copy, Debug)]
pub struct Withdrawal<'w> {
    /// Who ends them.
    pub by: &'w str,
    /// What they go with; none: they are revoked by hand.
    pub reason: Option<KeyRevokedReason>,
    /// When nothing is left of them; none: in 90 days.
    pub removed_at: Option<Timestamp>,
}

/// Whose a key is.
pub fn kind_of(summary: &KeySummary) -> KeyKind {
    if summary.user_id.is_some() { KeyKind::Personal } else { KeyKind::Service }
}

/// Revokes active keys for good, within a minute everywhere. Three items and an event for each;
/// what was changed meanwhile is a lost race. Their slots are the caller's to change.
pub fn withdraw(
    effects: &mut Effects,
    records: Vec<KeyRecord>,
    withdrawal: &Withdrawal<'_>,
) -> Result<()> {
    let now = effects.store().clock().now();
    for mut record in records {
        effects.delete(&ExpiryMark::of(&record.summary).place());
        let before = record.version;
        record.version += 1;
        record.secrets.clear();
        record.removed_at = withdrawal.removed_at;
        let summary = &mut record.summary;
        summary.revoked_at = Some(now);
        summary.revoked_by = Some(withdrawal.by.to_owned());
        if withdrawal.reason.is_some() {
            // Whoever used it is gone from here.
            summary.last_used_ip = None;
        }
        let step = effects.replace(&record, before);
        effects.refused_as(step, Error::lost_race());
        let KeySummary { id, user_id, name, .. } = record.summary.clone();
        kill(
            effects,
            match id {
                KeyId::Personal(id) => Subject::ApiKey(id),
                KeyId::Service(id) => Subject::ServiceKey(id),
            },
        );
        effects.emit(&ApiKeyRevoked {
            key_id: id.to_string(),
            kind: kind_of(&record.summary),
            user_id,
            name,
            prefix: id.prefix(),
            reason: withdrawal.reason,
        })?;
    }
    Ok(())
}
