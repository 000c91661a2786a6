//! What ends a rotation, whoever asks for it.

use millwright_core::{Error, Result};
use millwright_event::Effects;

use crate::{
    codes,
    domain::{DestroyReason, Rotation, RotationReason, RotationState, Stamp},
    events::{
        RotatedBy, RotatedData, RotationCancelled, RotationData, RotationFailed, RotationSucceeded,
        SecretRotated, VersionData, VersionDestroyed,
    },
    secret::replace,
    store::{AccessItem, Loaded, RotationItem, VersionItem},
    value::describe,
    vault::Vault,
};

/// A rotation to end.
pub struct Closing<'a> {
    pub loaded: &'a Loaded,
    pub before: &'a Rotation,
    pub state: RotationState,
    pub reason: Option<RotationReason>,
    pub stamp: Stamp,
    pub record: AccessItem,
}

/// Adds the end of a rotation to a transaction: confirmed, its value becomes current; else it is
/// destroyed. At most six items, and one read for a confirmation.
///
/// # Errors
/// `rotation_not_open`.
pub async fn close(vault: &Vault, effects: &mut Effects, closing: Closing<'_>) -> Result<Rotation> {
    let Closing { loaded, before, state, reason, stamp, mut record } = closing;
    let closed = |detail| Error::new(codes::ROTATION_NOT_OPEN, detail);
    if before.state != RotationState::AwaitingConfirmation {
        return Err(closed("it is finished already"));
    }
    let is_confirmed = state == RotationState::Succeeded;
    if is_confirmed && before.deadline_at.is_some_and(|end| stamp.at >= end) {
        return Err(closed("its deadline is over"));
    }
    let (tenant, id, number) = (*effects.tenant(), loaded.secret.id, before.value_version);
    let after = before.clone().finished(state, stamp.at, &stamp.by, reason);
    let (mut secret, mut inside) = (loaded.secret.clone(), loaded.inside.clone());
    inside.open_rotation = None;
    inside.open_until = None;
    if is_confirmed {
        secret.make_current(number, stamp.at);
        let place = VersionItem::place(&tenant, id, number);
        let pending: Option<VersionItem> = vault.store.get(&place).await?;
        let pending = pending.ok_or_else(|| Error::internal("no pending version"))?;
        describe(&mut secret, &mut inside, &pending.known);
    } else {
        secret.pending_version = None;
        inside.kept.retain(|kept| *kept != number);
        inside.turn.missed(stamp.at);
        VersionItem::destroy(effects, id, number, stamp.at, DestroyReason::Requested);
    }
    let secret = secret.stamped(stamp);
    replace(effects, &secret, &inside, loaded.secret.version)?;
    let step = effects.replace(&RotationItem::of(after.clone()), before.version);
    effects.refused_as(step, Error::lost_race());
    let data = RotationData::of(&secret, &after);
    match state {
        RotationState::Succeeded => {
            effects.emit(&SecretRotated(RotatedData::of(&secret, RotatedBy::Rotation)))?;
            effects.emit(&RotationSucceeded(data))?;
        }
        RotationState::Failed => effects.emit(&RotationFailed(data))?,
        _ => effects.emit(&RotationCancelled(data))?,
    }
    if !is_confirmed {
        effects.emit(&VersionDestroyed(VersionData::of(&secret, number, None)))?;
    }
    record.summary.value_version = Some(number);
    effects.put(&record);
    Ok(after)
}
