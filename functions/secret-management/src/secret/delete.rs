//! Deleting secrets, and bringing them back.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Error, Faults, Result};
use millwright_http::{
    Answered, Asking, Entitled, Flag, IfMatch, NoContent, OrOperator, Parameters, PathParameter,
    Submission, Versioned,
};
use millwright_store::Contention;
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::{SecretView, create::name_taken, replace};
use crate::{
    app::SecretManagement,
    authority::Asker,
    codes,
    domain::{DeletedBecause, Place, Right, Secret, SecretId, SecretName, Status},
    events::{DeletionData, SecretData, SecretDeleted, SecretRestored},
    permissions::SecretDelete,
    store::{Loaded, NameMarker},
};

/// How to delete.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase")]
pub struct DeleteParameters {
    /// Also a secret that something uses.
    #[deserr(default)]
    #[param(value_type = Option<bool>)]
    force: Flag,
}

/// Delete a secret
///
/// Its values are unreadable at once; for 30 days it can be restored. Deleted again is fine. One
/// query and one transaction of at most four items.
#[utoipa::path(delete, path = "/api/v1/secrets/{secretId}", tag = "Secrets")]
pub async fn secret_delete(
    caller: OrOperator<Entitled<SecretDelete>>,
    State(app): State<SecretManagement>,
    asking: Asking,
    PathParameter((id,)): PathParameter<(SecretId,)>,
    if_match: IfMatch,
    Parameters(parameters): Parameters<DeleteParameters>,
) -> Answered<NoContent> {
    let asker = Asker::operated(&app, &caller, &asking);
    Ok(delete(&asker, id, Some(if_match), parameters.force.0, "secret_delete").await?)
}

/// # Errors
/// `secret_in_use` with the bindings, unless forced; those of the right.
pub async fn delete(
    asker: &Asker<'_>,
    id: SecretId,
    if_match: Option<IfMatch>,
    force: bool,
    action: &'static str,
) -> Result<NoContent> {
    let app = asker.app;
    let attempt = || async {
        let (loaded, _) = asker.demand::<SecretDelete>(id, Right::Delete).await?;
        if loaded.secret.status == Status::Deleted {
            return Ok(NoContent);
        }
        if let Some(if_match) = &if_match {
            if_match.check(loaded.secret.version)?;
        }
        if !loaded.bindings.is_empty() && !force {
            return Err(in_use(&loaded));
        }
        let stamp = app.stamp(asker.caller);
        let mut inside = loaded.inside.clone();
        inside.status_before = Some(loaded.secret.status);
        let after = loaded.secret.clone().deleted(DeletedBecause::Requested, &stamp);
        let after = after.stamped(stamp);
        let mut write = asker.caller.write(&app.store);
        replace(&mut write, &after, &inside, loaded.secret.version)?;
        write.remove(&NameMarker::of(&loaded.secret)?);
        write.put(&asker.record(action, Some(&after)));
        write.emit(&SecretDeleted(DeletionData::of(&after, &loaded.bindings)))?;
        write.commit(NoContent).await
    };
    Contention::new(&app.store).settle(&app.store, attempt).await
}

/// What it belongs to is still there. At most one invoke or read.
///
/// # Errors
/// `scope_gone`; `directory_unavailable`.
async fn check_parent(asker: &Asker<'_>, secret: &Secret) -> Result<()> {
    let (directory, tenant) = (&asker.app.directory, asker.tenant());
    let (is_there, detail) = match secret.place()? {
        Place::Organization | Place::Platform => (true, ""),
        Place::Project(project, _) => {
            (directory.project_exists(project, asker.asking).await?, "its project is gone")
        }
        Place::Team(team) => (directory.team_exists(team, asker.asking).await?, "its team is gone"),
        // Who restores their own is a member.
        Place::User(user) if asker.caller.user() == Some(user) => (true, ""),
        Place::User(user) => {
            let member = directory.member_role(&tenant, user).await?;
            (member.is_some(), "give its owner the membership back first")
        }
    };
    match is_there {
        true => Ok(()),
        false => Err(Error::new(codes::SCOPE_GONE, detail)),
    }
}

fn in_use(loaded: &Loaded) -> Error {
    let binding = |binding: &crate::domain::Binding| {
        json!({
            "id": binding.id, "service": binding.service, "resourceType": binding.resource_type,
            "resourceId": binding.resource_id, "resourceName": binding.resource_name,
        })
    };
    let bindings: Vec<_> = loaded.bindings.iter().map(binding).collect();
    Error::new(codes::SECRET_IN_USE, "delete the bindings first, or force it")
        .with("bindings", bindings)
}

/// How to restore.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "newName": "db/main-restored" }))]
pub struct RestoreIn {
    /// If the old one is taken.
    #[deserr(default)]
    #[schema(inline)]
    new_name: Option<SecretName>,
}

/// Restore a secret
///
/// Within 30 days, with the status it had, bindings and grants included. One query and one
/// transaction of at most five items; for a secret of a project or team one invoke.
#[utoipa::path(post, path = "/api/v1/secrets/{secretId}/restore", tag = "Secrets")]
pub async fn secret_restore(
    caller: OrOperator<Entitled<SecretDelete>>,
    State(app): State<SecretManagement>,
    asking: Asking,
    PathParameter((id,)): PathParameter<(SecretId,)>,
    submission: Submission<RestoreIn>,
) -> Answered<Versioned<SecretView>> {
    let asker = Asker::operated(&app, &caller, &asking);
    let attempt = || async {
        let (loaded, held) = asker.demand::<SecretDelete>(id, Right::Delete).await?;
        let before = &loaded.secret;
        if before.status != Status::Deleted {
            let detail = "the secret is not deleted";
            return Err(Error::new(millwright_core::codes::INVALID_STATE, detail));
        }
        if before.purge_at.is_none_or(|end| end <= app.now()) {
            let detail = "30 days are over: the secret is being purged";
            return Err(Error::new(codes::RESTORE_WINDOW_OVER, detail));
        }
        check_parent(&asker, before).await?;
        let mut inside = loaded.inside.clone();
        let status = inside.status_before.take().unwrap_or(Status::Active);
        let mut after = before.clone().restored(status).stamped(app.stamp(&caller));
        if let Some(name) = &submission.input.new_name {
            after.name = name.clone();
        }
        let mut write = submission.write(&app.store, &caller);
        replace(&mut write, &after, &inside, before.version)?;
        let step = write.create(&NameMarker::of(&after)?);
        write.refused_as(step, name_taken());
        write.put(&asker.record("secret_restore", Some(&after)));
        write.emit(&SecretRestored(SecretData::of(&after)))?;
        let view = SecretView::of(&Loaded { secret: after, ..loaded }, &held, app.now());
        write.commit(Versioned(view)).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}
