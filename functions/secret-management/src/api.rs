//! The table of contents: every operation of secret-management, grouped by noun.

use axum::Router;
use millwright_core::{
    Code,
    codes::{
        CONTENTION, INVALID_STATE, LIMIT_REACHED, NAME_TAKEN, NOT_FOUND, OPERATOR_REQUIRED,
        REAUTHENTICATION_REQUIRED, SESSION_REQUIRED, TOO_LARGE,
    },
};
use millwright_http::{Api, Purpose, Serving, operation};

use crate::{
    access,
    app::SecretManagement,
    binding,
    codes::{
        AUDIT_UNAVAILABLE, BACKEND_NOT_ALLOWED, BACKEND_UNAVAILABLE, BACKEND_WRITE_LIMITED,
        CANNOT_GRANT_MORE_THAN_HELD, CAS_REQUIRED, DIRECTORY_UNAVAILABLE, EXPORT_NAME_COLLISION,
        EXPORT_TOO_LARGE, GRANT_EXISTS, IMPORT_INVALID, INVALID_VALUE_SHAPE,
        KEY_SERVICE_UNAVAILABLE, PENDING_EXISTS, POLICY_TOO_WEAK, RESTORE_WINDOW_OVER,
        REVEAL_RATE_LIMITED, REVEAL_REASON_REQUIRED, RIGHT_MISSING, ROTATION_NOT_OPEN,
        ROTATION_NOT_POSSIBLE, ROTATION_OPEN, SCOPE_GONE, SECRET_DELETED, SECRET_DISABLED,
        SECRET_EXPIRED, SECRET_IN_USE, SYSTEM_POLICY, TOO_MANY_VERSIONS, UNRESOLVED_REFERENCES,
        VALUE_UNREADABLE, VALUE_VERSION_MISMATCH, VERSION_DESTROYED, VERSION_IS_CURRENT,
        VERSION_NOT_ENABLED,
    },
    data_key, generate,
    grant::handlers as grant,
    job::handlers as job,
    kv::{dialect, handlers as kv},
    policy, posture,
    reveal::handlers as reveal,
    rotation::handlers as rotation,
    secret::handlers as secret,
    settings,
    transfer::handlers as transfer,
    version::handlers as version,
};

/// secret-management, served.
pub fn router(state: SecretManagement) -> Router {
    dialect(api::<Serving>().router(state))
}

