//! Resolving templates.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Error, Faults, Result, Text, codes as shared_codes};
use millwright_http::{Answered, Asking, Body, Entitled, Plain};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{
    Found, Given, account, look_up,
    one::check_reason,
    resolve::{given, member},
};
use crate::{
    app::SecretManagement,
    authority::Asker,
    codes,
    domain::{
        Context, MAX_TEMPLATE_BYTES, Plaintext, Reference, SecretId, Unresolved, fill,
        references_of,
    },
    permissions::SecretReveal,
};

/// A template.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "template": { "url": "postgres://app:{{secret:db/main#password}}@db/app" },
}))]
pub struct TemplateIn {
    /// Any JSON, at most 256 KB, with `{{secret:<reference>}}` in its strings; `\{{` is a literal.
    #[schema(value_type = Value)]
    template: Plaintext,
    #[deserr(default)]
    #[schema(required = false)]
    context: Context,
    /// Any failure is an error; else placeholders without a value stay.
    #[deserr(default = true)]
    #[schema(required = false)]
    strict: bool,
    /// For the record of accesses; the settings may require it.
    #[deserr(default)]
    #[schema(inline)]
    reason: Option<Text<0, 500>>,
}

/// A value that was put in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsedReference {
    reference: String,
    secret_id: SecretId,
    version: u32,
}

/// A placeholder that stayed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnresolvedReference {
    /// Into the template.
    pointer: String,
    reference: String,
    code: String,
}

/// A filled template.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Filled {
    #[schema(value_type = Value)]
    document: Plaintext,
    used: Vec<UsedReference>,
    unresolved: Vec<UnresolvedReference>,
}

/// Fill a template
///
/// A string that is nothing but one placeholder takes the type of the value; what is put in is not
/// looked at again. Calls as for resolving.
#[utoipa::path(post, path = "/api/v1/secrets/resolve-template", tag = "Values")]
pub async fn template_resolve(
    caller: Entitled<SecretReveal>,
    State(app): State<SecretManagement>,
    asking: Asking,
    Body(input): Body<TemplateIn>,
) -> Answered<Plain<Filled>> {
    let asker = Asker::of(&app, &caller, &asking);
    if input.template.to_bytes().len() > MAX_TEMPLATE_BYTES {
        let detail = format!("a template has at most {MAX_TEMPLATE_BYTES} bytes");
        return Err(Error::new(shared_codes::TOO_LARGE, detail).into());
    }
    let reason = input.reason.as_ref().map(Text::as_str);
    check_reason(&asker, reason).await?;
    let references = references_of(input.template.expose())?;
    if references.is_empty() && !caller.may::<SecretReveal>() {
        return Err(asker.absent::<SecretReveal>().await.into());
    }
    let looked = look_up(&asker, &references, &input.context).await?;
    let parts: Vec<Result<(&Found, Plaintext)>> =
        references.iter().zip(&looked).map(|(one, looked)| member(one, looked)).collect();
    if !caller.may::<SecretReveal>() && !caller.is_service() && parts.iter().all(Result::is_err) {
        return Err(asker.absent::<SecretReveal>().await.into());
    }
    let value_of = |wanted: &Reference| {
        let place = references.iter().position(|one| one == wanted);
        match place.and_then(|place| parts.get(place)) {
            Some(Ok((_, part))) => Ok(part.expose().clone()),
            Some(Err(error)) => Err(error.code().name),
            None => Err(shared_codes::NOT_FOUND.name),
        }
    };
    let (document, unresolved) = fill(input.template.expose(), &value_of)?;
    let document = Plaintext::new(document);
    if input.strict && !unresolved.is_empty() {
        return Err(incomplete(&unresolved).into());
    }
    let opened: Vec<Given<'_>> = parts.iter().flatten().map(|(found, _)| given(found)).collect();
    account(&asker, "template_resolve", &opened, reason, None).await?;
    let used = references.iter().zip(&parts);
    let used = used.filter_map(|(reference, part)| {
        let (found, _) = part.as_ref().ok()?;
        let (secret_id, version) = (found.secret.id, found.number);
        Some(UsedReference { reference: reference.to_string(), secret_id, version })
    });
    let used = used.collect();
    let stayed = |one: Unresolved| {
        let Unresolved { pointer, reference, code } = one;
        UnresolvedReference { pointer, reference, code }
    };
    let unresolved = unresolved.into_iter().map(stayed).collect();
    Ok(Plain(Filled { document, used, unresolved }))
}

fn incomplete(unresolved: &[Unresolved]) -> Error {
    let one = |one: &Unresolved| json!({ "pointer": one.pointer, "reference": one.reference, "code": one.code });
    let all: Vec<Value> = unresolved.iter().map(one).collect();
    let detail = format!("{} placeholders have no value", all.len());
    Error::new(codes::UNRESOLVED_REFERENCES, detail).with("unresolved", all)
}
