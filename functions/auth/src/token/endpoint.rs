//! POST /auth/token: the token endpoint (RFC 6749 sections 4.1.3 and 6, RFC 7636 section 4.5).

use axum::extract::State;
use http::StatusCode;
use millwright_core::{Error, Kind, OrgId, Result, codes};
use millwright_http::{
    Answered, Form, FormFields, OAuth, OAuthError, Public, Visit, seconds_until, status,
};
use millwright_store::Contention;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    browser::end,
    issue::{Issued, Wish, id_token, issue},
    key::for_key,
    rotate::rotate,
};
use crate::{
    app::Auth,
    codes::{REFRESH_INVALID, REFRESH_REUSED, SESSION_EXPIRED, UNKNOWN_CLIENT},
    domain::{AuthorizationCode, Identity, RevokedReason, Session, pkce_challenge},
    login::establish::first_token,
    secret::{Fingerprint, Secret},
    store::{Limit, code_key, count, identity_key, session_key},
    vouch,
};

/// The answer of RFC 6749 section 5.1.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Tokens {
    #[schema(value_type = String)]
    pub access_token: Secret,
    pub token_type: String,
    /// Seconds.
    pub expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = String)]
    pub refresh_token: Option<Secret>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, value_type = String)]
    pub id_token: Option<Secret>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub scope: Option<String>,
}

impl Tokens {
    fn of(issued: &Issued, refresh: Secret) -> Tokens {
        Tokens {
            access_token: issued.token.clone(),
            token_type: "Bearer".to_owned(),
            expires_in: seconds_until(issued.expires_at, issued.issued_at),
            refresh_token: Some(refresh),
            id_token: None,
            scope: None,
        }
    }
}

/// Why a request is refused: the RFC's word, and ours.
pub struct Refused {
    pub error: &'static str,
    pub description: &'static str,
    pub code: &'static str,
    pub status: StatusCode,
    pub retry_after: Option<u64>,
    /// A credential that was no good: counts against the address.
    pub is_failure: bool,
}

impl Refused {
    pub fn new(error: &'static str, description: &'static str) -> Refused {
        let status = match error {
            "invalid_client" => StatusCode::UNAUTHORIZED,
            _ => StatusCode::BAD_REQUEST,
        };
        let is_failure = matches!(error, "invalid_client" | "invalid_grant");
        Refused { error, description, code: error, status, retry_after: None, is_failure }
    }

    pub fn coded(self, code: &'static str) -> Refused {
        Refused { code, ..self }
    }
}

/// Ours in the words of the RFC.
impl From<Error> for Refused {
    fn from(error: Error) -> Refused {
        let code = error.code().name;
        let (word, description, status, is_failure) = match error.kind() {
            Kind::Unauthenticated => {
                ("invalid_grant", "sign in again", StatusCode::BAD_REQUEST, is_bad(&error))
            }
            Kind::Forbidden | Kind::Invalid | Kind::NotFound | Kind::Conflict => {
                ("invalid_grant", "not granted", StatusCode::BAD_REQUEST, false)
            }
            Kind::RateLimited => {
                ("slow_down", "too many requests", StatusCode::TOO_MANY_REQUESTS, false)
            }
            kind => {
                tracing::error!(%error, "request failed");
                ("temporarily_unavailable", "try again in a moment", status(kind), false)
            }
        };
        let retry_after = error.retry_after_seconds();
        Refused { error: word, description, code, status, retry_after, is_failure }
    }
}

/// Counted by [`rotate`] already where it comes from there.
fn is_bad(error: &Error) -> bool {
    error.is(codes::INVALID_TOKEN)
        && ![REFRESH_INVALID, REFRESH_REUSED, SESSION_EXPIRED].iter().any(|it| error.is(*it))
}

/// Answers, counting what was no good.
pub async fn answered<T>(app: &Auth, visit: &Visit, outcome: Result<T, Refused>) -> OAuth<T> {
    let mut refused = match outcome {
        Ok(done) => return OAuth::Done(done),
        Err(refused) => refused,
    };
    if refused.is_failure
        && let Err(limited) = count(&app.store, Limit::FAILURES, &visit.address()).await
    {
        refused = Refused::from(limited);
    }
    OAuth::Refused(OAuthError {
        status: refused.status,
        error: refused.error,
        description: refused.description,
        code: refused.code,
        request_id: visit.context.request_id.clone(),
        retry_after: refused.retry_after,
    })
}

/// Create tokens
///
/// The token endpoint of OAuth: `authorization_code` with PKCE and `refresh_token` for native
/// clients, `client_credentials` for API keys (client id: the prefix, secret: the key). For a code: one GetItem, one BatchGetItem of facts, one GetItem, one transaction; for
/// a refresh token as session_refresh.
#[utoipa::path(post, path = "/api/v1/auth/token", tag = "Tokens")]
pub async fn token_create(
    _: Public,
    visit: Visit,
    State(app): State<Auth>,
    form: Form,
) -> Answered<OAuth<Tokens>> {
    let outcome = match form.fields() {
        Some(fields) => create(&app, &visit, fields).await,
        None => Err(Refused::new("invalid_request", "send a form with each field once")),
    };
    Ok(answered(&app, &visit, outcome).await)
}

