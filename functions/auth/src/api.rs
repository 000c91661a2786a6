//! The table of contents: every operation of auth.

use axum::Router;
use millwright_core::codes::CONTENTION;
use millwright_http::{Api, Purpose, Serving, operation};

use crate::{app::Auth, codes::TITLE_TAKEN, session};

/// `auth`, served.
pub fn router(state: Auth) -> Router {
    api::<Serving>().router(state)
}

/// All operations of auth.
pub fn api<P: Purpose>() -> Api<Auth, P> {
    Api::new("auth", "auth")
        .with(operation!(session::session_create).answers(&[TITLE_TAKEN]))
        .with(operation!(session::session_list))
        .with(operation!(session::session_get))
        .with(operation!(session::session_update).answers(&[TITLE_TAKEN, CONTENTION]))
        .with(operation!(session::session_delete).answers(&[CONTENTION]))
}
