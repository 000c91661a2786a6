//! Everybody signs in again.

use axum::extract::State;
use millwright_core::{OrgId, Timestamp};
use millwright_http::{Allowed, Answered, Empty, PathParameter, Plain, Recent, Submission};
use millwright_store::Contention;
use serde::Serialize;
use utoipa::ToSchema;

use super::security::Security;
use crate::{
    app::UserManagement,
    events::{OrganizationAct, OrganizationSignedOut},
    permissions::SecurityUpdate,
    vouch,
};

/// From when on sign-ins count.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignedOut {
    reauth_after: Timestamp,
}

/// Sign out all members
///
/// Tokens for the organization are refused within 60 seconds, and only sign-ins from now on get new
/// ones. One batch read and one transaction of five items.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organizationId}/sign-out-members",
    tag = "Organizations"
)]
pub async fn organization_sign_out(
    caller: Recent<Allowed<SecurityUpdate>>,
    State(app): State<UserManagement>,
    PathParameter((id,)): PathParameter<(OrgId,)>,
    submission: Submission<Empty>,
) -> Answered<Plain<SignedOut>> {
    let tenant = vouch::own(&caller, id)?;
    let attempt = || async {
        let before = Security::read(&app, &tenant).await?;
        let stamp = app.stamp(&caller);
        let reauth_after = before.settings.reauth_after.map_or(stamp.at, |at| at.max(stamp.at));
        let mut after = before.settings.clone();
        after.reauth_after = Some(reauth_after);
        let mut write = submission.write(&app.store, &caller);
        before.succeed(&mut write, after, stamp.clone());
        let (by, by_operator, reason, deletes_at) = (stamp.by, false, None, None);
        let act = OrganizationAct { organization_id: id, by, by_operator, reason, deletes_at };
        write.emit(&OrganizationSignedOut(act))?;
        write.commit(Plain(SignedOut { reauth_after })).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}
