//! GET /auth/callback: back from the provider.

use axum::extract::State;
use deserr::Deserr;
use millwright_core::{Error, Faults, Result, UserId};
use millwright_http::{Answered, Cookie, Found, Parameters, Public, Visit};
use utoipa::IntoParams;

use super::{
    account::{link, reauthenticate, sign_in},
    establish::Established,
    login_cookie_name, refresh_cookie, with_parameters,
};
use crate::{
    app::{Auth, visitor},
    domain::{Asserted, Attempt, Client, LoginOutcome, LoginRecord, Purpose, Reason},
    events::LoginFailed,
    provider::Return,
    secret::Fingerprint,
    store::{Limit, attempt_key, count},
    vouch,
};

/// What providers send back. Parameters that are not known are skipped: they add their own.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults)]
pub struct Callback {
    #[deserr(default)]
    #[param(required = false)]
    code: Option<String>,
    #[deserr(default)]
    #[param(required = false)]
    state: Option<String>,
    /// RFC 9207.
    #[deserr(default)]
    #[param(required = false)]
    iss: Option<String>,
    #[deserr(default)]
    #[param(required = false)]
    error: Option<String>,
}

/// Why it did not come to a session.
#[derive(Debug)]
pub struct Refusal {
    pub reason: Reason,
    /// Whose history it is part of; none before the person is known.
    pub user: Option<UserId>,
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Refusal {
        Refusal { reason, user: None }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        tracing::error!(%error, "sign-in failed");
        Reason::TemporarilyUnavailable.into()
    }
}

/// Finish to sign in
///
/// The provider sends browsers here. Always redirects: to the page it began on, with the refresh
/// cookie, or to the native client, with a code; else with `error` and nothing more about the
/// cause. One UpdateItem that counts; for a known person one DeleteItem, one GetItem, one Query of
/// facts, one BatchGetItem, one transaction, and one BatchGetItem more at ten sessions.
#[utoipa::path(get, path = "/api/v1/auth/callback", tag = "Sign-in")]
pub async fn login_finish(
    _: Public,
    visit: Visit,
    State(app): State<Auth>,
    Parameters(back): Parameters<Callback>,
) -> Answered<Found> {
    if count(&app.store, Limit::FINISH, &visit.address()).await.is_err() {
        return Ok(to_sign_in(app.settings.app(), Reason::RateLimited));
    }
    let state = Fingerprint::of(back.state.as_deref().unwrap_or_default());
    let attempt = match app.store.take::<Attempt>(&attempt_key(&state)).await {
        Ok(Some(attempt)) => attempt,
        Ok(None) => return Ok(to_sign_in(app.settings.app(), Reason::LoginExpired)),
        Err(error) => {
            tracing::error!(%error, "sign-in failed");
            let reason = Reason::TemporarilyUnavailable;
            return Ok(to_sign_in(app.settings.app(), reason));
        }
    };
    match finish(&app, &visit, &attempt, &back).await {
        Ok(established) => Ok(onward(&app, &attempt, &established)),
        Err(refusal) => {
            if let Some(user) = refusal.user
                && let Err(error) = record(&app, &visit, &attempt, user, refusal.reason).await
            {
                tracing::error!(%error, "a refused sign-in is not recorded");
            }
            Ok(refused(&app, &attempt, refusal.reason))
        }
    }
}

async fn finish(
    app: &Auth,
    visit: &Visit,
    attempt: &Attempt,
    back: &Callback,
) -> Result<Option<Established>, Refusal> {
    let now = app.clock().now();
    if !attempt.started_at.is_within(Attempt::LIFETIME, now) {
        return Err(Reason::LoginExpired.into());
    }
    let binding = visit.cookie(login_cookie_name(&app.settings)).unwrap_or_default();
    if Fingerprint::of(binding) != attempt.binding {
        return Err(Reason::BindingMismatch.into());
    }
    let asserted = asserted(app, attempt, back).await?;
    match attempt.purpose {
        Purpose::SignIn => sign_in(app, visit, attempt, &asserted).await.map(Some),
        Purpose::Reauthenticate => {
            reauthenticate(app, visit, attempt, &asserted).await.map(|()| None)
        }
        Purpose::Link => link(app, visit, attempt, &asserted).await.map(|()| None),
    }
}

