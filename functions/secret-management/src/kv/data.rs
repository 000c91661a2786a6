//! Reading and writing values.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Error, Faults, Result, codes as shared_codes};
use millwright_event::Effects;
use millwright_http::{Answered, Asking, Body, Entitled, Parameters};
use millwright_store::Contention;
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::{KvAddress, KvAnswer, KvDone, metadata_of};
use crate::{
    app::SecretManagement,
    authority::Asker,
    codes,
    domain::{
        Description, Metadata, Origin, Plaintext, Right, RotationPolicy, SecretId, SecretType,
        Stage, Tags, VersionState, Wanted,
    },
    events::RotatedBy,
    permissions::{SecretCreate, SecretDelete, SecretReveal, SecretUpdate},
    reveal::{Opened, open_one},
    secret::{Draft, check_present, create_secret, may_create_at, versions_of},
    value::{NewValue, check_shape},
    version::{Fate, Writing, check_expected, find, meet, write_value},
};

/// Which version.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults, deny_unknown_fields)]
pub struct KvReadParameters {
    /// The current one if not given, or 0.
    #[deserr(default)]
    #[param(inline)]
    version: Option<KvNumber>,
}

/// A number in a query.
#[derive(Clone, Copy, Debug)]
pub struct KvNumber(u32);

impl std::str::FromStr for KvNumber {
    type Err = millwright_core::InputError;

    fn from_str(text: &str) -> std::result::Result<KvNumber, Self::Err> {
        let wrong = |_| millwright_core::InputError::bad_format("must be a whole number");
        text.parse().map(KvNumber).map_err(wrong)
    }
}

millwright_core::deserr_from_str!(KvNumber);

impl utoipa::PartialSchema for KvNumber {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        let object = utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::Type::Integer)
            .minimum(Some(0))
            .maximum(Some(u32::MAX));
        utoipa::openapi::RefOr::T(utoipa::openapi::Schema::Object(object.build()))
    }
}

impl ToSchema for KvNumber {}

/// Read a value as KV v2
///
/// Counted and recorded as every reveal. One read more than it.
#[utoipa::path(get, path = "/api/v1/secrets/kv/v1/{mount}/data/{*path}", tag = "KV v2")]
pub async fn kv_data_read(
    caller: Entitled<SecretReveal>,
    State(app): State<SecretManagement>,
    asking: Asking,
    address: KvAddress,
    Parameters(parameters): Parameters<KvReadParameters>,
) -> Answered<KvAnswer> {
    let asker = Asker::of(&app, &caller, &asking);
    let id = address.id::<SecretReveal>(&asker).await?;
    let (loaded, held) = asker.demand::<SecretReveal>(id, Right::Read).await?;
    let wanted = match parameters.version {
        None | Some(KvNumber(0)) => Wanted::Stage(Stage::Current),
        Some(KvNumber(number)) => Wanted::Number(number),
    };
    let number = loaded.secret.number(wanted).unwrap_or_default();
    let version = find(&app.store, &caller.tenant(), id, number).await?;
    if version.state != VersionState::Enabled {
        let metadata = metadata_of(&loaded.secret, &version.version());
        let gone = json!({ "data": null, "metadata": metadata });
        return Ok(KvAnswer::new(&caller, gone).not_found());
    }
    let opened = open_one(&asker, loaded, &held, wanted, None, "kv_data_read").await?;
    let Opened { loaded, value, .. } = opened;
    let inner = match loaded.secret.kind {
        SecretType::JsonCredential => value.expose()["credential"].clone(),
        _ => value.expose().clone(),
    };
    let metadata = metadata_of(&loaded.secret, &version.version());
    Ok(KvAnswer::new(&caller, json!({ "data": inner, "metadata": metadata })))
}

/// A value, and what must hold for it.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults)]
#[schema(example = json!({ "data": { "password": "battery staple" }, "options": { "cas": 0 } }))]
pub struct KvWriteIn {
    /// Of a new secret any object; else with the members of its type.
    data: Plaintext,
    #[deserr(default)]
    options: Option<KvOptions>,
}

/// What must hold for a write.
#[derive(Clone, Debug, Deserr, ToSchema)]
#[deserr(error = Faults)]
pub struct KvOptions {
    /// The version that must be current; 0 if there must be none.
    #[deserr(default)]
    cas: Option<u32>,
}

