//! Promoting, deleting, restoring and destroying versions.

use axum::extract::State;
use millwright_core::{Error, Result};
use millwright_http::{
    Answered, Asking, Empty, Entitled, NoContent, OrOperator, PathParameter, Submission, Versioned,
};
use millwright_store::{Condition, Contention, Update};

use super::{Number, VersionView, check_enabled, destroyed, find};
use crate::{
    app::SecretManagement,
    authority::Asker,
    codes,
    domain::{DestroyReason, Right, Secret, SecretId, VersionState},
    events::{
        RotatedBy, RotatedData, SecretRotated, VersionData, VersionDeleted, VersionDestroyed,
        VersionRestored,
    },
    permissions::{SecretDelete, SecretUpdate},
    secret::{check_present, replace},
    store::{Loaded, VersionItem},
    value::describe,
};

/// Promote a version
///
/// The pending version becomes current. One query, one read and one transaction of four items.
#[utoipa::path(
    post,
    path = "/api/v1/secrets/{secretId}/versions/{number}/promote",
    tag = "Versions"
)]
pub async fn version_promote(
    caller: OrOperator<Entitled<SecretUpdate>>,
    State(app): State<SecretManagement>,
    asking: Asking,
    PathParameter((id, number)): PathParameter<(SecretId, Number)>,
    submission: Submission<Empty>,
) -> Answered<Versioned<VersionView>> {
    let number = number.get();
    let asker = Asker::operated(&app, &caller, &asking);
    let attempt = || async {
        let (loaded, _) = asker.demand::<SecretUpdate>(id, Right::Update).await?;
        check_present(&loaded.secret)?;
        let item = find(&app.store, &caller.tenant(), id, number).await?;
        check_enabled(item.state)?;
        check_no_rotation(&loaded, number)?;
        if loaded.secret.pending_version != Some(number) {
            let detail = "only the pending version can be promoted";
            return Err(Error::new(millwright_core::codes::INVALID_STATE, detail));
        }
        let stamp = app.stamp(&caller);
        let (mut after, mut inside) = (loaded.secret.clone(), loaded.inside.clone());
        after.make_current(number, stamp.at);
        describe(&mut after, &mut inside, &item.known);
        let after = after.stamped(stamp);
        let mut write = submission.write(&app.store, &caller);
        replace(&mut write, &after, &inside, loaded.secret.version)?;
        let mut record = asker.record("version_promote", Some(&after));
        record.summary.value_version = Some(number);
        write.put(&record);
        write.emit(&SecretRotated(RotatedData::of(&after, RotatedBy::Promotion)))?;
        write.commit(Versioned(VersionView::of(&after, item.version()))).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}

/// The pending version of an open rotation is its own.
fn check_no_rotation(loaded: &Loaded, number: u32) -> Result<()> {
    if loaded.inside.open_rotation.is_some() && loaded.secret.pending_version == Some(number) {
        let detail = "confirm, fail or cancel the rotation";
        return Err(Error::new(codes::ROTATION_OPEN, detail));
    }
    Ok(())
}

/// What is done to a version that is not its promotion.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Delete,
    Restore,
    Destroy,
}

/// Delete a version
///
/// It can be restored. Deleted again is fine. One query, one read and one transaction of at most
/// four items.
#[utoipa::path(delete, path = "/api/v1/secrets/{secretId}/versions/{number}", tag = "Versions")]
pub async fn version_delete(
    caller: OrOperator<Entitled<SecretDelete>>,
    State(app): State<SecretManagement>,
    asking: Asking,
    PathParameter((id, number)): PathParameter<(SecretId, Number)>,
) -> Answered<NoContent> {
    let asker = Asker::operated(&app, &caller, &asking);
    meet(&asker, id, number.get(), Fate::Delete, "version_delete").await?;
    Ok(NoContent)
}

/// Restore a version
///
/// One query, one read and one transaction of at most four items.
#[utoipa::path(
    post,
    path = "/api/v1/secrets/{secretId}/versions/{number}/restore",
    tag = "Versions"
)]
pub async fn version_restore(
    caller: OrOperator<Entitled<SecretDelete>>,
    State(app): State<SecretManagement>,
    asking: Asking,
    PathParameter((id, number)): PathParameter<(SecretId, Number)>,
    submission: Submission<Empty>,
) -> Answered<Versioned<VersionView>> {
    let asker = Asker::operated(&app, &caller, &asking);
    let view = meet(&asker, id, number.get(), Fate::Restore, "version_restore").await?;
    Ok(submission.write(&app.store, &caller).commit(Versioned(view)).await?)
}

