//! Purging deleted secrets before their time.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Error, FaultCode, Faults, codes as shared_codes};
use millwright_http::{
    Accepted, Allowed, Answered, Asking, OrOperator, PathParameter, Recent, Submission,
};
use millwright_store::Contention;
use utoipa::ToSchema;

use super::replace;
use crate::{
    app::SecretManagement,
    authority::Asker,
    domain::{SecretId, SecretName, Status, not_found},
    job::{handlers::Job, start_purge},
    permissions::SecretPurge,
    store::load,
};

/// Which secret is meant, once more.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "confirmName": "db/main" }))]
pub struct PurgeIn {
    /// The name of the secret.
    confirm_name: SecretName,
}

/// Purge a secret
///
/// A deleted one, before its 30 days are over; from now on it cannot be restored. A job removes its
/// values, versions, grants and bindings; the records of accesses stay. Operators purge those of the
/// platform. One query and one transaction of at most nine items.
#[utoipa::path(post, path = "/api/v1/secrets/{secretId}/purge", tag = "Secrets")]
pub async fn secret_purge(
    caller: Recent<OrOperator<Allowed<SecretPurge>>>,
    State(app): State<SecretManagement>,
    asking: Asking,
    PathParameter((id,)): PathParameter<(SecretId,)>,
    submission: Submission<PurgeIn>,
) -> Answered<Accepted<Job>> {
    let is_operator = caller.is_operator();
    let asker = Asker { is_operator, ..Asker::allowed(&app, &caller, &asking) };
    let attempt = || async {
        let loaded = load(&app.store, &caller.tenant(), id).await?;
        let loaded = loaded.ok_or_else(not_found)?;
        let before = &loaded.secret;
        if before.status != Status::Deleted {
            return Err(Error::new(shared_codes::INVALID_STATE, "delete the secret first"));
        }
        if submission.input.confirm_name != before.name {
            let detail = "is not the name of the secret";
            return Err(Error::fault("/confirmName", FaultCode::NotAllowed, detail));
        }
        let stamp = app.stamp(&caller);
        let mut after = before.clone();
        after.purge_at = Some(stamp.at);
        let after = after.stamped(stamp);
        let mut write = submission.write(&app.store, &caller);
        replace(&mut write, &after, &loaded.inside, before.version)?;
        let job = start_purge(&mut write, id, caller.actor())?;
        write.put(&asker.record("secret_purge", Some(&after)));
        write.commit(Accepted(Job::of(job))).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}
