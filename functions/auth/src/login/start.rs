//! GET /auth/providers, /auth/login; POST /auth/logins

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Error, Faults, Line, OrgId, Result, SessionId, Timestamp, codes};
use millwright_http::{
    Answered, Body, Flag, Found, Made, Parameters, Plain, Public, Session, SignedIn, Visit,
    WithCookies,
};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::begin::{Beginning, begin};
use crate::{
    app::Auth,
    codes::{INVALID_RETURN_TO, UNKNOWN_PROVIDER},
    domain::{Attempt, Client, Purpose, is_return_path},
    settings::Provider,
};

/// What to sign in with.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderView {
    pub id: String,
    pub display_name: String,
    /// Where a browser begins; add `returnTo`.
    pub start_url: String,
}

/// The providers, in the configured order.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderViews {
    pub items: Vec<ProviderView>,
}

/// List the providers
///
/// What to sign in with, in the configured order. From memory: no call.
#[utoipa::path(get, path = "/api/v1/auth/providers", tag = "Sign-in")]
pub async fn provider_list(_: Public, State(app): State<Auth>) -> Answered<Plain<ProviderViews>> {
    let issuer = app.settings.issuer();
    let view = |provider: &Provider| ProviderView {
        id: provider.id.clone(),
        display_name: provider.display_name.clone(),
        start_url: format!("{issuer}/auth/login?provider={}", provider.id),
    };
    Ok(Plain(ProviderViews { items: app.settings.providers.iter().map(view).collect() }))
}

/// How to sign in. Parameters that are not known are skipped: bookmarks add their own.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase)]
#[into_params(rename_all = "camelCase")]
pub struct LoginStart {
    /// One of the providers; the first if not given.
    #[deserr(default)]
    #[param(required = false)]
    provider: Option<String>,
    /// Where to go on in the app: a path of 1-500 characters that begins with one `/`.
    #[deserr(default = "/".to_owned())]
    #[param(required = false, max_length = 500)]
    return_to: String,
    /// The session lives 30 days instead of 12 hours.
    #[deserr(default)]
    #[param(required = false, value_type = bool)]
    remember: Flag,
    /// The organization to begin in, if the membership is active.
    #[deserr(default)]
    #[param(required = false)]
    organization_id: Option<OrgId>,
    /// Handed to the provider: an e-mail, usually.
    #[deserr(default)]
    #[param(required = false, value_type = String, max_length = 254)]
    login_hint: Option<Line<1, 254>>,
    /// Reactivates an account that its owner has deactivated.
    #[deserr(default)]
    #[param(required = false, value_type = bool)]
    reactivate: Flag,
}

/// The provider of that name, or the first.
///
/// # Errors
/// `unknown_provider`.
pub fn provider<'a>(app: &'a Auth, id: Option<&str>) -> Result<&'a Provider> {
    let found = match id {
        Some(id) => app.settings.provider(id),
        None => app.settings.providers.first(),
    };
    found.ok_or_else(|| Error::new(UNKNOWN_PROVIDER, "see GET /api/v1/auth/providers"))
}

fn web(app: &Auth, visit: &Visit, return_to: String) -> Result<Client> {
    if !is_return_path(&return_to) {
        let detail = "must be a path of 1 to 500 characters that begins with exactly one /";
        return Err(Error::new(INVALID_RETURN_TO, detail));
    }
    // Back to the page it began on, if that is one of ours.
    let origins = &app.settings.app_origins;
    let referer = visit.header("referer").unwrap_or_default();
    let began_on = |origin: &&String| {
        referer
            .strip_prefix(origin.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let origin = visit.header("origin").and_then(|it| origins.iter().find(|o| *o == it));
    let page = origin.or_else(|| origins.iter().find(began_on));
    let page = page.map_or_else(|| app.settings.app().to_owned(), Clone::clone);
    Ok(Client::Web { app: page, return_to })
}

/// Start to sign in
///
/// Redirects to the provider, with PKCE, state and nonce, and binds the attempt to this browser
/// for ten minutes. One UpdateItem that counts, one PutItem.
#[utoipa::path(get, path = "/api/v1/auth/login", tag = "Sign-in")]
pub async fn login_start(
    _: Public,
    visit: Visit,
    State(app): State<Auth>,
    Parameters(start): Parameters<LoginStart>,
) -> Answered<Found> {
    let beginning = Beginning {
        provider: provider(&app, start.provider.as_deref())?,
        purpose: Purpose::SignIn,
        client: web(&app, &visit, start.return_to)?,
        remember: start.remember.0,
        organization_id: start.organization_id,
        reactivate: start.reactivate.0,
        login_hint: start.login_hint.map(Line::into_string),
        max_age: None,
        by: None,
    };
    let begun = begin(&app, &visit, beginning).await?;
    Ok(Found { location: begun.url, cookies: vec![begun.cookie] })
}

millwright_core::wire_enum! {
    /// What somebody who is signed in may want of a provider.
    pub enum LoginPurpose {
        Reauthenticate = "reauthenticate",
        Link = "link",
    }
}

/// What to go to the provider for.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({
    "purpose": "reauthenticate",
    "provider": "test",
    "returnTo": "/settings",
}))]
pub struct LoginIn {
    purpose: LoginPurpose,
    provider: String,
    /// A path of 1-500 characters that begins with one `/`.
    return_to: String,
}

/// Where to send the browser.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoginView {
    pub authorization_url: String,
    pub expires_at: Timestamp,
}

/// Sign in again or link
///
/// For a browser that is signed in: where to send it, so that its session counts as recent again,
/// or gets one more identity; linking wants a recent sign-in itself. One UpdateItem that counts,
/// one PutItem.
#[utoipa::path(post, path = "/api/v1/auth/logins", tag = "Sign-in")]
pub async fn login_create(
    caller: Session<SignedIn>,
    visit: Visit,
    State(app): State<Auth>,
    Body(input): Body<LoginIn>,
) -> Answered<WithCookies<Made<LoginView>>> {
    let session = caller.principal.session_id.as_deref();
    let session: Option<SessionId> = session.and_then(|id| id.parse().ok());
    let (Some(session), "web") = (session, caller.principal.client_id.as_str()) else {
        let detail = "only a browser's session can do this: native clients authorize again";
        return Err(Error::new(codes::SESSION_REQUIRED, detail).into());
    };
    let purpose = match input.purpose {
        LoginPurpose::Reauthenticate => Purpose::Reauthenticate,
        LoginPurpose::Link => Purpose::Link,
    };
    if purpose == Purpose::Link {
        caller.require_recent()?;
    }
    let beginning = Beginning {
        provider: provider(&app, Some(&input.provider))?,
        purpose,
        client: web(&app, &visit, input.return_to)?,
        remember: false,
        organization_id: None,
        reactivate: false,
        login_hint: None,
        max_age: (purpose == Purpose::Reauthenticate).then_some(0),
        by: Some((caller.user(), session)),
    };
    let begun = begin(&app, &visit, beginning).await?;
    let expires_at = begun.attempt.started_at.plus(Attempt::LIFETIME);
    let view = LoginView { authorization_url: begun.url, expires_at };
    Ok(WithCookies { answer: Made(view), cookies: vec![begun.cookie] })
}