/// Destroy a version
///
/// Its value is gone for ever. One query, one read and one transaction of at most five items.
#[utoipa::path(
    post,
    path = "/api/v1/secrets/{secretId}/versions/{number}/destroy",
    tag = "Versions"
)]
pub async fn version_destroy(
    caller: OrOperator<Entitled<SecretDelete>>,
    State(app): State<SecretManagement>,
    asking: Asking,
    PathParameter((id, number)): PathParameter<(SecretId, Number)>,
    submission: Submission<Empty>,
) -> Answered<Versioned<VersionView>> {
    let asker = Asker::operated(&app, &caller, &asking);
    let view = meet(&asker, id, number.get(), Fate::Destroy, "version_destroy").await?;
    Ok(submission.write(&app.store, &caller).commit(Versioned(view)).await?)
}

/// Does it, unless it is so already.
///
/// # Errors
/// `version_is_current` and `version_destroyed` as the states have it, `rotation_open`.
pub async fn meet(
    asker: &Asker<'_>,
    id: SecretId,
    number: u32,
    fate: Fate,
    action: &'static str,
) -> Result<VersionView> {
    let app = asker.app;
    let attempt = || async {
        let (loaded, _) = asker.demand::<SecretDelete>(id, Right::Delete).await?;
        check_present(&loaded.secret)?;
        let item = find(&app.store, &asker.tenant(), id, number).await?;
        let is_done = match fate {
            Fate::Delete => item.state == VersionState::Deleted,
            Fate::Restore => item.state == VersionState::Enabled,
            Fate::Destroy => item.state == VersionState::Destroyed,
        };
        if is_done {
            return Ok(VersionView::of(&loaded.secret, item.version()));
        }
        if item.state == VersionState::Destroyed {
            return Err(destroyed());
        }
        check_no_rotation(&loaded, number)?;
        let (after, item) = decide(asker, &loaded, item, fate, action).await?;
        Ok(VersionView::of(&after, item.version()))
    };
    Contention::new(&app.store).settle(&app.store, attempt).await
}

async fn decide(
    asker: &Asker<'_>,
    loaded: &Loaded,
    mut item: VersionItem,
    fate: Fate,
    action: &'static str,
) -> Result<(Secret, VersionItem)> {
    let (app, secret) = (asker.app, &loaded.secret);
    let (tenant, now) = (asker.tenant(), app.now());
    let number = item.clone().version().number;
    let place = VersionItem::place(&tenant, secret.id, number);
    let mut write = asker.caller.write(&app.store);
    let unchanged = Condition::default().equals("state", item.state);
    let mut after = secret.clone();
    match fate {
        Fate::Delete => {
            item.state = VersionState::Deleted;
            item.deleted_at = Some(now);
            let update =
                Update::when(unchanged).set("state", VersionState::Deleted).set("deletedAt", now);
            let step = write.update(&place, &update);
            write.refused_as(step, Error::lost_race());
            write.emit(&VersionDeleted(VersionData::of(secret, number, None)))?;
        }
        Fate::Restore => {
            item.state = VersionState::Enabled;
            item.deleted_at = None;
            let update =
                Update::when(unchanged).set("state", VersionState::Enabled).remove("deletedAt");
            let step = write.update(&place, &update);
            write.refused_as(step, Error::lost_race());
            write.emit(&VersionRestored(VersionData::of(secret, number, None)))?;
        }
        Fate::Destroy => {
            if secret.current_version == Some(number) {
                let detail = "write another value first";
                return Err(Error::new(codes::VERSION_IS_CURRENT, detail));
            }
            let reason = DestroyReason::Requested;
            item.state = VersionState::Destroyed;
            item.destroyed_at = Some(now);
            item.destroy_reason = Some(reason);
            VersionItem::destroy(&mut write, secret.id, number, now, reason);
            let mut inside = loaded.inside.clone();
            inside.kept.retain(|kept| *kept != number);
            if after.pending_version == Some(number) {
                after.pending_version = None;
            }
            if after.previous_version == Some(number) {
                after.previous_version = None;
            }
            after = after.stamped(app.stamp(asker.caller));
            replace(&mut write, &after, &inside, secret.version)?;
            write.emit(&VersionDestroyed(VersionData::of(secret, number, None)))?;
        }
    }
    let mut record = asker.record(action, Some(secret));
    record.summary.value_version = Some(number);
    write.put(&record);
    write.commit(NoContent).await?;
    Ok((after, item))
}
