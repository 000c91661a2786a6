//! A value on its way to the store, and how it becomes a version.

use millwright_core::{Error, Result, Tenant};
use millwright_event::Effects;
use millwright_store::Outcome;

use super::Spot;
use crate::{
    codes,
    domain::{Announced, Bucket, Inside, Secret, Stage, Stamp, Version, VersionState},
    events::{RotatedBy, RotatedData, SecretRotated, VersionCreated, VersionData},
    secret::{check_present, replace},
    store::{AccessItem, Loaded, SecretItem, VersionItem},
    value::{NewValue, describe, pending_exists, prune},
    vault::Vault,
};

fn spot(secret: &Secret, number: u32) -> Spot {
    Spot { organization: secret.organization_id, secret: secret.id, number }
}

/// Announces a value and puts it into the store; gives the secret with the announcement, for the
/// transaction that makes it a version. One transaction of one item and one PutSecretValue; met again
/// after a lost race one DescribeSecret instead.
///
/// # Errors
/// A lost race as long as another value is on its way; `backend_write_limited`,
/// `backend_unavailable`, `pending_exists`.
pub async fn prepare(
    vault: &Vault,
    tenant: &Tenant,
    loaded: &Loaded,
    new: &NewValue,
    token: &str,
    stamp: &Stamp,
) -> Result<Loaded> {
    let (secret, now) = (&loaded.secret, stamp.at);
    if let Some(announced) = &loaded.inside.announced {
        let is_own = announced.token == token;
        if !is_own && !announced.is_abandoned(now) {
            return Err(Error::lost_race());
        }
        let is_there = vault.outside.has(spot(secret, announced.version.number)).await?;
        if is_own && is_there {
            return Ok(loaded.clone());
        }
        if is_there && announced.can_be_finished() {
            // By whoever has died; this one comes after it.
            finish(vault, *tenant, loaded, token).await?;
        } else {
            drop_announced(vault, tenant, loaded).await?;
        }
        return Err(Error::lost_race());
    }
    if new.stage == Stage::Pending && secret.pending_version.is_some() {
        return Err(pending_exists());
    }
    let mut announcing = loaded.clone();
    let inside = &mut announcing.inside;
    let bucket = inside.bucket.unwrap_or_else(|| Bucket::full(now)).take(now);
    inside.bucket = Some(bucket.map_err(|wait| {
        let detail = "the secret store takes one value in ten minutes, and five at once";
        Error::new(codes::BACKEND_WRITE_LIMITED, detail).retry_after(wait)
    })?);
    let version = version_of(secret, inside.next_number(secret), new, stamp);
    inside.announced_until = version.number;
    inside.announced = Some(Announced {
        token: token.to_owned(),
        at: now,
        stage: new.stage,
        digest: Some(vault.keys.digest(tenant, &new.value).await?),
        known: new.checked.known.clone(),
        version,
    });
    let announced = record_only(vault, tenant, &announcing).await?;
    let spot = spot(secret, announced.inside.announced_until);
    if let Err(error) = vault.outside.put(spot, &new.value).await {
        // Perhaps it is there nevertheless; who cannot say leaves it to the jobs.
        if !vault.outside.has(spot).await? {
            drop_announced(vault, tenant, &announced).await?;
            return Err(error);
        }
    }
    Ok(announced)
}

pub fn version_of(secret: &Secret, number: u32, new: &NewValue, stamp: &Stamp) -> Version {
    Version {
        number,
        secret_id: secret.id,
        state: VersionState::Enabled,
        origin: new.origin,
        rolled_back_from: new.rolled_back_from,
        change_reason: new.change_reason.clone(),
        size_bytes: u64::try_from(new.checked.bytes).unwrap_or(u64::MAX),
        data_key_id: None,
        created_at: stamp.at,
        created_by: stamp.by.clone(),
        deleted_at: None,
        destroyed_at: None,
        destroy_reason: None,
    }
}

