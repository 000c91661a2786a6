//! How a rotation ends.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Error, Faults, Result};
use millwright_http::{Answered, Entitled, PathParameter, Submission, Versioned};
use millwright_store::Contention;
use utoipa::ToSchema;

use crate::{
    app::SecretManagement,
    asking::Asking,
    authority::Asker,
    codes,
    domain::{DestroyReason, Right, Rotation, RotationId, RotationReason, RotationState, SecretId},
    events::{
        RotatedBy, RotatedData, RotationCancelled, RotationData, RotationFailed, RotationSucceeded,
        SecretRotated, VersionData, VersionDestroyed,
    },
    permissions::SecretUpdate,
    secret::replace,
    store::{RotationItem, VersionItem},
    value::describe,
};

/// Why.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "reason": "Applied by hand" }))]
pub struct FinishIn {
    #[deserr(default)]
    #[schema(inline)]
    reason: Option<RotationReason>,
}

/// Confirm a rotation
///
/// The pending value becomes current, if the deadline is not over. One query, two reads and one
/// transaction of at most five items.
#[utoipa::path(
    post,
    path = "/api/v1/secrets/{secretId}/rotations/{rotationId}/confirm",
    tag = "Rotations"
)]
pub async fn rotation_confirm(
    caller: Entitled<SecretUpdate>,
    State(app): State<SecretManagement>,
    asking: Asking,
    PathParameter((id, rotation)): PathParameter<(SecretId, RotationId)>,
    submission: Submission<FinishIn>,
) -> Answered<Versioned<Rotation>> {
    let asker = Asker::of(&app, &caller, &asking);
    Ok(finish(&asker, id, rotation, submission, RotationState::Succeeded).await?)
}

/// Report a failed rotation
///
/// The pending value is destroyed, the current one stays. One query, one read and one transaction
/// of at most seven items.
#[utoipa::path(
    post,
    path = "/api/v1/secrets/{secretId}/rotations/{rotationId}/fail",
    tag = "Rotations"
)]
pub async fn rotation_fail(
    caller: Entitled<SecretUpdate>,
    State(app): State<SecretManagement>,
    asking: Asking,
    PathParameter((id, rotation)): PathParameter<(SecretId, RotationId)>,
    submission: Submission<FinishIn>,
) -> Answered<Versioned<Rotation>> {
    let asker = Asker::of(&app, &caller, &asking);
    Ok(finish(&asker, id, rotation, submission, RotationState::Failed).await?)
}

/// Cancel a rotation
///
/// The pending value is destroyed, the current one stays. One query, one read and one transaction
/// of at most seven items.
#[utoipa::path(
    post,
    path = "/api/v1/secrets/{secretId}/rotations/{rotationId}/cancel",
    tag = "Rotations"
)]
pub async fn rotation_cancel(
    caller: Entitled<SecretUpdate>,
    State(app): State<SecretManagement>,
    asking: Asking,
    PathParameter((id, rotation)): PathParameter<(SecretId, RotationId)>,
    submission: Submission<FinishIn>,
) -> Answered<Versioned<Rotation>> {
    let asker = Asker::of(&app, &caller, &asking);
    Ok(finish(&asker, id, rotation, submission, RotationState::Cancelled).await?)
}

async fn finish(
    asker: &Asker<'_>,
    id: SecretId,
    rotation: RotationId,
    submission: Submission<FinishIn>,
    state: RotationState,
) -> Result<Versioned<Rotation>> {
    let (app, tenant) = (asker.app, asker.tenant());
    let reason = submission.input.reason.clone();
    let attempt = || async {
        let (loaded, _) = asker.demand::<SecretUpdate>(id, Right::Update).await?;
        let place = RotationItem::place(&tenant, id, rotation);
        let found: Option<RotationItem> = app.store.get(&place).await?;
        let before = found.ok_or_else(|| Error::not_found("rotation"))?.rotation;
        let closed = |detail| Error::new(codes::ROTATION_NOT_OPEN, detail);
        if before.state != RotationState::AwaitingConfirmation {
            return Err(closed("it is finished already"));
        }
        let stamp = app.stamp(asker.caller);
        let is_confirmed = state == RotationState::Succeeded;
        if is_confirmed && before.deadline_at.is_some_and(|end| stamp.at >= end) {
            return Err(closed("its deadline is over"));
        }
        let number = before.value_version;
        let after = before.clone().finished(state, stamp.at, &stamp.by, reason.clone());
        let (mut secret, mut inside) = (loaded.secret.clone(), loaded.inside.clone());
        inside.open_rotation = None;
        let mut write = submission.write(&app.store, asker.caller);
        if is_confirmed {
            secret.make_current(number, stamp.at);
            let place = VersionItem::place(&tenant, id, number);
            let pending: Option<VersionItem> = app.store.get(&place).await?;
            let pending = pending.ok_or_else(|| Error::internal("no pending version"))?;
            describe(&mut secret, &mut inside, &pending.known);
        } else {
            secret.pending_version = None;
            inside.kept.retain(|kept| *kept != number);
            let reason = DestroyReason::Requested;
            VersionItem::destroy(&mut write, id, number, stamp.at, reason);
        }
        let secret = secret.stamped(stamp);
        replace(&mut write, &secret, &inside, loaded.secret.version);
        let step = write.replace(&RotationItem::of(after.clone()), before.version);
        write.refused_as(step, Error::lost_race());
        let data = RotationData::of(&secret, &after);
        let action = match state {
            RotationState::Succeeded => {
                write.emit(&SecretRotated(RotatedData::of(&secret, RotatedBy::Rotation)))?;
                write.emit(&RotationSucceeded(data))?;
                "rotation_confirm"
            }
            RotationState::Failed => {
                write.emit(&RotationFailed(data))?;
                "rotation_fail"
            }
            _ => {
                write.emit(&RotationCancelled(data))?;
                "rotation_cancel"
            }
        };
        if !is_confirmed {
            write.emit(&VersionDestroyed(VersionData::of(&secret, number, None)))?;
        }
        let mut record = asker.record(action, Some(&secret));
        record.summary.value_version = Some(number);
        write.put(&record);
        write.commit(Versioned(after)).await
    };
    Contention::new(&app.store).settle(&app.store, attempt).await
}