/// Write a value as KV v2
///
/// A new name becomes a `json_credential`. Also by PUT. One read and one transaction of at most
/// nine items; for a name that is there one query more.
#[utoipa::path(post, path = "/api/v1/secrets/kv/v1/{mount}/data/{*path}", tag = "KV v2")]
pub async fn kv_data_write(
    caller: Entitled<SecretUpdate>,
    State(app): State<SecretManagement>,
    asking: Asking,
    address: KvAddress,
    Body(input): Body<KvWriteIn>,
) -> Answered<KvAnswer> {
    let asker = Asker::of(&app, &caller, &asking);
    let cas = input.options.as_ref().and_then(|options| options.cas);
    let attempt = || async {
        match address.find(&asker).await? {
            Some(id) => overwrite(&asker, id, input.data.clone(), cas).await,
            None => create(&asker, &address, input.data.clone(), cas).await,
        }
    };
    let data = Contention::new(&app.store).settle(&app.store, attempt).await?;
    Ok(KvAnswer::new(&caller, data))
}

async fn create(
    asker: &Asker<'_>,
    address: &KvAddress,
    data: Plaintext,
    cas: Option<u32>,
) -> Result<Value> {
    if !asker.caller.may::<SecretCreate>() {
        return Err(asker.absent::<SecretUpdate>().await);
    }
    if cas.is_some_and(|cas| cas != 0) {
        let detail = "there is no version yet";
        return Err(Error::new(codes::VALUE_VERSION_MISMATCH, detail));
    }
    let (app, place) = (asker.app, address.mount.place(asker.caller)?);
    let settings = app.settings(&asker.tenant()).await?;
    may_create_at(asker, &place, &settings).await?;
    let kind = SecretType::JsonCredential;
    let value = Plaintext::new(json!({ "credential": data.expose() }));
    let checked = check_shape(kind, &value)?;
    let draft = Draft {
        name: address.name.clone(),
        description: Description::default(),
        kind,
        place,
        value,
        checked,
        origin: Origin::Written,
        change_reason: None,
        tags: Tags::default(),
        metadata: Metadata::default(),
        expires_at: None,
        expiry_reminder_days: settings.default_expiry_reminder_days.clone(),
        rotation: RotationPolicy::default(),
        backend: settings.default_backend,
        max_versions: versions_of(settings.default_backend, None)?,
        cas_required: false,
    };
    let mut effects = Effects::new(&app.store, asker.caller.cause());
    let (loaded, _) = create_secret(asker, &mut effects, draft).await?;
    effects.put(&asker.record("kv_data_write", Some(&loaded.secret)));
    match effects.commit().await {
        Ok(()) => {}
        // Somebody else was first: then it is a version of theirs.
        Err(error) if error.is(shared_codes::NAME_TAKEN) => return Err(Error::lost_race()),
        Err(error) => return Err(error),
    }
    let version = find(&app.store, &asker.tenant(), loaded.secret.id, 1).await?;
    Ok(metadata_of(&loaded.secret, &version.version()))
}

async fn overwrite(
    asker: &Asker<'_>,
    id: SecretId,
    data: Plaintext,
    cas: Option<u32>,
) -> Result<Value> {
    let (loaded, _) = asker.demand::<SecretUpdate>(id, Right::Update).await?;
    check_present(&loaded.secret)?;
    check_expected(&loaded.secret, cas)?;
    let kind = loaded.secret.kind;
    let value = match kind {
        SecretType::JsonCredential => Plaintext::new(json!({ "credential": data.expose() })),
        _ => data,
    };
    let checked = check_shape(kind, &value)?;
    let value = NewValue {
        value,
        checked,
        stage: Stage::Current,
        origin: Origin::Written,
        rolled_back_from: None,
        change_reason: None,
    };
    let mut effects = Effects::new(&asker.app.store, asker.caller.cause());
    let record = asker.record("kv_data_write", Some(&loaded.secret));
    let (cause, stamp) = (RotatedBy::Written, asker.app.stamp(asker.caller));
    let token = &asker.token;
    let writing = Writing { loaded: &loaded, value, cause, stamp, token, record };
    let (secret, version) = write_value(asker.app, &mut effects, writing).await?;
    effects.commit().await?;
    Ok(metadata_of(&secret, &version))
}

/// Delete the latest KV v2 version
///
/// It can be restored. One read more than deleting a version.
#[utoipa::path(delete, path = "/api/v1/secrets/kv/v1/{mount}/data/{*path}", tag = "KV v2")]
pub async fn kv_latest_delete(
    caller: Entitled<SecretDelete>,
    State(app): State<SecretManagement>,
    asking: Asking,
    address: KvAddress,
) -> Answered<KvDone> {
    let asker = Asker::of(&app, &caller, &asking);
    let id = address.id::<SecretDelete>(&asker).await?;
    let (loaded, _) = asker.demand::<SecretDelete>(id, Right::Delete).await?;
    if let Some(current) = loaded.secret.current_version {
        meet(&asker, id, current, Fate::Delete, "kv_latest_delete").await?;
    }
    Ok(KvDone)
}
