//! How a rotation ends.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Error, Faults, Result};
use millwright_http::{
    Answered, Asking, Entitled, OrOperator, PathParameter, Submission, Versioned,
};
use millwright_store::Contention;
use utoipa::ToSchema;

use super::close::{Closing, close};
use crate::{
    app::SecretManagement,
    authority::Asker,
    domain::{Right, Rotation, RotationId, RotationReason, RotationState, SecretId},
    permissions::SecretUpdate,
    store::RotationItem,
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
    caller: OrOperator<Entitled<SecretUpdate>>,
    State(app): State<SecretManagement>,
    asking: Asking,
    PathParameter((id, rotation)): PathParameter<(SecretId, RotationId)>,
    submission: Submission<FinishIn>,
) -> Answered<Versioned<Rotation>> {
    let asker = Asker::operated(&app, &caller, &asking);
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
    caller: OrOperator<Entitled<SecretUpdate>>,
    State(app): State<SecretManagement>,
    asking: Asking,
    PathParameter((id, rotation)): PathParameter<(SecretId, RotationId)>,
    submission: Submission<FinishIn>,
) -> Answered<Versioned<Rotation>> {
    let asker = Asker::operated(&app, &caller, &asking);
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
    caller: OrOperator<Entitled<SecretUpdate>>,
    State(app): State<SecretManagement>,
    asking: Asking,
    PathParameter((id, rotation)): PathParameter<(SecretId, RotationId)>,
    submission: Submission<FinishIn>,
) -> Answered<Versioned<Rotation>> {
    let asker = Asker::operated(&app, &caller, &asking);
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
    let action = match state {
        RotationState::Succeeded => "rotation_confirm",
        RotationState::Failed => "rotation_fail",
        _ => "rotation_cancel",
    };
    let attempt = || async {
        let (loaded, _) = asker.demand::<SecretUpdate>(id, Right::Update).await?;
        let place = RotationItem::place(&tenant, id, rotation);
        let found: Option<RotationItem> = app.store.get(&place).await?;
        let before = found.ok_or_else(|| Error::not_found("rotation"))?.rotation;
        let mut write = submission.write(&app.store, asker.caller);
        let closing = Closing {
            loaded: &loaded,
            before: &before,
            state,
            reason: reason.clone(),
            stamp: app.stamp(asker.caller),
            record: asker.record(action, Some(&loaded.secret)),
        };
        let after = close(app, &mut write, closing).await?;
        write.commit(Versioned(after)).await
    };
    Contention::new(&app.store).settle(&app.store, attempt).await
}