async fn asserted(app: &Auth, attempt: &Attempt, back: &Callback) -> Result<Asserted, Refusal> {
    let provider = app.settings.provider(&attempt.provider).ok_or(Reason::ProviderError)?;
    let metadata = app.providers.metadata(provider).await?;
    let is_issuer = match &back.iss {
        Some(iss) => *iss == provider.issuer || provider.issuer_aliases.contains(iss),
        None => !metadata.authorization_response_iss_parameter_supported,
    };
    if !is_issuer {
        return Err(Reason::IdTokenInvalid.into());
    }
    match back.error.as_deref() {
        None => {}
        Some("access_denied") => return Err(Reason::AccessDenied.into()),
        Some(_) => return Err(Reason::ProviderError.into()),
    }
    let code = back.code.as_deref().filter(|code| !code.is_empty());
    let client_secret = app.keys.client_secret(&provider.client_secret_name).await?;
    let redirect_uri = app.settings.callback();
    let way_back = Return {
        code: code.ok_or(Reason::ProviderError)?,
        redirect_uri: &redirect_uri,
        verifier: &attempt.verifier,
        nonce: &attempt.nonce,
        seen_since: attempt.seen_since(),
        client_secret: &client_secret,
    };
    Ok(app.providers.asserted(provider, way_back).await?)
}

/// Where a person goes on after success.
fn onward(app: &Auth, attempt: &Attempt, established: &Option<Established>) -> Found {
    match (&attempt.client, established) {
        (Client::Web { app: page, return_to }, Some(Established { session, secret })) => {
            let max_age = session.expires_at.since(session.created_at);
            let cookies = vec![refresh_cookie(&app.settings, secret, max_age)];
            Found { location: format!("{page}{return_to}"), cookies }
        }
        (Client::Web { app: page, return_to }, None) => {
            Found { location: format!("{page}{return_to}"), cookies: Vec::<Cookie>::new() }
        }
        (Client::Native(native), established) => {
            let code = established.as_ref().map_or("", |it| it.secret.expose());
            let issuer = app.settings.issuer();
            let parameters = [("code", code), ("state", &native.state), ("iss", &issuer)];
            let location = with_parameters(&native.redirect_uri, parameters);
            Found { location, cookies: Vec::new() }
        }
    }
}

fn to_sign_in(page: &str, reason: Reason) -> Found {
    let location = with_parameters(&format!("{page}/sign-in"), [("error", reason.as_str())]);
    Found { location, cookies: Vec::new() }
}

/// Where a person goes on after a refusal: native clients get the words of RFC 6749 and ours.
fn refused(app: &Auth, attempt: &Attempt, reason: Reason) -> Found {
    match &attempt.client {
        Client::Web { app: page, .. } => to_sign_in(page, reason),
        Client::Native(native) => {
            let error = match reason {
                Reason::TemporarilyUnavailable | Reason::ProviderTimeout => {
                    "temporarily_unavailable"
                }
                Reason::ProviderError => "server_error",
                _ => "access_denied",
            };
            let issuer = app.settings.issuer();
            let location = with_parameters(
                &native.redirect_uri,
                [
                    ("error", error),
                    ("error_description", reason.as_str()),
                    ("state", &native.state),
                    ("iss", &issuer),
                ],
            );
            Found { location, cookies: Vec::new() }
        }
    }
}

/// The record of a refusal, and its event. One transaction.
async fn record(
    app: &Auth,
    visit: &Visit,
    attempt: &Attempt,
    user: UserId,
    reason: Reason,
) -> Result<()> {
    let person = vouch::person(user);
    let mut effects = app.effects(&person, user, visit);
    let record = LoginRecord {
        outcome: LoginOutcome::Refused,
        reason: Some(reason),
        session_id: attempt.session_id,
        ..login_record(app, visit, attempt, user)
    };
    effects.create(&record);
    effects.emit(&LoginFailed {
        user_id: user,
        provider: attempt.provider.clone(),
        purpose: attempt.purpose,
        reason,
        ip: record.ip_address,
        user_agent: record.user_agent,
    })?;
    effects.commit().await
}

/// The record of a success without its session.
pub fn login_record(app: &Auth, visit: &Visit, attempt: &Attempt, user: UserId) -> LoginRecord {
    let visitor = visitor(visit);
    LoginRecord {
        id: app.store.ids().next(),
        user_id: user,
        occurred_at: app.clock().now(),
        outcome: LoginOutcome::Succeeded,
        purpose: attempt.purpose,
        reason: None,
        provider: attempt.provider.clone(),
        client_id: attempt.client.id().to_owned(),
        session_id: None,
        ip_address: visitor.ip_address,
        user_agent: visitor.user_agent,
    }
}
