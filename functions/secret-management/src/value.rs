//! Writing values: the one way a version comes to be.

use millwright_core::{Error, Fault, Result};
use millwright_event::Effects;

use crate::{
    codes,
    crypto::KeyRing,
    domain::{
        ChangeReason, Checked, DestroyReason, Inside, Known, Origin, Plaintext, Secret, SecretType,
        Stage, Stamp, Version, VersionState, check_value,
    },
    events::{VersionData, VersionDestroyed},
    store::VersionItem,
    vault::Vault,
};

/// A value that is to become a version.
#[derive(Clone)]
pub struct NewValue {
    pub value: Plaintext,
    pub checked: Checked,
    /// `current` or `pending`.
    pub stage: Stage,
    pub origin: Origin,
    pub rolled_back_from: Option<u32>,
    pub change_reason: Option<ChangeReason>,
}

/// Checks the shape of a value.
///
/// # Errors
/// `invalid_value_shape` with all faults, which quote nothing; `too_large`.
pub fn check_shape(kind: SecretType, value: &Plaintext) -> Result<Checked> {
    check_value(kind, value, misshapen)
}

fn misshapen(faults: Vec<Fault>) -> Error {
    Error::invalid(codes::INVALID_VALUE_SHAPE, faults)
}

pub fn rotation_impossible(detail: &'static str) -> Error {
    Error::new(codes::ROTATION_NOT_POSSIBLE, detail)
}

/// Adds a value to a transaction as the next version of a secret, whose record it changes: two
/// items, and two for each old value that is pruned (at most 20). Whoever calls it writes the
/// record. No calls if the data keys are in memory.
///
/// # Errors
/// `pending_exists`; `key_service_unavailable`.
pub async fn append(
    app: &Vault,
    effects: &mut Effects,
    secret: &mut Secret,
    inside: &mut Inside,
    new: NewValue,
    stamp: &Stamp,
) -> Result<Version> {
    if new.stage == Stage::Pending && secret.pending_version.is_some() {
        let detail = "promote, delete or confirm the pending version first";
        return Err(Error::new(codes::PENDING_EXISTS, detail));
    }
    let tenant = *effects.tenant();
    let keys: &KeyRing = &app.keys;
    let number = secret.append(new.stage, stamp.at);
    if new.stage == Stage::Current {
        describe(secret, inside, &new.checked.known);
    }
    let sealed = keys.seal(&tenant, secret.id, number, &new.value).await?;
    let version = Version {
        number,
        secret_id: secret.id,
        state: VersionState::Enabled,
        origin: new.origin,
        rolled_back_from: new.rolled_back_from,
        change_reason: new.change_reason,
        size_bytes: u64::try_from(new.checked.bytes).unwrap_or(u64::MAX),
        data_key_id: sealed.data_key_id,
        created_at: stamp.at,
        created_by: stamp.by.clone(),
        deleted_at: None,
        destroyed_at: None,
        destroy_reason: None,
    };
    let digest = keys.digest(&tenant, &new.value).await?;
    effects.create(&VersionItem::of(version.clone(), Some(digest), new.checked.known));
    // Without a condition: a refused one would answer with the item.
    effects.put(&sealed);
    inside.kept.push(number);
    let pruned = inside.prune(secret);
    for old in pruned.iter().copied() {
        VersionItem::destroy(effects, secret.id, old, stamp.at, DestroyReason::Pruned);
        effects.emit(&VersionDestroyed(VersionData::of(secret, old, None)))?;
    }
    // Rows stay until the purge, the newest thousand of them.
    if let Some(old) = number.checked_sub(MAX_ROWS).filter(|old| *old > 0)
        && !inside.kept.contains(&old)
        && secret.stages(old).is_empty()
        && !pruned.contains(&old)
    {
        effects.delete(&VersionItem::place(&tenant, secret.id, old));
    }
    Ok(version)
}

/// Rows of versions that a secret keeps.
const MAX_ROWS: u32 = 1_000;

/// What may be known of the current value.
pub fn describe(secret: &mut Secret, inside: &mut Inside, known: &Known) {
    let was_its_own = secret.expires_at.is_none() || secret.expires_at == inside.facts.not_after;
    if was_its_own && known.expires_at.is_some() {
        secret.expires_at = known.expires_at;
    }
    inside.facts = known.facts.clone();
    inside.hint = known.hint.clone();
}
