//! An access token for an API key (RFC 6749 section 4.4).

use base64::{Engine, engine::general_purpose::STANDARD};
use millwright_core::{Error, Result, Tenant, codes};
use millwright_http::{FormFields, Visit};
use millwright_identity::{ACCESS_TOKEN_LIFETIME, Audience, Claims, Grants, Principal};

use super::endpoint::{Refused, Tokens};
use crate::{app::Auth, domain::joined, secret::Secret};

/// One GetItem of the key and one BatchGetItem of facts, nothing within 20 seconds.
pub async fn for_key(app: &Auth, visit: &Visit, form: FormFields<'_>) -> Result<Tokens, Refused> {
    let no_client = || Refused::new("invalid_client", "the key is not good");
    let (id, secret) = credentials(visit, form).ok_or_else(no_client)?;
    if app.settings.client(&id).is_some() {
        return Err(Refused::new("unauthorized_client", "native clients send a code or refresh"));
    }
    let is_its_own =
        millwright_access::api_keys::parts(secret.expose()).is_some_and(|(prefix, _)| prefix == id);
    if !is_its_own {
        return Err(no_client());
    }
    use millwright_identity::ApiKeys;
    let found = app.api_keys.authenticate(secret.expose(), visit.context.source_ip).await;
    let principal = match found {
        Ok(principal) => principal,
        Err(error) if error.is(codes::INVALID_TOKEN) => return Err(no_client()),
        Err(error) => return Err(error.into()),
    };
    Ok(issue(app, &principal).await?)
}

/// Client id and secret, of `Authorization: Basic` or of the form.
fn credentials(visit: &Visit, form: FormFields<'_>) -> Option<(String, Secret)> {
    let Some(header) = visit.header("authorization") else {
        let (id, secret) = (form.get("client_id")?, form.get("client_secret")?);
        return Some((id.to_owned(), Secret::new(secret)));
    };
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    // Both were form-encoded first (RFC 6749 section 2.3.1).
    let decoded = |text: &str| {
        form_urlencoded::parse(text.as_bytes()).next().map(|(name, _)| name.into_owned())
    };
    Some((decoded(id)?, Secret::new(decoded(secret)?)))
}

async fn issue(app: &Auth, principal: &Principal) -> Result<Tokens> {
    let organization = principal.tenant.as_ref().and_then(Tenant::organization);
    let patterns = match &principal.grants {
        Grants::Patterns(scopes) => scopes.iter().map(ToString::to_string).collect(),
        // What role and scopes have in common, permission by permission.
        grants => {
            let held = app.catalogue.iter().filter(|it| grants.reason(it).is_some());
            held.map(|it| it.code.to_owned()).collect()
        }
    };
    let signer = app.keys.signer().await?;
    let now = app.clock().now();
    let versions = principal.fact_versions;
    let claims = Claims {
        iss: signer.issuer.clone(),
        aud: Audience::One(signer.audience.clone()),
        sub: principal.subject.clone(),
        iat: now.as_second(),
        exp: now.plus(ACCESS_TOKEN_LIFETIME).min(principal.expires_at).as_second(),
        jti: app.store.ids().next_uuid().to_string(),
        client_id: principal.client_id.clone(),
        sid: None,
        auth_time: None,
        org: organization.map(|id| id.to_string()),
        role: principal.role.clone(),
        perms: Some(joined(patterns)),
        fv: [versions.user, versions.organization, versions.membership, versions.role],
        key: principal.key_id.clone(),
        op: None,
    };
    let lifetime = u64::try_from(claims.exp - claims.iat).map_err(Error::internal)?;
    Ok(Tokens {
        access_token: Secret::new(signer.sign(&signer.header(), &claims)?),
        token_type: "Bearer".to_owned(),
        expires_in: lifetime,
        refresh_token: None,
        id_token: None,
        scope: None,
    })
}
