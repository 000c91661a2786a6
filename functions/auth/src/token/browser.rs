//! POST /auth/refresh, /auth/logout: what a page does with its cookie (specs auth, section 5.9).

use axum::extract::{FromRequestParts, State};
use deserr::Deserr;
use http::request::Parts;
use millwright_core::{Error, Faults, OrgId, Result, SessionId, Timestamp};
use millwright_http::{
    Answered, Body, Describe, Empty, Known, NoContent, OperationDocument, Plain, Problem, Public,
    Visit, WithCookies,
};
use millwright_store::Contention;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    issue::{Issued, Wish},
    rotate::rotate,
};
use crate::{
    app::Auth,
    codes::ORIGIN_NOT_ALLOWED,
    domain::{RefreshToken, RevokedReason, Session, SessionView, Standing},
    login::{establish::revoke, no_refresh_cookie, refresh_cookie, refresh_cookie_name},
    secret::Secret,
    store::session_key,
    vouch,
};

/// A request of one of our pages: JSON, with an `Origin` of the settings. A form of another site
/// is neither.
#[derive(Clone, Copy, Debug)]
pub struct OfOurPages;

impl Describe for OfOurPages {
    fn describe(document: &mut OperationDocument) {
        document.problem(403, "origin_not_allowed", "The page is not one of ours");
    }
}

impl FromRequestParts<Auth> for OfOurPages {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Auth) -> Result<Self, Problem> {
        let visit = Visit::from_request_parts(parts, app).await?;
        check_origin(app, &visit)?;
        Ok(OfOurPages)
    }
}

/// As [`OfOurPages`], for who sends no access token.
#[derive(Clone, Copy, Debug)]
pub struct OfOurPagesOrToken;

impl Describe for OfOurPagesOrToken {
    fn describe(document: &mut OperationDocument) {
        OfOurPages::describe(document);
    }
}

impl FromRequestParts<Auth> for OfOurPagesOrToken {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Auth) -> Result<Self, Problem> {
        if !parts.headers.contains_key(http::header::AUTHORIZATION) {
            OfOurPages::from_request_parts(parts, app).await?;
        }
        Ok(OfOurPagesOrToken)
    }
}

fn check_origin(app: &Auth, visit: &Visit) -> Result<()> {
    let media_type = visit.header("content-type").and_then(|it| it.split(';').next());
    let is_json = media_type.is_some_and(|it| it.trim().eq_ignore_ascii_case("application/json"));
    let origin = visit.header("origin");
    let is_ours = origin.is_some_and(|it| app.settings.app_origins.iter().any(|our| our == it));
    if is_json && is_ours {
        return Ok(());
    }
    Err(Error::new(ORIGIN_NOT_ALLOWED, "only JSON from a page of ours is accepted here"))
}

/// What a token is wanted for.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({ "operator": false }))]
pub struct RefreshIn {
    /// This organization, for one token; the session's own is left as it is.
    #[deserr(default)]
    #[schema(required = false, value_type = Option<OrgId>)]
    organization_id: Option<OrgId>,
    /// An operator token: five minutes, no organization.
    #[deserr(default)]
    #[schema(required = false)]
    operator: bool,
}

/// An access token for a page: to be kept in memory.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenView {
    #[schema(value_type = String)]
    pub access_token: Secret,
    pub expires_at: Timestamp,
    /// What the token is for.
    pub organization_id: Option<OrgId>,
    /// How the person stands with the organization that was wanted.
    pub organization_status: Standing,
    pub session: SessionView,
}

impl TokenView {
    pub fn of(session: &Session, issued: Issued, now: Timestamp) -> TokenView {
        TokenView {
            access_token: issued.token,
            expires_at: issued.expires_at,
            organization_id: issued.organization,
            organization_status: issued.standing,
            session: SessionView::of(session, Some(session.id), now),
        }
    }
}

/// Refresh the session
///
/// A new access token, and a new refresh token in the cookie. A request that is repeated within 30
/// seconds gets the same refresh token again. One GetItem, one BatchGetItem of facts, one PutItem;
/// one GetItem more for a custom role, one transaction more for the first token of a day.
#[utoipa::path(post, path = "/api/v1/auth/refresh", tag = "Tokens")]
pub async fn session_refresh(
    _: Public,
    visit: Visit,
    _: OfOurPages,
    State(app): State<Auth>,
    Body(input): Body<RefreshIn>,
) -> Answered<WithCookies<Plain<TokenView>>> {
    let cookie = visit.cookie(refresh_cookie_name(&app.settings)).unwrap_or_default();
    let wish = Wish { organization: input.organization_id, is_operator: input.operator };
    let rotated = rotate(&app, &visit, (cookie, "web"), wish).await?;
    let now = app.clock().now();
    let max_age = rotated.session.expires_at.since(now);
    let cookies = vec![refresh_cookie(&app.settings, &rotated.refresh, max_age)];
    let view = TokenView::of(&rotated.session, rotated.issued, now);
    Ok(WithCookies { answer: Plain(view), cookies })
}

/// End the session
///
/// Signs out: the session of the cookie, or of the access token. 204 also where there is none.
/// One GetItem and one transaction.
#[utoipa::path(post, path = "/api/v1/auth/logout", tag = "Tokens")]
pub async fn session_end(
    known: Known,
    visit: Visit,
    _: OfOurPagesOrToken,
    State(app): State<Auth>,
    Body(_): Body<Empty>,
) -> Answered<WithCookies<NoContent>> {
    let cookies = vec![no_refresh_cookie(&app.settings)];
    let by_token = known.person().and_then(|person| {
        let session: SessionId = person.principal.session_id.as_deref()?.parse().ok()?;
        Some((person.user(), session))
    });
    let ended = match by_token {
        Some(both) => Some(both),
        None => {
            check_origin(&app, &visit)?;
            let cookie = visit.cookie(refresh_cookie_name(&app.settings)).unwrap_or_default();
            let macs = app.keys.macs().await?;
            RefreshToken::read(cookie, &macs).map(|token| (token.user, token.session))
        }
    };
    if let Some((user, session)) = ended {
        end(&app, &visit, user, session, RevokedReason::Logout).await?;
    }
    Ok(WithCookies { answer: NoContent, cookies })
}

/// Revokes a session, if it is active. One GetItem and one transaction.
///
/// # Errors
/// `unavailable`, `contention`.
pub async fn end(
    app: &Auth,
    visit: &Visit,
    user: millwright_core::UserId,
    id: SessionId,
    reason: RevokedReason,
) -> Result<()> {
    let person = vouch::person(user);
    let attempt = || async {
        let found: Option<Session> = app.store.get(&session_key(&person, id)).await?;
        if !found.is_some_and(|session| session.is_active(app.clock().now())) {
            return Ok(());
        }
        let mut effects = app.effects(&person, user, visit);
        revoke(&mut effects, &person, (user, id), reason)?;
        effects.commit().await
    };
    Contention::new(&app.store).settle(&app.store, attempt).await
}
