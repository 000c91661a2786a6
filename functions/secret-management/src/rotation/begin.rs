//! What begins a rotation, whoever asks for it.

use millwright_core::{Error, FaultCode, Result, Tenant};
use millwright_event::Effects;
use serde_json::Value;

use crate::{
    codes,
    domain::{
        Generate, Origin, Plaintext, Rotation, RotationState, RotationStrategy, RotationTrigger,
        SecretType, Stage, Stamp,
    },
    events::{RotatedBy, RotationData, RotationStarted, RotationSucceeded},
    generate::make,
    reveal::read_value,
    store::{AccessItem, Loaded, RotationItem},
    value::{NewValue, check_shape},
    vault::Vault,
    version::{Writing, write_value},
};

/// A rotation to begin.
pub struct Beginning<'a> {
    pub loaded: &'a Loaded,
    /// Made by the rotation policy if not given.
    pub value: Option<Plaintext>,
    pub trigger: RotationTrigger,
    pub stamp: Stamp,
    /// Whose rotation it is, however often it is attempted.
    pub token: &'a str,
    pub record: AccessItem,
}

/// Adds a rotation to a transaction: six items, and two for each old value that is pruned. At most
/// two reads.
///
/// # Errors
/// `rotation_open`, `pending_exists`, `rotation_not_possible`; those of reading and making values.
pub async fn begin(
    vault: &Vault,
    effects: &mut Effects,
    beginning: Beginning<'_>,
) -> Result<Rotation> {
    let Beginning { loaded, value, trigger, stamp, token, record } = beginning;
    if loaded.inside.open_rotation.is_some() {
        let detail = "confirm, fail or cancel the one that is open";
        return Err(Error::new(codes::ROTATION_OPEN, detail));
    }
    let (value, username) = next_value(vault, effects.tenant(), loaded, value).await?;
    let checked = check_shape(loaded.secret.kind, &value)?;
    let strategy = loaded.secret.rotation.strategy;
    let waits = strategy != RotationStrategy::Replace;
    let value = NewValue {
        value,
        checked,
        stage: if waits { Stage::Pending } else { Stage::Current },
        origin: Origin::Rotated,
        rolled_back_from: None,
        change_reason: None,
    };
    let mut loaded = loaded.clone();
    let rotation = Rotation {
        id: vault.store.ids().next(),
        secret_id: loaded.secret.id,
        trigger,
        strategy,
        state: RotationState::AwaitingConfirmation,
        value_version: loaded.secret.last_version + 1,
        username,
        deadline_at: waits.then(|| stamp.at.plus(loaded.secret.rotation.confirm_within())),
        finished_at: None,
        finished_by: None,
        failure_reason: None,
        version: 1,
        created_at: stamp.at,
        created_by: stamp.by.clone(),
    };
    let rotation = match waits {
        true => rotation,
        false => Rotation {
            state: RotationState::Succeeded,
            finished_at: Some(stamp.at),
            finished_by: Some(stamp.by.clone()),
            ..rotation
        },
    };
    loaded.inside.open_rotation = waits.then_some(rotation.id);
    loaded.inside.open_until = rotation.deadline_at;
    let cause = RotatedBy::Rotation;
    let writing = Writing { loaded: &loaded, value, cause, stamp, token, record };
    let (secret, _) = write_value(vault, effects, writing).await?;
    effects.create(&RotationItem::of(rotation.clone()));
    effects.emit(&RotationStarted(RotationData::of(&secret, &rotation)))?;
    if !waits {
        effects.emit(&RotationSucceeded(RotationData::of(&secret, &rotation)))?;
    }
    Ok(rotation)
}

/// The value to come, and whose turn it is. At most two reads.
async fn next_value(
    vault: &Vault,
    tenant: &Tenant,
    loaded: &Loaded,
    given: Option<Plaintext>,
) -> Result<(Plaintext, Option<String>)> {
    let (secret, policy) = (&loaded.secret, &loaded.secret.rotation);
    let two_user = policy.strategy == RotationStrategy::TwoUser;
    let needs_current =
        two_user || (given.is_none() && secret.kind == SecretType::UsernamePassword);
    let current = match secret.current_version.filter(|_| needs_current) {
        Some(number) => Some(read_value(vault, tenant, secret.id, number).await?),
        None => None,
    };
    let username = match (two_user, &current) {
        (true, Some(current)) => {
            let now = current.expose()["username"].as_str().unwrap_or_default();
            policy.next_user(now).map(str::to_owned)
        }
        _ => None,
    };
    let Some(value) = given else {
        let base = current.map(|current| {
            let mut base = current.expose().clone();
            if let Some(username) = &username {
                base["username"] = Value::from(username.as_str());
            }
            Plaintext::new(base)
        });
        let generate = policy.generate.clone();
        let generate = generate.unwrap_or(Generate { policy_id: None, inline: None });
        let made = make(vault, tenant, secret.kind, &generate, base.as_ref()).await?;
        return Ok((made, username));
    };
    let said = value.expose()["username"].as_str();
    if username.is_some() && said != username.as_deref() {
        let detail = "must be the other of the two users: it is their turn";
        return Err(Error::fault("/value/username", FaultCode::NotAllowed, detail));
    }
    Ok((value, username))
}
