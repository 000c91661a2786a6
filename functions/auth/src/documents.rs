//! What every OpenID Connect library reads first: metadata and keys.

use std::{marker::PhantomData, time::Duration};

use axum::extract::State;
use millwright_http::{Answered, Public, Published};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::{app::Auth, secret::Fingerprint, settings::Settings};

/// How long caches may keep both documents.
const MAX_AGE: Duration = Duration::from_secs(300);

/// OpenID Provider metadata (OpenID Connect Discovery 1.0, RFC 8414).
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    revocation_endpoint: String,
    jwks_uri: String,
    response_types_supported: Vec<String>,
    response_modes_supported: Vec<String>,
    grant_types_supported: Vec<String>,
    subject_types_supported: Vec<String>,
    id_token_signing_alg_values_supported: Vec<String>,
    scopes_supported: Vec<String>,
    token_endpoint_auth_methods_supported: Vec<String>,
    revocation_endpoint_auth_methods_supported: Vec<String>,
    code_challenge_methods_supported: Vec<String>,
    authorization_response_iss_parameter_supported: bool,
}

/// A key set (RFC 7517).
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct KeySet {
    keys: Vec<PublicKey>,
}

/// A public key.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PublicKey {
    kty: String,
    #[serde(rename = "use")]
    usage: String,
    alg: String,
    kid: String,
    n: String,
    e: String,
}

fn metadata(settings: &Settings) -> serde_json::Value {
    let issuer = settings.issuer();
    let at = |path: &str| format!("{issuer}/auth/{path}");
    json!({
        "issuer": issuer,
        "authorization_endpoint": at("authorize"),
        "token_endpoint": at("token"),
        "revocation_endpoint": at("revoke"),
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "email"],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic"],
        "revocation_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
    })
}

/// Read the provider metadata
///
/// Where everything is, for any OpenID Connect library. From memory: no call.
#[utoipa::path(get, path = "/api/v1/.well-known/openid-configuration", tag = "Documents")]
pub async fn discovery_get(_: Public, State(app): State<Auth>) -> Answered<Published<Metadata>> {
    let body = metadata(&app.settings).to_string();
    let tag = Fingerprint::of(&body).as_str().to_owned();
    Ok(Published { body, tag, max_age: MAX_AGE, described: PhantomData })
}

/// Read the key set
///
/// The public keys of access tokens: next, current and previous. From memory: no call but one to
/// Secrets Manager every five minutes.
#[utoipa::path(get, path = "/api/v1/.well-known/jwks.json", tag = "Documents")]
pub async fn jwks_get(_: Public, State(app): State<Auth>) -> Answered<Published<KeySet>> {
    let keys = app.keys.published().await?;
    let (body, tag) = (keys.body.clone(), keys.tag.clone());
    Ok(Published { body, tag, max_age: MAX_AGE, described: PhantomData })
}