/// All operations of secret-management.
pub fn api<P: Purpose>() -> Api<SecretManagement, P> {
    Api::new("secret-management", "secrets")
        // secrets
        .with(operation!(secret::secret_create).answers(&[
            INVALID_VALUE_SHAPE,
            POLICY_TOO_WEAK,
            RIGHT_MISSING,
            NOT_FOUND,
            NAME_TAKEN,
            LIMIT_REACHED,
            BACKEND_NOT_ALLOWED,
            OPERATOR_REQUIRED,
            ROTATION_NOT_POSSIBLE,
            TOO_LARGE,
            DIRECTORY_UNAVAILABLE,
            KEY_SERVICE_UNAVAILABLE,
            BACKEND_UNAVAILABLE,
        ]))
        .with(operation!(secret::secret_list).answers(&[DIRECTORY_UNAVAILABLE]))
        .with(operation!(secret::secret_get).answers(SEEING))
        .with(operation!(secret::secret_update).answers(&[
            RIGHT_MISSING,
            SECRET_DELETED,
            NAME_TAKEN,
            ROTATION_NOT_POSSIBLE,
            CONTENTION,
            DIRECTORY_UNAVAILABLE,
        ]))
        .with(operation!(secret::secret_delete).answers(&[
            RIGHT_MISSING,
            SECRET_IN_USE,
            CONTENTION,
            DIRECTORY_UNAVAILABLE,
        ]))
        .with(operation!(secret::secret_restore).answers(&[
            RIGHT_MISSING,
            INVALID_STATE,
            RESTORE_WINDOW_OVER,
            SCOPE_GONE,
            NAME_TAKEN,
            CONTENTION,
            DIRECTORY_UNAVAILABLE,
        ]))
        .with(operation!(secret::secret_purge).answers(&[
            NOT_FOUND,
            INVALID_STATE,
            LIMIT_REACHED,
            CONTENTION,
        ]))
        .with(operation!(secret::secret_migrate).answers(&[
            NOT_FOUND,
            SECRET_DELETED,
            INVALID_STATE,
            BACKEND_NOT_ALLOWED,
            TOO_MANY_VERSIONS,
            LIMIT_REACHED,
            CONTENTION,
        ]))
        .with(operation!(secret::secret_disable).answers(SWITCHING))
        .with(operation!(secret::secret_enable).answers(SWITCHING))
        // versions
        .with(operation!(version::version_create).answers(&[
            INVALID_VALUE_SHAPE,
            POLICY_TOO_WEAK,
            CAS_REQUIRED,
            RIGHT_MISSING,
            SECRET_DELETED,
            PENDING_EXISTS,
            ROTATION_NOT_POSSIBLE,
            VALUE_VERSION_MISMATCH,
            TOO_LARGE,
            CONTENTION,
            DIRECTORY_UNAVAILABLE,
            KEY_SERVICE_UNAVAILABLE,
            BACKEND_WRITE_LIMITED,
            BACKEND_UNAVAILABLE,
        ]))
        .with(operation!(version::version_list).answers(SEEING))
        .with(operation!(version::version_get).answers(SEEING))
        .with(operation!(version::version_promote).answers(&[
            RIGHT_MISSING,
            SECRET_DELETED,
            INVALID_STATE,
            ROTATION_OPEN,
            VERSION_NOT_ENABLED,
            VERSION_DESTROYED,
            CONTENTION,
            DIRECTORY_UNAVAILABLE,
        ]))
        .with(operation!(version::version_delete).answers(MEETING))
        .with(operation!(version::version_restore).answers(MEETING))
        .with(operation!(version::version_destroy).answers(MEETING))
        .with(operation!(reveal::secret_rollback).answers(&[
            CAS_REQUIRED,
            RIGHT_MISSING,
            SECRET_DELETED,
            VERSION_NOT_ENABLED,
            VERSION_DESTROYED,
            VALUE_VERSION_MISMATCH,
            VALUE_UNREADABLE,
            CONTENTION,
            DIRECTORY_UNAVAILABLE,
            KEY_SERVICE_UNAVAILABLE,
            BACKEND_WRITE_LIMITED,
            BACKEND_UNAVAILABLE,
        ]))
        // values
        .with(operation!(reveal::secret_reveal).answers(REVEALING).for_people_only())
        .with(operation!(reveal::secret_resolve).answers(REVEALING).for_people_only())
        .with(operation!(reveal::template_resolve).answers(FILLING).for_people_only())
        .with(operation!(transfer::secret_import).answers(&[
            IMPORT_INVALID,
            TOO_LARGE,
            RIGHT_MISSING,
            NOT_FOUND,
            NAME_TAKEN,
            SECRET_DELETED,
            LIMIT_REACHED,
            CONTENTION,
            DIRECTORY_UNAVAILABLE,
            KEY_SERVICE_UNAVAILABLE,
            BACKEND_WRITE_LIMITED,
            BACKEND_UNAVAILABLE,
        ]))
        .with(
            operation!(transfer::secret_export)
                .answers(&[
                    EXPORT_TOO_LARGE,
                    EXPORT_NAME_COLLISION,
                    REAUTHENTICATION_REQUIRED,
                    SESSION_REQUIRED,
                    VALUE_UNREADABLE,
                    AUDIT_UNAVAILABLE,
                    DIRECTORY_UNAVAILABLE,
                    KEY_SERVICE_UNAVAILABLE,
                    BACKEND_UNAVAILABLE,
                ])
                .for_people_only(),
        )
        .with(operation!(generate::value_generate).answers(&[POLICY_TOO_WEAK, NOT_FOUND]))
        // grants
        .with(operation!(grant::grant_create).answers(&[
            RIGHT_MISSING,
            CANNOT_GRANT_MORE_THAN_HELD,
            SECRET_DELETED,
            GRANT_EXISTS,
            LIMIT_REACHED,
            DIRECTORY_UNAVAILABLE,
        ]))
        .with(operation!(grant::grant_list).answers(SEEING))
        .with(operation!(grant::grant_update).answers(GRANTING))
        .with(operation!(grant::grant_delete).answers(GRANTING))
        .with(operation!(grant::grant_search).answers(&[DIRECTORY_UNAVAILABLE]))
        .with(operation!(grant::access_check).answers(SEEING))
        // bindings
        .with(operation!(binding::binding_create).answers(&[
            RIGHT_MISSING,
            SECRET_DELETED,
            LIMIT_REACHED,
            CONTENTION,
            DIRECTORY_UNAVAILABLE,
        ]))
        .with(operation!(binding::binding_list).answers(SEEING))
        .with(operation!(binding::binding_delete).answers(GRANTING))
        // rotations
        .with(operation!(rotation::rotation_start).answers(&[
            INVALID_VALUE_SHAPE,
            POLICY_TOO_WEAK,
            RIGHT_MISSING,
            SECRET_DELETED,
            ROTATION_OPEN,
            ROTATION_NOT_POSSIBLE,
            PENDING_EXISTS,
            VERSION_NOT_ENABLED,
            VALUE_UNREADABLE,
            TOO_LARGE,
            CONTENTION,
            DIRECTORY_UNAVAILABLE,
            KEY_SERVICE_UNAVAILABLE,
            BACKEND_WRITE_LIMITED,
            BACKEND_UNAVAILABLE,
        ]))
        .with(operation!(rotation::rotation_list).answers(SEEING))
        .with(operation!(rotation::rotation_get).answers(SEEING))
        .with(operation!(rotation::rotation_confirm).answers(FINISHING))
        .with(operation!(rotation::rotation_fail).answers(FINISHING))
        .with(operation!(rotation::rotation_cancel).answers(FINISHING))
        // generation
        .with(operation!(policy::policy_create).answers(&[
            POLICY_TOO_WEAK,
            NAME_TAKEN,
            LIMIT_REACHED,
        ]))
        .with(operation!(policy::policy_list))
        .with(operation!(policy::policy_get))
        .with(operation!(policy::policy_update).answers(&[
            POLICY_TOO_WEAK,
            NAME_TAKEN,
            SYSTEM_POLICY,
            CONTENTION,
        ]))
        .with(operation!(policy::policy_delete).answers(&[SYSTEM_POLICY, CONTENTION]))
        // accesses, settings
        .with(operation!(access::access_list))
        .with(operation!(access::secret_access_list).answers(SEEING))
        .with(operation!(settings::settings_get))
        .with(operation!(settings::settings_update).answers(&[BACKEND_NOT_ALLOWED, CONTENTION]))
        .with(operation!(settings::data_key_list))
        .with(operation!(data_key::data_key_rotate).answers(&[
            LIMIT_REACHED,
            CONTENTION,
            KEY_SERVICE_UNAVAILABLE,
        ]))
        .with(operation!(posture::posture_get))
        .with(operation!(job::secret_job_get))
        // the facade for clients of KV v2
        .with(operation!(kv::kv_data_read).for_people_only())
        .with(operation!(kv::kv_data_write))
        .with(operation!(kv::kv_latest_delete))
        .with(operation!(kv::kv_versions_delete))
        .with(operation!(kv::kv_versions_undelete))
        .with(operation!(kv::kv_versions_destroy))
        .with(operation!(kv::kv_metadata_list))
        .with(operation!(kv::kv_metadata_read))
        .with(operation!(kv::kv_metadata_update))
        .with(operation!(kv::kv_metadata_delete))
        .with(operation!(kv::kv_token_lookup))
}

