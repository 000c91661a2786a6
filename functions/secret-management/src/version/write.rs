//! Writing values.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Error, FaultCode, Faults, Result, Tenant};
use millwright_event::Effects;
use millwright_http::{
    Answered, Asking, Created, Entitled, IfMatch, OrOperator, PathParameter, Submission,
};
use millwright_store::Contention;
use utoipa::ToSchema;

use super::VersionView;
use crate::{
    app::SecretManagement,
    authority::Asker,
    backend, codes,
    domain::{
        Backend, ChangeReason, Generate, Origin, Plaintext, Right, Secret, SecretId, Stage, Stamp,
        Version,
    },
    events::RotatedBy,
    generate::generated,
    permissions::SecretUpdate,
    secret::{check_present, replace},
    store::{AccessItem, Loaded, VersionItem},
    value::{NewValue, append, check_shape},
    vault::Vault,
};

/// A new value.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "value": { "username": "app", "password": "another battery staple" },
    "changeReason": "Rotated by hand",
}))]
pub struct VersionIn {
    /// Either this or `generate`. Members by the type of the secret.
    #[deserr(default)]
    pub value: Option<Plaintext>,
    #[deserr(default)]
    pub generate: Option<Generate>,
    /// `current` or `pending`.
    #[deserr(default = Stage::Current)]
    #[schema(required = false)]
    pub stage: Stage,
    /// Refused unless this is the current version; 0 if there must be none.
    #[deserr(default)]
    pub expected_current_version: Option<u32>,
    #[deserr(default)]
    #[schema(inline)]
    pub change_reason: Option<ChangeReason>,
}

/// # Errors
/// `value_version_mismatch` with the current number, `cas_required`.
pub fn check_expected(secret: &Secret, expected: Option<u32>) -> Result<()> {
    let current = secret.current_version.unwrap_or_default();
    match expected {
        Some(expected) if expected != current => {
            let detail = format!("the current version is {current}");
            Err(Error::new(codes::VALUE_VERSION_MISMATCH, detail)
                .with("currentValueVersion", current))
        }
        None if secret.cas_required => {
            let detail = "this secret is written with the expected current version only";
            Err(Error::new(codes::CAS_REQUIRED, detail))
        }
        _ => Ok(()),
    }
}

/// What is to be written over a secret that was read.
pub struct Writing<'a> {
    pub loaded: &'a Loaded,
    pub value: NewValue,
    pub cause: RotatedBy,
    pub stamp: Stamp,
    /// Whose write it is, however often it is attempted.
    pub token: &'a str,
    /// Of the access; the version is filled in.
    pub record: AccessItem,
}

/// Adds a value to a transaction, with the record of the secret, the access record and the events:
/// five items, and two for each old value that is pruned. A value for the secret store is put there
/// before: one transaction of one item and one call more. What an attempt that died has announced is
/// not written twice: one read, and nothing is added.
///
/// # Errors
/// As [`append`] and [`backend::prepare`].
pub async fn write_value(
    vault: &Vault,
    effects: &mut Effects,
    writing: Writing<'_>,
) -> Result<(Secret, Version)> {
    let Writing { loaded, value, cause, stamp, token, mut record } = writing;
    if let Some(number) = loaded.inside.was_finished(token) {
        return finished(vault, effects.tenant(), loaded, number).await;
    }
    let (mut secret, mut inside) = (loaded.secret.clone(), loaded.inside.clone());
    let (stage, mut before) = (value.stage, secret.version);
    let version = match secret.backend {
        Backend::Internal => {
            append(vault, effects, &mut secret, &mut inside, value, &stamp).await?
        }
        Backend::AwsSecretsManager => {
            let tenant = *effects.tenant();
            // Boxed: it is rare, and would make every write larger.
            let preparing = backend::prepare(vault, &tenant, loaded, &value, token, &stamp);
            let announced = Box::pin(preparing).await?;
            before = announced.secret.version;
            secret = announced.secret;
            inside.announced = announced.inside.announced;
            inside.announced_until = announced.inside.announced_until;
            inside.bucket = announced.inside.bucket;
            backend::append(effects, &mut secret, &mut inside, &stamp)?
        }
    };
    let secret = secret.stamped(stamp);
    replace(effects, &secret, &inside, before)?;
    record.summary.value_version = Some(version.number);
    effects.put(&record);
    backend::say(effects, &secret, &version, stage, cause)?;
    Ok((secret, version))
}

/// The version that somebody else has made of what was announced. One read.
async fn finished(
    vault: &Vault,
    tenant: &Tenant,
    loaded: &Loaded,
    number: u32,
) -> Result<(Secret, Version)> {
    let place = VersionItem::place(tenant, loaded.secret.id, number);
    let found: Option<VersionItem> = vault.store.get(&place).await?;
    let item = found.ok_or_else(|| Error::internal("a version that was finished is gone"))?;
    Ok((loaded.secret.clone(), item.version()))
}

/// Write a value
///
/// The next version, current at once or pending. Of parallel writers with the same expectation one
/// succeeds; without one all do. One query and one transaction of six items, two more for each old
/// value beyond `maxVersions`.
#[utoipa::path(post, path = "/api/v1/secrets/{secretId}/versions", tag = "Versions")]
pub async fn version_create(
    caller: OrOperator<Entitled<SecretUpdate>>,
    State(app): State<SecretManagement>,
    asking: Asking,
    PathParameter((id,)): PathParameter<(SecretId,)>,
    if_match: IfMatch,
    submission: Submission<VersionIn>,
) -> Answered<Created<VersionView>> {
    let asker = Asker::operated(&app, &caller, &asking).submitting(&submission);
    let (submission, input) = submission.take();
    if input.stage == Stage::Previous {
        let detail = "must be one of current, pending";
        return Err(Error::fault("/stage", FaultCode::NotAllowed, detail).into());
    }
    let attempt = || async {
        let (loaded, _) = asker.demand::<SecretUpdate>(id, Right::Update).await?;
        check_present(&loaded.secret)?;
        if !loaded.inside.has_begun(&asker.token) {
            if_match.check(loaded.secret.version)?;
            check_expected(&loaded.secret, input.expected_current_version)?;
        }
        let kind = loaded.secret.kind;
        let (value, origin) =
            generated(&asker, kind, input.value.clone(), input.generate.as_ref(), None).await?;
        let checked = check_shape(kind, &value)?;
        let value = NewValue {
            value,
            checked,
            stage: input.stage,
            origin,
            rolled_back_from: None,
            change_reason: input.change_reason.clone(),
        };
        let mut write = submission.write(&app.store, &caller);
        let cause = if origin == Origin::Imported { RotatedBy::Import } else { RotatedBy::Written };
        let record = asker.record("version_create", Some(&loaded.secret));
        let stamp = app.stamp(&caller);
        let token = &asker.token;
        let writing = Writing { loaded: &loaded, value, cause, stamp, token, record };
        let (secret, version) = write_value(&app, &mut write, writing).await?;
        write.commit(Created(VersionView::of(&secret, version))).await
    };
    Ok(Contention::new(&app.store).settle(&app.store, attempt).await?)
}
