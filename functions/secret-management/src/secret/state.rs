//! Disabling and enabling secrets.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Error, Faults, Result, codes as shared_codes};
use millwright_http::{
    Answered, Asking, Entitled, IfMatch, OrOperator, PathParameter, Submission, Versioned,
};
use millwright_store::Contention;
use utoipa::ToSchema;

use super::{SecretView, check_present, replace};
use crate::{
    app::SecretManagement,
    authority::Asker,
    domain::{ChangeReason, Right, SecretId, Status},
    events::{SecretData, SecretDisabled, SecretEnabled},
    permissions::SecretUpdate,
    store::Loaded,
};

/// Why.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "reason": "The key has leaked" }))]
pub struct ReasonIn {
    /// For the record of accesses.
    #[deserr(default)]
    #[schema(inline)]
    pub reason: Option<ChangeReason>,
}

/// Disable a secret
///
/// Nothing of it is revealed until it is enabled. One query and one transaction of at most four
/// items.
#[utoipa::path(post, path = "/api/v1/secrets/{secretId}/disable", tag = "Secrets")]
pub async fn secret_disable(
    caller: OrOperator<Entitled<SecretUpdate>>,
    State(app): State<SecretManagement>,
    asking: Asking,
    PathParameter((id,)): PathParameter<(SecretId,)>,
    if_match: IfMatch,
    submission: Submission<ReasonIn>,
) -> Answered<Versioned<SecretView>> {
    let asker = Asker::operated(&app, &caller, &asking);
    Ok(switch(&asker, id, if_match, submission, Status::Disabled).await?)
}

/// Enable a secret
///
/// One query and one transaction of at most four items.
#[utoipa::path(post, path = "/api/v1/secrets/{secretId}/enable", tag = "Secrets")]
pub async fn secret_enable(
    caller: OrOperator<Entitled<SecretUpdate>>,
    State(app): State<SecretManagement>,
    asking: Asking,
    PathParameter((id,)): PathParameter<(SecretId,)>,
    if_match: IfMatch,
    submission: Submission<ReasonIn>,
) -> Answered<Versioned<SecretView>> {
    let asker = Asker::operated(&app, &caller, &asking);
    Ok(switch(&asker, id, if_match, submission, Status::Active).await?)
}

async fn switch(
    asker: &Asker<'_>,
    id: SecretId,
    if_match: IfMatch,
    submission: Submission<ReasonIn>,
    wanted: Status,
) -> Result<Versioned<SecretView>> {
    let app = asker.app;
    let attempt = || async {
        let (loaded, held) = asker.demand::<SecretUpdate>(id, Right::Update).await?;
        check_present(&loaded.secret)?;
        if_match.check(loaded.secret.version)?;
        if loaded.secret.status == wanted {
            let detail = format!("the secret is {wanted} already");
            return Err(Error::new(shared_codes::INVALID_STATE, detail));
        }
        let mut after = loaded.secret.clone().stamped(app.stamp(asker.caller));
        after.status = wanted;
        let mut write = submission.write(&app.store, asker.caller);
        replace(&mut write, &after, &loaded.inside, loaded.secret.version)?;
        let action = if wanted == Status::Active { "secret_enable" } else { "secret_disable" };
        let mut record = asker.record(action, Some(&after));
        record.summary.reason = submission.input.reason.as_ref().map(ToString::to_string);
        write.put(&record);
        let data = SecretData::of(&after);
        match wanted {
            Status::Active => write.emit(&SecretEnabled(data))?,
            _ => write.emit(&SecretDisabled(data))?,
        }
        let view = SecretView::of(&Loaded { secret: after, ..loaded }, &held, app.now());
        write.commit(Versioned(view)).await
    };
    Contention::new(&app.store).settle(&app.store, attempt).await
}
