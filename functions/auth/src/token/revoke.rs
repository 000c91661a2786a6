//! POST /auth/revoke: token revocation (RFC 7009).

use axum::extract::State;
use millwright_core::Result;
use millwright_http::{Answered, Form, OAuth, Public, Visit};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    browser::end,
    endpoint::{Refused, answered},
};
use crate::{
    app::Auth,
    domain::{RefreshToken, RevokedReason},
};

/// An empty object.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Revoked {}

/// Revoke a refresh token
///
/// Ends the session behind it. 200 also for what is no token of ours. One GetItem and one
/// transaction, nothing for what is none of ours.
#[utoipa::path(post, path = "/api/v1/auth/revoke", tag = "Tokens")]
pub async fn token_revoke(
    _: Public,
    visit: Visit,
    State(app): State<Auth>,
    form: Form,
) -> Answered<OAuth<Revoked>> {
    let token = form.fields().and_then(|fields| fields.get("token").map(str::to_owned));
    let outcome = match token {
        Some(token) => revoked(&app, &visit, &token).await.map_err(Refused::from),
        None => Err(Refused::new("invalid_request", "token is missing")),
    };
    Ok(answered(&app, &visit, outcome).await)
}

async fn revoked(app: &Auth, visit: &Visit, token: &str) -> Result<Revoked> {
    let macs = app.keys.macs().await?;
    if let Some(token) = RefreshToken::read(token, &macs) {
        end(app, visit, token.user, token.session, RevokedReason::Logout).await?;
    }
    Ok(Revoked {})
}
