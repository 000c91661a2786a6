//! Rolling back: an old value becomes a new version.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::Faults;
use millwright_http::{Answered, Asking, Created, Entitled, IfMatch, PathParameter, Submission};
use millwright_store::Contention;
use utoipa::ToSchema;

use super::read_value;
use crate::{
    app::SecretManagement,
    authority::Asker,
    domain::{ChangeReason, Origin, Right, SecretId, Stage},
    events::RotatedBy,
    permissions::SecretUpdate,
    secret::check_present,
    value::{NewValue, check_shape},
    version::{VersionView, Writing, check_expected, write_value},
};

/// Which version comes back.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "version": 1, "changeReason": "It broke" }))]
pub struct RollbackIn {
    version: u32,
    /// Refused unless this is the current version.
    #[deserr(default)]
    expected_current_version: Option<u32>,
    #[deserr(default)]
    #[schema(inline)]
    change_reason: Option<ChangeReason>,
}

/// Roll back
///
/// The value of an enabled version is appended as a new one; history is never rewritten, and
/// nothing is revealed. One query, one batch read and one transaction of six items, two more for
/// each old value beyond `maxVersions`.
#[utoipa::path(post, path = "/api/v1/secrets/{secretId}/rollback", tag = "Versions")]
pub async fn secret_rollback(
    caller: Entitled<SecretUpdate>,
    State(app): State<SecretManagement>,
    asking: Asking,
    PathParameter((id,)): PathParameter<(SecretId,)>,
    if_match: IfMatch,
    submission: Submission<RollbackIn>,
) -> Answered<Created<VersionView>> {
    let asker = Asker::of(&app, &caller, &asking).submitting(&submission);
    let RollbackIn { version: from, expected_current_version, change_reason } =
        submission.input.clone();
    let attempt = || async {
        let (loaded, _) = asker.demand::<SecretUpdate>(id, Right::Update).await?;
        check_present(&loaded.secret)?;
        if !loaded.inside.has_begun(&asker.token) {
            if_match.check(loaded.secret.version)?;
            check_expected(&loaded.secret, expected_current_version)?;
        }
        let value = read_value(&app, &caller.tenant(), id, from).await?;
        let checked = check_shape(loaded.secret.kind, &value)?;
        let value = NewValue {
            value,
            checked,
            stage: Stage::Current,
            origin: Origin::RolledBack,
            rolled_back_from: Some(from),
            change_reason: change_reason.clone(),
        };
        let mut write = submission.write(&app.store, &caller);
        let record = asker.record("secret_rollback", Some(&loaded.secret));
        let (cause, stamp) = (RotatedBy::Rollback, app.stamp(&caller));
        let token = &asker.token;
        let writing = Writing { loaded: &loaded, value, cause, stamp, token, record };
        let (secret, version) = write_value(&app, &mut write, writing).await?;
        write.commit(Created(VersionView::of(&secret, version))).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}
