//! Resolving many references.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Error, FaultCode, Faults, Result, Text};
use millwright_http::{Answered, Asking, Body, Entitled, Plain};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Found, Given, Looked, account, look_up, one::check_reason};
use crate::{
    app::SecretManagement,
    authority::Asker,
    codes,
    domain::{Context, Plaintext, Reference, SecretId},
    permissions::SecretReveal,
};

/// What to resolve.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "references": ["db/main#password"] }))]
pub struct ResolveIn {
    /// 1-100 ids or names, each with `#member` and `@previous` or `@<number>` if wanted.
    #[schema(inline, min_items = 1, max_items = 100)]
    references: Vec<Reference>,
    /// Where names are looked up, beside the caller's own secrets and the organization's.
    #[deserr(default)]
    #[schema(required = false)]
    context: Context,
    /// For the record of accesses; the settings may require it.
    #[deserr(default)]
    #[schema(inline)]
    reason: Option<Text<0, 500>>,
}

/// What one reference came to.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resolved {
    /// 200, or what `secret_reveal` would have answered.
    status: u16,
    reference: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_id: Option<SecretId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    /// The value, or the member of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    value: Option<Plaintext>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<ResolveProblem>,
}

/// Why a reference has no value.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResolveProblem {
    code: String,
    detail: String,
}

/// In the order of the references.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResolveResults {
    results: Vec<Resolved>,
}

/// Resolve references
///
/// Values of many secrets at once, each with its own outcome. Every value counts against the limit
/// of the minute; a batch that does not fit is refused whole. At most three batch reads, one more
/// for each fifty values, and one transaction for each 97 values.
#[utoipa::path(post, path = "/api/v1/secrets/resolve", tag = "Values")]
pub async fn secret_resolve(
    caller: Entitled<SecretReveal>,
    State(app): State<SecretManagement>,
    asking: Asking,
    Body(input): Body<ResolveIn>,
) -> Answered<Plain<ResolveResults>> {
    let asker = Asker::of(&app, &caller, &asking);
    if input.references.is_empty() || input.references.len() > 100 {
        let detail = "must have 1 to 100 references";
        return Err(Error::fault("/references", FaultCode::TooLong, detail).into());
    }
    let reason = input.reason.as_ref().map(Text::as_str);
    check_reason(&asker, reason).await?;
    let looked = look_up(&asker, &input.references, &input.context).await?;
    // Who lacks the permission may have been granted something; who was not learns nothing else.
    if !caller.is_service() && !caller.may::<SecretReveal>() && looked.iter().all(Result::is_err) {
        return Err(asker.absent::<SecretReveal>().await.into());
    }
    let results: Vec<Result<(&Found, Plaintext)>> =
        input.references.iter().zip(&looked).map(|(one, looked)| member(one, looked)).collect();
    let given: Vec<Given<'_>> = results.iter().flatten().map(|(found, _)| given(found)).collect();
    account(&asker, "secret_resolve", &given, reason, None).await?;
    let results = results.into_iter().zip(&input.references);
    let results = results.map(|(result, reference)| resolved(result, reference)).collect();
    Ok(Plain(ResolveResults { results }))
}

pub(super) fn given(found: &Found) -> Given<'_> {
    Given { secret: &found.secret, number: found.number, held: &found.held }
}

/// The part of a value that a reference names.
///
/// # Errors
/// That of the look-up, copied; `invalid_reference` if there is no such member.
pub(super) fn member<'f>(
    reference: &Reference,
    looked: &'f Looked,
) -> Result<(&'f Found, Plaintext)> {
    let found = match looked {
        Ok(found) => found,
        Err(error) => return Err(Error::new(error.code(), error.detail().to_owned())),
    };
    let part = found.value.member(&reference.member).cloned();
    let part =
        part.ok_or_else(|| Error::new(codes::INVALID_REFERENCE, "the value has no such member"))?;
    Ok((found, Plaintext::new(part)))
}

fn resolved(result: Result<(&Found, Plaintext)>, reference: &Reference) -> Resolved {
    let reference = reference.to_string();
    match result {
        Ok((found, value)) => Resolved {
            status: 200,
            reference,
            secret_id: Some(found.secret.id),
            version: Some(found.number),
            value: Some(value),
            problem: None,
        },
        Err(error) => Resolved {
            status: millwright_http::status(error.kind()).as_u16(),
            reference,
            secret_id: None,
            version: None,
            value: None,
            problem: Some(ResolveProblem {
                code: error.code().name.to_owned(),
                detail: error.detail().to_owned(),
            }),
        },
    }
}