async fn create(app: &Auth, visit: &Visit, form: FormFields<'_>) -> Result<Tokens, Refused> {
    match form.get("grant_type") {
        Some("authorization_code") => exchange(app, visit, form).await,
        Some("refresh_token") => refresh(app, visit, form).await,
        Some("client_credentials") => for_key(app, visit, form).await,
        Some(_) => Err(Refused::new("unsupported_grant_type", "not one of ours")),
        None => Err(Refused::new("invalid_request", "grant_type is missing")),
    }
}

fn client<'f>(app: &Auth, form: FormFields<'f>) -> Result<&'f str, Refused> {
    let id = form.get("client_id").unwrap_or_default();
    if app.settings.client(id).is_some() {
        return Ok(id);
    }
    if millwright_access::api_keys::is_prefix(id) {
        return Err(Refused::new("unauthorized_client", "API keys have client_credentials alone"));
    }
    Err(Refused::new("invalid_client", "client_id is not known").coded(UNKNOWN_CLIENT.name))
}

fn wish(form: FormFields<'_>) -> Result<Wish, Refused> {
    let organization = match form.get("organization_id").map(str::parse::<OrgId>) {
        None => None,
        Some(Ok(id)) => Some(id),
        Some(Err(_)) => {
            return Err(Refused::new("invalid_request", "organization_id is no id"));
        }
    };
    Ok(Wish { organization, is_operator: form.get("operator") == Some("true") })
}

async fn refresh(app: &Auth, visit: &Visit, form: FormFields<'_>) -> Result<Tokens, Refused> {
    let client_id = client(app, form)?;
    let missing = || Refused::new("invalid_request", "refresh_token is missing");
    let token = form.get("refresh_token").ok_or_else(missing)?;
    let rotated = rotate(app, visit, (token, client_id), wish(form)?).await?;
    Ok(Tokens::of(&rotated.issued, rotated.refresh))
}

async fn exchange(app: &Auth, visit: &Visit, form: FormFields<'_>) -> Result<Tokens, Refused> {
    let client_id = client(app, form)?;
    let missing = || Refused::new("invalid_request", "code, redirect_uri or code_verifier missing");
    let code = form.get("code").ok_or_else(missing)?;
    let redirect_uri = form.get("redirect_uri").ok_or_else(missing)?;
    let verifier = form.get("code_verifier").ok_or_else(missing)?;
    let wish = wish(form)?;
    let no_grant = || Refused::new("invalid_grant", "the code is not good");
    let place = code_key(&Fingerprint::of(code));
    let mut contention = Contention::new(&app.store);
    loop {
        let found: Option<AuthorizationCode> = app.store.get(&place).await?;
        let held = found.ok_or_else(no_grant)?;
        let native = &held.native;
        if native.client_id != client_id || native.redirect_uri != redirect_uri {
            return Err(no_grant());
        }
        let (made, wanted) =
            (Fingerprint::of(&pkce_challenge(verifier)), Fingerprint::of(&native.code_challenge));
        if made != wanted {
            return Err(no_grant());
        }
        if held.consumed {
            // Two have the code: the session it made goes (RFC 6749 section 4.1.2).
            let reason = RevokedReason::RefreshReuse;
            end(app, visit, held.user_id, held.session_id, reason).await?;
            return Err(no_grant());
        }
        let now = app.clock().now();
        if !held.issued_at.is_within(AuthorizationCode::LIFETIME, now) {
            return Err(no_grant());
        }
        match consume(app, visit, &held, wish).await {
            Err(error) if error.is(codes::CONTENTION) => {
                contention.lost(&app.store).await?;
            }
            outcome => return Ok(outcome?),
        }
    }
}

/// The first tokens of a session, for its code.
async fn consume(
    app: &Auth,
    visit: &Visit,
    held: &AuthorizationCode,
    wish: Wish,
) -> Result<Tokens> {
    let person = vouch::person(held.user_id);
    let now = app.clock().now();
    let found: Option<Session> = app.store.get(&session_key(&person, held.session_id)).await?;
    let found = found.filter(|session| session.is_active(now));
    let mut session = found.ok_or_else(|| Error::new(SESSION_EXPIRED, "sign in again"))?;
    let wanted = wish.organization.or(session.organization_id).filter(|_| !wish.is_operator);
    let access = app.facts.access(held.user_id, wanted).await?;
    let issued = issue(app, &session, wish, &access).await?;
    let before = session.version;
    session.version += 1;
    let refresh = first_token(app, &mut session).await?;
    let mut effects = app.effects(&person, held.user_id, visit);
    let used = AuthorizationCode { consumed: true, ..held.clone() };
    let unused = millwright_store::Condition::default().equals("consumed", false);
    for step in [effects.replace(&session, before), effects.put_when(&used, unused)] {
        effects.refused_as(step, Error::lost_race());
    }
    effects.commit().await?;
    let mut tokens = Tokens::of(&issued, refresh);
    let scopes: Vec<&str> = held.native.scope.split_ascii_whitespace().collect();
    if scopes.contains(&"openid") {
        let email = if scopes.contains(&"email") {
            let place = identity_key(&person, session.identity_id);
            let identity: Option<Identity> = app.store.get(&place).await?;
            identity.map(|identity| identity.email)
        } else {
            None
        };
        tokens.id_token = Some(id_token(app, &session, &held.native, &issued, email).await?);
    }
    tokens.scope = (!scopes.is_empty()).then(|| scopes.join(" "));
    Ok(tokens)
}
