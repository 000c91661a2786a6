//! Revealing one value.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Error, FaultCode, Faults, Result, Text, Timestamp};
use millwright_http::{Answered, Asking, Body, Entitled, PathParameter, Plain};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Given, account, check_revealable, number_of, read_value};
use crate::{
    app::SecretManagement,
    authority::{Asker, Held},
    codes,
    domain::{Plaintext, Right, SecretId, SecretName, SecretType, Stage, Wanted},
    permissions::SecretReveal,
    store::Loaded,
};

/// Which value, and why.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "reason": "Deploying by hand" }))]
pub struct RevealIn {
    /// `current` if neither this nor `version` is given.
    #[deserr(default)]
    stage: Option<Stage>,
    #[deserr(default)]
    version: Option<u32>,
    /// For the record of accesses; the settings may require it.
    #[deserr(default)]
    #[schema(inline)]
    reason: Option<Text<0, 500>>,
}

/// A value in clear.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Revealed {
    secret_id: SecretId,
    #[schema(inline)]
    name: SecretName,
    #[serde(rename = "type")]
    kind: SecretType,
    version: u32,
    /// Members by the type.
    value: Plaintext,
    expires_at: Option<Timestamp>,
}

/// A secret with one value of it, counted and recorded.
pub struct Opened {
    pub loaded: Loaded,
    pub number: u32,
    pub value: Plaintext,
}

/// Reveal a value
///
/// Counted and recorded before it is answered; repeated, it is revealed again. One query, one batch
/// read and one transaction of three items; once an hour four. Settings and the data key are read
/// if they are not in memory.
#[utoipa::path(post, path = "/api/v1/secrets/{secretId}/reveal", tag = "Values")]
pub async fn secret_reveal(
    caller: Entitled<SecretReveal>,
    State(app): State<SecretManagement>,
    asking: Asking,
    PathParameter((id,)): PathParameter<(SecretId,)>,
    Body(input): Body<RevealIn>,
) -> Answered<Plain<Revealed>> {
    let asker = Asker::of(&app, &caller, &asking);
    let wanted = match (input.stage, input.version) {
        (Some(_), Some(_)) => {
            let detail = "must be absent if a stage is named";
            return Err(Error::fault("/version", FaultCode::NotAllowed, detail).into());
        }
        (None, Some(0)) => {
            let detail = "must be a whole number from 1 on";
            return Err(Error::fault("/version", FaultCode::TooSmall, detail).into());
        }
        (stage, None) => Wanted::Stage(stage.unwrap_or(Stage::Current)),
        (None, Some(number)) => Wanted::Number(number),
    };
    let reason = input.reason.as_ref().map(Text::as_str);
    let (loaded, held) = asker.demand::<SecretReveal>(id, Right::Read).await?;
    let Opened { loaded, number, value } =
        open_one(&asker, loaded, &held, wanted, reason, "secret_reveal").await?;
    let secret = &loaded.secret;
    Ok(Plain(Revealed {
        secret_id: secret.id,
        name: secret.name.clone(),
        kind: secret.kind,
        version: number,
        value,
        expires_at: secret.expires_at,
    }))
}

/// # Errors
/// `reveal_reason_required`.
pub async fn check_reason(asker: &Asker<'_>, reason: Option<&str>) -> Result<()> {
    let settings = asker.app.settings(&asker.tenant()).await?;
    if settings.require_reveal_reason && !asker.is_service && reason.is_none_or(str::is_empty) {
        let detail = "say why: the organization wants it recorded";
        return Err(Error::new(codes::REVEAL_REASON_REQUIRED, detail));
    }
    Ok(())
}

/// Opens one value of a secret the caller may read; counts and records it.
///
/// # Errors
/// Those of the secret's state, of the version's and of the limit.
pub async fn open_one(
    asker: &Asker<'_>,
    loaded: Loaded,
    held: &Held,
    wanted: Wanted,
    reason: Option<&str>,
    action: &'static str,
) -> Result<Opened> {
    check_reason(asker, reason).await?;
    check_revealable(&loaded.secret, asker.app.now())?;
    let number = number_of(&loaded.secret, wanted)?;
    let value = read_value(asker.app, &asker.tenant(), loaded.secret.id, number).await?;
    let given = [Given { secret: &loaded.secret, number, held }];
    account(asker, action, &given, reason, Some(&loaded)).await?;
    Ok(Opened { loaded, number, value })
}
