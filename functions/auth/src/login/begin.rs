//! The way to the provider.

use millwright_core::{Error, OrgId, Result, SessionId, UserId};
use millwright_http::{Cookie, Visit};
use millwright_store::Condition;

use super::{login_cookie, login_cookie_name, with_parameters};
use crate::{
    app::Auth,
    domain::{Attempt, Client, Purpose, Reason, pkce_challenge},
    secret::Secret,
    settings::Provider,
    store::{Limit, count},
    vouch,
};

/// What an attempt is for.
pub struct Beginning<'b> {
    pub provider: &'b Provider,
    pub purpose: Purpose,
    pub client: Client,
    pub remember: bool,
    pub organization_id: Option<OrgId>,
    pub reactivate: bool,
    pub login_hint: Option<String>,
    /// The provider must have seen the person's credentials so many seconds ago at most.
    pub max_age: Option<u32>,
    pub by: Option<(UserId, SessionId)>,
}

/// An attempt that has begun.
pub struct Begun {
    pub url: String,
    pub cookie: Cookie,
    pub attempt: Attempt,
}

/// 43 characters of base64url: one of ours.
fn is_binding(text: &&str) -> bool {
    text.len() == 43 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// Counts, makes the attempt and says where to go. One UpdateItem and one PutItem; the metadata of
/// the provider once a day.
///
/// # Errors
/// `rate_limited`; `unavailable` if the provider cannot be found.
pub async fn begin(app: &Auth, visit: &Visit, beginning: Beginning<'_>) -> Result<Begun> {
    count(&app.store, Limit::START, &visit.address()).await?;
    let provider = beginning.provider;
    let metadata = app.providers.metadata(provider).await.map_err(unavailable)?;
    let ids = app.store.ids();
    let state = Secret::random(ids);
    // Parallel tabs share the binding.
    let held = visit.cookie(login_cookie_name(&app.settings)).filter(is_binding);
    let binding = held.map_or_else(|| Secret::random(ids), Secret::new);
    let attempt = Attempt {
        state: state.fingerprint(),
        binding: binding.fingerprint(),
        nonce: Secret::random(ids),
        verifier: Secret::random(ids),
        provider: provider.id.clone(),
        purpose: beginning.purpose,
        client: beginning.client,
        remember: beginning.remember,
        organization_id: beginning.organization_id,
        reactivate: beginning.reactivate,
        max_age: beginning.max_age,
        user_id: beginning.by.map(|(user, _)| user),
        session_id: beginning.by.map(|(_, session)| session),
        started_at: app.clock().now(),
    };
    app.store.put_when(&vouch::nobody(), &attempt, &Condition::default()).await?;
    let (challenge, callback) =
        (pkce_challenge(attempt.verifier.expose()), app.settings.callback());
    let mut parameters = vec![
        ("response_type", "code"),
        ("client_id", provider.client_id.as_str()),
        ("redirect_uri", &callback),
        ("scope", &provider.scopes),
        ("state", state.expose()),
        ("nonce", attempt.nonce.expose()),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    if let Some(hint) = &beginning.login_hint {
        parameters.push(("login_hint", hint));
    }
    let max_age = attempt.max_age.map(|seconds| seconds.to_string());
    if let Some(seconds) = &max_age {
        parameters.push(("max_age", seconds));
    }
    let of_provider = provider.start_parameters.iter();
    parameters.extend(of_provider.map(|(name, value)| (name.as_str(), value.as_str())));
    let url = with_parameters(&metadata.authorization_endpoint, parameters);
    Ok(Begun { url, cookie: login_cookie(&app.settings, &binding), attempt })
}

fn unavailable(reason: Reason) -> Error {
    Error::unavailable(format!("the provider cannot be found: {reason}"))
}
