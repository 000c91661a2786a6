//! Writing values: the one way a version comes to be.

use millwright_core::{Error, Fault, Result, Timestamp};
use millwright_event::Effects;

use crate::{
    backend::version_of,
    codes,
    crypto::KeyRing,
    domain::{
        ChangeReason, Checked, DestroyReason, Inside, Known, Origin, Plaintext, Secret, SecretType,
        Stage, Stamp, Version, check_value,
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
        return Err(pending_exists());
    }
    let tenant = *effects.tenant();
    let keys: &KeyRing = &app.keys;
    let number = secret.append_at(inside.next_number(secret), new.stage, stamp.at);
    if new.stage == Stage::Current {
        describe(secret, inside, &new.checked.known);
    }
    let sealed = keys.seal(&tenant, secret.id, number, &new.value).await?;
    let version = Version {
        data_key_id: Some(sealed.data_key_id),
        ..version_of(secret, number, &new, stamp)
    };
    let digest = keys.digest(&tenant, &new.value).await?;
    effects.create(&VersionItem::of(version.clone(), Some(digest), new.checked.known));
    // Without a condition: a refused one would answer with the item.
    effects.put(&sealed);
    inside.kept.push(number);
    prune(effects, secret, inside, stamp.at)?;
    Ok(version)
}

pub fn pending_exists() -> Error {
    let detail = "promote, delete or confirm the pending version first";
    Error::new(codes::PENDING_EXISTS, detail)
}

/// Adds what goes with a new version to a transaction: two items for each old value that is pruned,
/// at most 20, and the oldest row.
///
/// # Errors
/// `internal` if too much is announced.
pub fn prune(
    effects: &mut Effects,
    secret: &Secret,
    inside: &mut Inside,
    at: Timestamp,
) -> Result<()> {
    let pruned = inside.prune(secret);
    for old in pruned.iter().copied() {
        VersionItem::destroy(effects, secret.id, old, at, DestroyReason::Pruned);
        effects.emit(&VersionDestroyed(VersionData::of(secret, old, None)))?;
    }
    // Rows stay until the purge, the newest thousand of them.
    let tenant = *effects.tenant();
    if let Some(old) = secret.last_version.checked_sub(MAX_ROWS).filter(|old| *old > 0)
        && !inside.kept.contains(&old)
        && secret.stages(old).is_empty()
        && !pruned.contains(&old)
    {
        effects.delete(&VersionItem::place(&tenant, secret.id, old));
    }
    Ok(())
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