/// Writes the record of a secret and nothing else; nobody has changed it. One transaction of one item.
async fn record_only(vault: &Vault, tenant: &Tenant, changed: &Loaded) -> Result<Loaded> {
    let (mut secret, before) = (changed.secret.clone(), changed.secret.version);
    secret.version += 1;
    let inside = changed.inside.clone().armed(&secret, vault.now());
    let mut transaction = vault.store.transaction(tenant);
    transaction.replace(&SecretItem::of(&secret, &inside), before);
    match transaction.attempt().await? {
        Outcome::Done => Ok(Loaded { secret, inside, ..changed.clone() }),
        Outcome::Refused(_) => Err(Error::lost_race()),
    }
}

/// Nothing comes of it: its number is never used again.
///
/// # Errors
/// A lost race.
pub async fn drop_announced(vault: &Vault, tenant: &Tenant, loaded: &Loaded) -> Result<()> {
    let mut without = loaded.clone();
    without.inside.announced = None;
    record_only(vault, tenant, &without).await.map(drop)
}

/// Adds the version that was announced to a transaction, and changes the record, which whoever calls
/// it writes. One item, and two for each old value that is pruned.
///
/// # Errors
/// `internal` if none was announced.
pub fn append(
    effects: &mut Effects,
    secret: &mut Secret,
    inside: &mut Inside,
    stamp: &Stamp,
) -> Result<Version> {
    let announced = inside.announced.take();
    let announced = announced.ok_or_else(|| Error::internal("no value was announced"))?;
    let Announced { version, stage, digest, known, .. } = announced;
    secret.append_at(version.number, stage, stamp.at);
    if stage == Stage::Current {
        describe(secret, inside, &known);
    }
    effects.create(&VersionItem::of(version.clone(), digest, known));
    inside.kept.push(version.number);
    prune(effects, secret, inside, stamp.at)?;
    Ok(version)
}

/// Makes a version of what somebody has announced and put, who is gone. One transaction of five
/// items.
///
/// # Errors
/// A lost race.
pub async fn finish(vault: &Vault, tenant: Tenant, loaded: &Loaded, request: &str) -> Result<()> {
    check_present(&loaded.secret)?;
    let (mut secret, mut inside) = (loaded.secret.clone(), loaded.inside.clone());
    let announced = inside.announced.as_ref();
    let announced = announced.ok_or_else(|| Error::internal("no value was announced"))?;
    let (by, stage) = (announced.version.created_by.clone(), announced.stage);
    let (token, number) = (announced.token.clone(), announced.version.number);
    inside.finished_for(token, number);
    let cause = millwright_event::Cause {
        tenant,
        actor_id: by.clone(),
        traceparent: None,
        correlation_id: request.to_owned(),
        causation_id: None,
    };
    let mut effects = Effects::new(&vault.store, cause);
    let stamp = Stamp { at: vault.now(), by: by.clone() };
    let version = append(&mut effects, &mut secret, &mut inside, &stamp)?;
    let secret = secret.stamped(stamp);
    replace(&mut effects, &secret, &inside, loaded.secret.version)?;
    let mut record: AccessItem =
        crate::work::record_of(vault, &by, request, "version_create", Some(&secret));
    record.summary.value_version = Some(version.number);
    effects.put(&record);
    say(&mut effects, &secret, &version, stage, RotatedBy::of(version.origin))?;
    effects.commit().await
}

/// What is said of a new version.
pub fn say(
    effects: &mut Effects,
    secret: &Secret,
    version: &Version,
    stage: Stage,
    cause: RotatedBy,
) -> Result<()> {
    let said = VersionData::of(secret, version.number, Some(version.origin));
    effects.emit(&VersionCreated(said))?;
    if stage == Stage::Current {
        effects.emit(&SecretRotated(RotatedData::of(secret, cause)))?;
    }
    Ok(())
}
