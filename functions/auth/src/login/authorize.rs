//! GET /auth/authorize: native clients begin here (RFC 6749 section 4.1.1, RFC 7636, RFC 8252).

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Error, Faults, Line, codes};
use millwright_http::{Answered, Found, Parameters, Public, Visit};
use utoipa::IntoParams;

use super::{
    begin::{Beginning, begin},
    start::provider,
    with_parameters,
};
use crate::{
    app::Auth,
    codes::{INVALID_REDIRECT_URI, UNKNOWN_CLIENT},
    domain::{Client, Native, Purpose, is_loopback_redirect},
};

/// What a native client asks for. Parameters that are not known are skipped.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults)]
pub struct Authorization {
    /// `code`.
    #[deserr(default)]
    #[param(required = true, value_type = String)]
    response_type: Option<String>,
    #[deserr(default)]
    #[param(required = true, value_type = String)]
    client_id: Option<String>,
    /// `http://127.0.0.1:<any port><path>` or `http://[::1]:<any port><path>`.
    #[deserr(default)]
    #[param(required = true, value_type = String)]
    redirect_uri: Option<String>,
    #[deserr(default)]
    #[param(required = true, value_type = String)]
    code_challenge: Option<String>,
    /// `S256`.
    #[deserr(default)]
    #[param(required = true, value_type = String)]
    code_challenge_method: Option<String>,
    #[deserr(default)]
    #[param(required = true, value_type = String, max_length = 500)]
    state: Option<String>,
    /// `openid`, `email`.
    #[deserr(default)]
    #[param(required = false)]
    scope: Option<String>,
    #[deserr(default)]
    #[param(required = false, max_length = 255)]
    nonce: Option<String>,
    /// One of the providers; the first if not given.
    #[deserr(default)]
    #[param(required = false)]
    provider: Option<String>,
    /// Seconds: the provider must have seen the person's credentials since.
    #[deserr(default)]
    #[param(required = false, value_type = u32)]
    max_age: Option<String>,
    /// What the session is called.
    #[deserr(default)]
    #[param(required = false)]
    device_name: Option<String>,
}

impl Authorization {
    /// What is wrong with it, in the words of RFC 6749 section 4.1.2.1.
    fn fault(&self) -> Option<&'static str> {
        let bounded = |text: &Option<String>, most: usize| {
            text.as_deref().is_none_or(|text| text.len() <= most)
        };
        match self.response_type.as_deref() {
            Some("code") => {}
            Some(_) => return Some("unsupported_response_type"),
            None => return Some("invalid_request"),
        }
        let scopes = self.scope.as_deref().unwrap_or_default();
        let is_scope =
            |scope: &str| ["openid", "email", "profile", "offline_access"].contains(&scope);
        if !scopes.split_ascii_whitespace().all(is_scope) {
            return Some("invalid_scope");
        }
        let is_age = self.max_age.as_deref().is_none_or(|text| text.parse::<u32>().is_ok());
        let is_sane = is_age && bounded(&self.state, 500) && bounded(&self.nonce, 255);
        (!is_sane || self.state.is_none()).then_some("invalid_request")
    }
}

/// Authorize a native client
///
/// Redirects to the provider; the answer comes to the client's loopback redirect, with `iss`
/// (RFC 9207). The provider is always asked. A wrong client, redirect or challenge is a problem
/// and no redirect. One UpdateItem that counts, one PutItem.
#[utoipa::path(get, path = "/api/v1/auth/authorize", tag = "Sign-in")]
pub async fn authorization_start(
    _: Public,
    visit: Visit,
    State(app): State<Auth>,
    Parameters(asked): Parameters<Authorization>,
) -> Answered<Found> {
    let client = asked.client_id.as_deref().and_then(|id| app.settings.client(id));
    let client = client.ok_or_else(|| Error::new(UNKNOWN_CLIENT, "client_id is not known"))?;
    let redirect_uri = asked.redirect_uri.clone().unwrap_or_default();
    if !is_loopback_redirect(client, &redirect_uri) {
        let detail = "must be http://127.0.0.1 or http://[::1], any port, and a path of the client";
        return Err(Error::new(INVALID_REDIRECT_URI, detail).into());
    }
    let challenge = asked.code_challenge.clone().unwrap_or_default();
    let is_challenge = challenge.len() == 43
        && challenge.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if !is_challenge || asked.code_challenge_method.as_deref() != Some("S256") {
        let detail = "PKCE is compulsory: code_challenge of 43 characters, method S256";
        return Err(Error::new(codes::INVALID_REQUEST, detail).into());
    }
    let issuer = app.settings.issuer();
    if let Some(error) = asked.fault() {
        let state = asked.state.as_deref().unwrap_or_default();
        let parameters = [("error", error), ("state", state), ("iss", &issuer)];
        let location = with_parameters(&redirect_uri, parameters);
        return Ok(Found { location, cookies: Vec::new() });
    }
    let device_name: Option<Line<1, 100>> =
        asked.device_name.as_deref().and_then(|name| name.parse().ok());
    let native = Native {
        client_id: client.id.clone(),
        redirect_uri,
        code_challenge: challenge,
        state: asked.state.unwrap_or_default(),
        scope: asked.scope.unwrap_or_default(),
        nonce: asked.nonce,
        device_name,
    };
    let beginning = Beginning {
        provider: provider(&app, asked.provider.as_deref())?,
        purpose: Purpose::SignIn,
        client: Client::Native(native),
        remember: true,
        organization_id: None,
        reactivate: false,
        login_hint: None,
        max_age: asked.max_age.and_then(|text| text.parse().ok()),
        by: None,
    };
    let begun = begin(&app, &visit, beginning).await?;
    Ok(Found { location: begun.url, cookies: vec![begun.cookie] })
}
