//! What is due of one secret: reminders, its expiry, rotations, their deadlines, the purge.

use millwright_core::{Error, Kind, Result, codes as shared_codes};
use millwright_store::Contention;

use super::{Progress, Task, outside, purge};
use crate::{
    domain::{
        AccessOutcome, DueStep, Rotation, RotationReason, RotationState, RotationTrigger, SecretId,
    },
    events::{
        ExpiryData, RotationData, RotationDue, RotationDueData, RotationFailed, SecretExpired,
        SecretExpiring,
    },
    rotation::{Beginning, Closing, begin, close},
    secret::replace,
    store::{Loaded, RotationItem, load},
};

/// No secret has as much to do at once.
const MOST_STEPS: usize = 20;

/// Does what is due, one transaction each, with the query before it.
pub(super) async fn secret(task: &Task<'_>, id: SecretId) -> Result<Progress> {
    let store = &task.vault.store;
    for _ in 0..MOST_STEPS {
        let attempt = || async {
            let Some(loaded) = load(store, &task.tenant(), id).await? else { return Ok(None) };
            let step = loaded.inside.due_step(&loaded.secret, task.vault.now());
            match step {
                None | Some(DueStep::Purge) => {}
                Some(step) => take(task, &loaded, step).await?,
            }
            Ok(step)
        };
        match Contention::new(store).settle(store, attempt).await? {
            None => return Ok(Progress::Finished),
            Some(DueStep::Purge) => return purge::purge(task, id).await,
            Some(_) => {}
        }
    }
    Ok(Progress::More)
}

async fn take(task: &Task<'_>, loaded: &Loaded, step: DueStep) -> Result<()> {
    match step {
        DueStep::Remind(days) => tell(task, loaded, days).await,
        DueStep::Expire => tell(task, loaded, 0).await,
        DueStep::RotationDue => remind_of_rotation(task, loaded).await,
        DueStep::Deadline => miss_deadline(task, loaded).await,
        DueStep::Rotate => rotate(task, loaded).await,
        DueStep::Unfinished => outside::unfinished(task, loaded).await,
        DueStep::Purge => Ok(()),
    }
}

/// The record has another version, but nobody has changed the secret.
async fn tell(task: &Task<'_>, loaded: &Loaded, days: u32) -> Result<()> {
    let (mut secret, mut inside) = (loaded.secret.clone(), loaded.inside.clone());
    secret.version += 1;
    inside.notices.tell(days);
    let mut effects = task.effects();
    replace(&mut effects, &secret, &inside, loaded.secret.version)?;
    let data = ExpiryData::of(&secret, days);
    match days {
        0 => effects.emit(&SecretExpired(data))?,
        _ => effects.emit(&SecretExpiring(data))?,
    }
    effects.commit().await
}

async fn remind_of_rotation(task: &Task<'_>, loaded: &Loaded) -> Result<()> {
    let (mut secret, mut inside) = (loaded.secret.clone(), loaded.inside.clone());
    secret.version += 1;
    inside.turn.told(task.vault.now());
    let mut effects = task.effects();
    replace(&mut effects, &secret, &inside, loaded.secret.version)?;
    effects.emit(&RotationDue(RotationDueData::of(&secret)))?;
    effects.commit().await
}

/// One read and one transaction of at most seven items.
async fn miss_deadline(task: &Task<'_>, loaded: &Loaded) -> Result<()> {
    let id = loaded.inside.open_rotation;
    let id = id.ok_or_else(|| Error::internal("no rotation is open"))?;
    let place = RotationItem::place(&task.tenant(), loaded.secret.id, id);
    let found: Option<RotationItem> = task.vault.store.get(&place).await?;
    let found = found.ok_or_else(|| Error::internal(format!("{id} is not there")))?;
    let mut effects = task.effects();
    let closing = Closing {
        loaded,
        before: &found.rotation,
        state: RotationState::Failed,
        reason: Some("not confirmed in time".parse::<RotationReason>()?),
        stamp: task.stamp(),
        record: task.record("rotation_fail", &loaded.secret),
    };
    close(task.vault, &mut effects, closing).await?;
    effects.commit().await
}

/// At most two reads and one transaction, as if somebody had asked for it.
async fn rotate(task: &Task<'_>, loaded: &Loaded) -> Result<()> {
    let mut effects = task.effects();
    let beginning = Beginning {
        loaded,
        value: None,
        trigger: RotationTrigger::Scheduled,
        stamp: task.stamp(),
        token: &task.token,
        record: task.record("rotation_start", &loaded.secret),
    };
    match begin(task.vault, &mut effects, beginning).await {
        Ok(_) => effects.commit().await,
        Err(error) if may_pass(&error) => Err(error),
        Err(error) => fail(task, loaded, &error).await,
    }
}

fn may_pass(error: &Error) -> bool {
    matches!(error.kind(), Kind::Unavailable | Kind::Internal | Kind::RateLimited)
        || error.is(shared_codes::CONTENTION)
}

/// No value could be made: tried again later, then it waits for a person.
async fn fail(task: &Task<'_>, loaded: &Loaded, error: &Error) -> Result<()> {
    let (mut secret, mut inside) = (loaded.secret.clone(), loaded.inside.clone());
    let stamp = task.stamp();
    let rotation = Rotation {
        id: task.vault.store.ids().next(),
        secret_id: secret.id,
        trigger: RotationTrigger::Scheduled,
        strategy: secret.rotation.strategy,
        state: RotationState::Failed,
        value_version: secret.last_version,
        username: None,
        deadline_at: None,
        finished_at: Some(stamp.at),
        finished_by: Some(stamp.by.clone()),
        failure_reason: Some(error.code().name.parse::<RotationReason>()?),
        version: 1,
        created_at: stamp.at,
        created_by: stamp.by,
    };
    secret.version += 1;
    inside.turn.missed(stamp.at);
    let mut effects = task.effects();
    replace(&mut effects, &secret, &inside, loaded.secret.version)?;
    effects.create(&RotationItem::of(rotation.clone()));
    effects.emit(&RotationFailed(RotationData::of(&secret, &rotation)))?;
    let mut record = task.record("rotation_start", &secret);
    record.summary.outcome = AccessOutcome::Failed;
    record.summary.error_code = Some(error.code().name.to_owned());
    effects.put(&record);
    effects.commit().await
}
