//! The table of contents: every operation of auth.

use axum::Router;
use millwright_core::{
    Code,
    codes::{
        CONTENTION, INVALID_STATE, NAME_TAKEN, NOT_FOUND, OPERATOR_REQUIRED,
        REAUTHENTICATION_REQUIRED, SESSION_REQUIRED,
    },
};
use millwright_http::{Api, Purpose, Serving, operation};

use crate::{
    app::Auth,
    codes::{
        API_KEYS_DISABLED, INVALID_REDIRECT_URI, INVALID_RETURN_TO, KEY_LIMIT_REACHED,
        LAST_IDENTITY, MEMBERSHIP_NOT_ACTIVE, REFRESH_INVALID, REFRESH_REUSED, SCOPE_NOT_HELD,
        SESSION_EXPIRED, UNKNOWN_CLIENT, UNKNOWN_PROVIDER,
    },
    documents, export, history, identity, key, login, principal, session, token,
};

/// `auth`, served.
pub fn router(state: Auth) -> Router {
    api::<Serving>().router(state)
}

/// All operations of auth.
pub fn api<P: Purpose>() -> Api<Auth, P> {
    let api = Api::new("auth", "auth")
        .with(operation!(documents::discovery_get))
        .with(operation!(documents::jwks_get))
        .with(operation!(principal::principal_get));
    let api = with_login(api);
    let api = with_keys(with_tokens(api));
    api.with(operation!(session::read::session_list).for_people_only())
        .with(operation!(session::read::session_get).for_people_only())
        .with(operation!(session::read::session_update).answers(&[CONTENTION]).for_people_only())
        .with(operation!(session::revoke::session_revoke).answers(&[CONTENTION]).for_people_only())
        .with(
            operation!(session::revoke::session_revoke_others)
                .answers(&[CONTENTION])
                .for_people_only(),
        )
        .with(
            operation!(session::revoke::session_revoke_all)
                .answers(&[NOT_FOUND, CONTENTION])
                .for_people_only(),
        )
        .with(
            operation!(session::revoke::user_session_revoke_all)
                .answers(&[CONTENTION])
                .for_people_only(),
        )
        .with(
            operation!(token::switch::session_switch)
                .answers(&[
                    MEMBERSHIP_NOT_ACTIVE,
                    REAUTHENTICATION_REQUIRED,
                    SESSION_EXPIRED,
                    CONTENTION,
                ])
                .for_people_only(),
        )
        .with(operation!(identity::identity_list).for_people_only())
        .with(
            operation!(identity::identity_unlink)
                .answers(&[LAST_IDENTITY, CONTENTION])
                .for_people_only(),
        )
        .with(operation!(history::login_record_list).for_people_only())
        .with(operation!(export::user_data_export))
}

fn with_keys<P: Purpose>(api: Api<Auth, P>) -> Api<Auth, P> {
    const CREATING: &[Code] =
        &[SCOPE_NOT_HELD, API_KEYS_DISABLED, NAME_TAKEN, KEY_LIMIT_REACHED, NOT_FOUND, CONTENTION];
    const CHANGING: &[Code] = &[
        SCOPE_NOT_HELD,
        API_KEYS_DISABLED,
        INVALID_STATE,
        NAME_TAKEN,
        KEY_LIMIT_REACHED,
        CONTENTION,
    ];
    api.with(operation!(key::personal::api_key_create).answers(CREATING).for_people_only())
        .with(operation!(key::personal::api_key_list).for_people_only())
        .with(operation!(key::personal::api_key_get).for_people_only())
        .with(operation!(key::personal::api_key_update).answers(CHANGING).for_people_only())
        .with(operation!(key::personal::api_key_rotate).answers(CHANGING).for_people_only())
        .with(operation!(key::personal::api_key_revoke).answers(&[CONTENTION]).for_people_only())
        .with(operation!(key::member::member_key_list).for_people_only())
        .with(operation!(key::member::member_key_revoke).answers(&[CONTENTION]).for_people_only())
        .with(operation!(key::service::service_key_create).answers(CREATING).for_people_only())
        .with(operation!(key::service::service_key_list).for_people_only())
        .with(operation!(key::service::service_key_get).for_people_only())
        .with(operation!(key::service::service_key_update).answers(CHANGING).for_people_only())
        .with(operation!(key::service::service_key_rotate).answers(CHANGING).for_people_only())
        .with(operation!(key::service::service_key_revoke).answers(&[CONTENTION]).for_people_only())
}

fn with_login<P: Purpose>(api: Api<Auth, P>) -> Api<Auth, P> {
    api.with(operation!(login::start::provider_list))
        .with(
            operation!(login::start::login_start)
                .answers(&[INVALID_RETURN_TO, UNKNOWN_PROVIDER])
                .for_people_only(),
        )
        .with(operation!(login::finish::login_finish).for_people_only())
        .with(
            operation!(login::start::login_create)
                .answers(&[
                    INVALID_RETURN_TO,
                    UNKNOWN_PROVIDER,
                    SESSION_REQUIRED,
                    REAUTHENTICATION_REQUIRED,
                ])
                .for_people_only(),
        )
        .with(
            operation!(login::authorize::authorization_start)
                .answers(&[UNKNOWN_CLIENT, INVALID_REDIRECT_URI, UNKNOWN_PROVIDER])
                .for_people_only(),
        )
}

fn with_tokens<P: Purpose>(api: Api<Auth, P>) -> Api<Auth, P> {
    api.with(operation!(token::endpoint::token_create).for_people_only())
        .with(operation!(token::revoke::token_revoke).for_people_only())
        .with(
            operation!(token::browser::session_refresh)
                .answers(&[
                    REFRESH_INVALID,
                    REFRESH_REUSED,
                    SESSION_EXPIRED,
                    REAUTHENTICATION_REQUIRED,
                    MEMBERSHIP_NOT_ACTIVE,
                    OPERATOR_REQUIRED,
                    CONTENTION,
                ])
                .for_people_only(),
        )
        .with(
            operation!(token::browser::session_end)
                .answers(&[crate::codes::ORIGIN_NOT_ALLOWED, CONTENTION])
                .for_people_only(),
        )
}
