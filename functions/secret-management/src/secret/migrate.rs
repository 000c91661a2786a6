//! Moving a secret to another backend.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Error, Faults, codes as shared_codes};
use millwright_http::{Accepted, Allowed, Answered, Asking, PathParameter, Submission};
use millwright_store::Contention;
use utoipa::ToSchema;

use super::{check_present, create::check_backend, replace};
use crate::{
    app::SecretManagement,
    authority::Asker,
    codes,
    domain::{Backend, Migration, Secret, SecretId, not_found},
    job::{handlers::Job, start_migration},
    permissions::SettingsManage,
    store::load,
};

/// Where to.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "backend": "aws_secrets_manager" }))]
pub struct MigrateIn {
    backend: Backend,
    /// Versions beyond what the backend can keep are destroyed, the oldest first.
    #[deserr(default)]
    #[schema(required = false)]
    drop_old_versions: bool,
}

/// Migrate a secret
///
/// A job moves its values, one by one, newest first; numbers stay. Each is readable all the time, in
/// the one place or the other. One query and one transaction of at most seven items.
#[utoipa::path(post, path = "/api/v1/secrets/{secretId}/migrate", tag = "Secrets")]
pub async fn secret_migrate(
    caller: Allowed<SettingsManage>,
    State(app): State<SecretManagement>,
    asking: Asking,
    PathParameter((id,)): PathParameter<(SecretId,)>,
    submission: Submission<MigrateIn>,
) -> Answered<Accepted<Job>> {
    let asker = Asker::allowed(&app, &caller, &asking);
    let MigrateIn { backend: to, drop_old_versions } = submission.input.clone();
    let settings = app.settings(&caller.tenant()).await?;
    let attempt = || async {
        let loaded = load(&app.store, &caller.tenant(), id).await?.ok_or_else(not_found)?;
        let before = &loaded.secret;
        check_present(before)?;
        check_backend(to, &settings)?;
        if loaded.inside.migrating.is_some() {
            let detail = "the secret is moving already";
            return Err(Error::new(shared_codes::INVALID_STATE, detail));
        }
        if before.backend == to {
            let detail = "the values of the secret are there already";
            return Err(Error::new(shared_codes::INVALID_STATE, detail));
        }
        let most = Secret::most_versions(to);
        if loaded.inside.kept.len() > most as usize && !drop_old_versions {
            let detail =
                format!("it keeps at most {most} versions: say whether to drop the others");
            return Err(Error::new(codes::TOO_MANY_VERSIONS, detail));
        }
        let (mut after, mut inside) = (before.clone(), loaded.inside.clone());
        after.max_versions = after.max_versions.min(most);
        inside.migrating = Some(Migration { to });
        let after = after.stamped(app.stamp(&caller));
        let mut write = submission.write(&app.store, &caller);
        replace(&mut write, &after, &inside, before.version)?;
        let job = start_migration(&mut write, id, caller.actor())?;
        write.put(&asker.record("secret_migrate", Some(&after)));
        write.commit(Accepted(Job::of(job))).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}
