//! What ends with a project, a team, a membership or a service key (rule 19).

use millwright_core::{Error, ProjectId, Result, ServiceKeyId, TeamId, Timestamp, UserId};
use millwright_store::{Contention, Query};

use super::{Progress, Task, grant::drop_all};
use crate::{
    domain::{DeletedBecause, GranteeType, Place, Scope, Secret, SecretId, Status},
    events::{DeletionData, SecretData, SecretDeleted, SecretRestored},
    secret::replace,
    store::{NameMarker, ProjectMark, load, secrets_by_name, secrets_of_place},
};

/// Its secrets go, or come back if it did: what stands at the end is what was said last.
pub(super) async fn project(task: &Task<'_>, project: ProjectId) -> Result<Progress> {
    let place = ProjectMark::place(&task.tenant(), project);
    let mark: Option<ProjectMark> = task.vault.store.get(&place).await?;
    let Some(mark) = mark else { return Ok(Progress::Finished) };
    let id = project.to_string();
    let is_its = |secret: &Secret| {
        secret.scope == Scope::Project && secret.scope_id.as_deref() == Some(id.as_str())
    };
    // Environments are anybody's words: they are found among all secrets.
    let query = secrets_by_name(&task.tenant());
    let because = DeletedBecause::ProjectDeleted;
    match mark.is_deleted {
        true => {
            let is_left = |secret: &Secret| is_its(secret) && secret.status != Status::Deleted;
            each(task, &query, is_left, Fate::Delete(because, None)).await
        }
        false => {
            let went = |secret: &Secret| is_its(secret) && secret.deleted_because == Some(because);
            each(task, &query, went, Fate::Restore(because)).await
        }
    }
}

/// Its secrets and the grants to it go.
pub(super) async fn team(task: &Task<'_>, team: TeamId) -> Result<Progress> {
    let query = secrets_of_place(&task.tenant(), &Place::Team(team));
    let because = DeletedBecause::TeamDeleted;
    let is_left = |secret: &Secret| secret.status != Status::Deleted;
    match each(task, &query, is_left, Fate::Delete(because, None)).await? {
        Progress::More => Ok(Progress::More),
        Progress::Finished => {
            drop_all(task, GranteeType::Team, &team.to_string(), task.vault.now()).await
        }
    }
}

/// The person's own secrets and the grants to them go, as far as they are of that membership.
pub(super) async fn member(task: &Task<'_>, user: UserId, until: Timestamp) -> Result<Progress> {
    let query = secrets_of_place(&task.tenant(), &Place::User(user));
    let because = DeletedBecause::MemberRemoved;
    let is_left = |secret: &Secret| secret.status != Status::Deleted && secret.created_at <= until;
    match each(task, &query, is_left, Fate::Delete(because, Some(until))).await? {
        Progress::More => Ok(Progress::More),
        Progress::Finished => drop_all(task, GranteeType::User, &user.to_string(), until).await,
    }
}

/// The grants to it go.
pub(super) async fn service_key(task: &Task<'_>, key: ServiceKeyId) -> Result<Progress> {
    drop_all(task, GranteeType::ServiceKey, &key.to_string(), task.vault.now()).await
}

/// What becomes of secrets; those that were made later than that are another's.
#[derive(Clone, Copy)]
enum Fate {
    Delete(DeletedBecause, Option<Timestamp>),
    Restore(DeletedBecause),
}

/// One Query for each hundred.
async fn each(
    task: &Task<'_>,
    query: &Query,
    is_meant: impl Fn(&Secret) -> bool,
    fate: Fate,
) -> Result<Progress> {
    let mut from = None;
    loop {
        let page = task.vault.store.page(query, 100, from.as_ref()).await?;
        for item in &page.items {
            if task.is_over() {
                return Ok(Progress::More);
            }
            let secret: Secret = item.decode_attribute("summary")?;
            if is_meant(&secret) {
                match fate {
                    Fate::Delete(because, until) => {
                        delete(task, secret.id, because, until).await?;
                    }
                    Fate::Restore(because) => restore(task, secret.id, because).await?,
                }
            }
        }
        from = page.next;
        if from.is_none() {
            return Ok(Progress::Finished);
        }
    }
}

/// One Query and one transaction of four items.
async fn delete(
    task: &Task<'_>,
    id: SecretId,
    because: DeletedBecause,
    made_until: Option<Timestamp>,
) -> Result<()> {
    let store = &task.vault.store;
    let attempt = || async {
        let Some(loaded) = load(store, &task.tenant(), id).await? else { return Ok(()) };
        let before = &loaded.secret;
        let is_later = made_until.is_some_and(|until| before.created_at > until);
        if before.status == Status::Deleted || is_later {
            return Ok(());
        }
        let (stamp, mut inside) = (task.stamp(), loaded.inside.clone());
        inside.status_before = Some(before.status);
        let after = before.clone().deleted(because, &stamp).stamped(stamp);
        let mut effects = task.effects();
        replace(&mut effects, &after, &inside, before.version)?;
        effects.remove(&NameMarker::of(before)?);
        effects.put(&task.record("secret_delete", &after));
        effects.emit(&SecretDeleted(DeletionData::of(&after, &loaded.bindings)))?;
        effects.commit().await
    };
    Contention::new(store).settle(store, attempt).await
}

/// One Query and one transaction of four items. A secret whose name is taken meanwhile, or whose
/// time is over, stays deleted.
async fn restore(task: &Task<'_>, id: SecretId, because: DeletedBecause) -> Result<()> {
    let store = &task.vault.store;
    let attempt = || async {
        let Some(loaded) = load(store, &task.tenant(), id).await? else { return Ok(()) };
        let (before, now) = (&loaded.secret, task.vault.now());
        let is_late = before.purge_at.is_none_or(|end| end <= now);
        if before.deleted_because != Some(because) || is_late {
            return Ok(());
        }
        let mut inside = loaded.inside.clone();
        let status = inside.status_before.take().unwrap_or(Status::Active);
        let after = before.clone().restored(status).stamped(task.stamp());
        let mut effects = task.effects();
        replace(&mut effects, &after, &inside, before.version)?;
        let step = effects.create(&NameMarker::of(&after)?);
        effects.refused_as(step, name_taken());
        effects.put(&task.record("secret_restore", &after));
        effects.emit(&SecretRestored(SecretData::of(&after)))?;
        effects.commit().await
    };
    match Contention::new(store).settle(store, attempt).await {
        Err(error) if error.is(millwright_core::codes::NAME_TAKEN) => {
            tracing::info!(secret = %id, "another secret has the name: it stays deleted");
            Ok(())
        }
        outcome => outcome,
    }
}

fn name_taken() -> Error {
    Error::new(millwright_core::codes::NAME_TAKEN, "another secret there has this name")
}