/// What reading about a secret may run into.
const SEEING: &[Code] = &[RIGHT_MISSING, DIRECTORY_UNAVAILABLE];

const SWITCHING: &[Code] =
    &[RIGHT_MISSING, SECRET_DELETED, INVALID_STATE, CONTENTION, DIRECTORY_UNAVAILABLE];

/// What deleting, restoring and destroying versions may run into.
const MEETING: &[Code] = &[
    RIGHT_MISSING,
    SECRET_DELETED,
    VERSION_IS_CURRENT,
    VERSION_DESTROYED,
    ROTATION_OPEN,
    CONTENTION,
    DIRECTORY_UNAVAILABLE,
];

/// What giving values away may run into.
const REVEALING: &[Code] = &[
    REVEAL_REASON_REQUIRED,
    RIGHT_MISSING,
    NOT_FOUND,
    SECRET_DELETED,
    SECRET_DISABLED,
    SECRET_EXPIRED,
    VERSION_NOT_ENABLED,
    VERSION_DESTROYED,
    REVEAL_RATE_LIMITED,
    VALUE_UNREADABLE,
    AUDIT_UNAVAILABLE,
    DIRECTORY_UNAVAILABLE,
    KEY_SERVICE_UNAVAILABLE,
    BACKEND_UNAVAILABLE,
];

const FILLING: &[Code] = &[
    REVEAL_REASON_REQUIRED,
    NOT_FOUND,
    UNRESOLVED_REFERENCES,
    TOO_LARGE,
    REVEAL_RATE_LIMITED,
    AUDIT_UNAVAILABLE,
    DIRECTORY_UNAVAILABLE,
    KEY_SERVICE_UNAVAILABLE,
    BACKEND_UNAVAILABLE,
];

const GRANTING: &[Code] =
    &[RIGHT_MISSING, CANNOT_GRANT_MORE_THAN_HELD, CONTENTION, DIRECTORY_UNAVAILABLE];

const FINISHING: &[Code] = &[RIGHT_MISSING, ROTATION_NOT_OPEN, CONTENTION, DIRECTORY_UNAVAILABLE];
