//! The table of contents: every operation of user-management, grouped by noun.

use axum::Router;
use millwright_core::codes::{CONTENTION, INVALID_STATE, NOT_FOUND, TOO_LARGE};
use millwright_http::{Api, Purpose, Serving, operation};

use crate::{
    app::UserManagement,
    codes::{
        EMAIL_DOMAIN_NOT_ALLOWED, EMAIL_LIMIT_REACHED, EMAIL_NOT_MINE, EMAIL_TAKEN, NOT_A_MEMBER,
        ORGANIZATION_LIMIT_REACHED, ROLE_ARCHIVED, SIGN_UP_CLOSED, SLUG_TAKEN,
    },
    organization::handlers as organization,
    user,
};

/// user-management, served.
pub fn router(state: UserManagement) -> Router {
    api::<Serving>().router(state)
}

/// All operations of user-management.
pub fn api<P: Purpose>() -> Api<UserManagement, P> {
    Api::new("user-management", "users")
        // users
        .with(operation!(user::my_user_get).answers(&[NOT_FOUND]))
        .with(operation!(user::my_user_update).answers(&[
            NOT_FOUND,
            EMAIL_NOT_MINE,
            NOT_A_MEMBER,
            CONTENTION,
        ]))
        .with(operation!(user::user_provision).answers(&[
            SIGN_UP_CLOSED,
            EMAIL_TAKEN,
            EMAIL_LIMIT_REACHED,
            INVALID_STATE,
            CONTENTION,
        ]))
        // organizations
        .with(operation!(organization::organization_create).answers(&[
            NOT_FOUND,
            INVALID_STATE,
            SLUG_TAKEN,
            ORGANIZATION_LIMIT_REACHED,
            CONTENTION,
        ]))
        .with(operation!(organization::my_organization_list))
        .with(operation!(organization::organization_find))
        .with(operation!(organization::organization_get))
        .with(operation!(organization::organization_update).answers(&[SLUG_TAKEN, CONTENTION]))
        .with(operation!(organization::organization_limits_get))
        .with(operation!(organization::settings_get))
        .with(operation!(organization::settings_update).answers(&[
            ROLE_ARCHIVED,
            TOO_LARGE,
            CONTENTION,
        ]))
        .with(operation!(organization::security_get))
        .with(
            operation!(organization::security_update)
                .answers(&[EMAIL_DOMAIN_NOT_ALLOWED, CONTENTION]),
        )
        .with(operation!(organization::organization_sign_out).answers(&[CONTENTION]))
}
