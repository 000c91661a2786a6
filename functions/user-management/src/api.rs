//! The table of contents: every operation of user-management, grouped by noun.

use axum::Router;
use millwright_core::Code;
use millwright_core::codes::{
    CONTENTION, FORBIDDEN, INVALID_STATE, NAME_TAKEN, NOT_FOUND, TOO_LARGE,
};
use millwright_http::{Api, Purpose, Serving, operation};

use crate::{
    app::UserManagement,
    codes::{
        ALREADY_MEMBER, BATCH_RUNNING, CONFIRM_MISMATCH, EMAIL_DOMAIN_NOT_ALLOWED,
        EMAIL_LIMIT_REACHED, EMAIL_NOT_MINE, EMAIL_TAKEN, EXCEEDS_OWN_PERMISSIONS, EXPORT_TOO_SOON,
        INVITATION_EMAIL_MISMATCH, INVITATION_EXPIRED, INVITATION_LIMIT_REACHED,
        INVITATION_NOT_PENDING, INVITATION_USED_UP, LAST_OWNER, LINK_INVITATIONS_DISABLED,
        MEMBER_LIMIT_REACHED, MEMBERSHIP_SUSPENDED, NOT_A_MEMBER, ORGANIZATION_LIMIT_REACHED,
        OWN_ROLE, OWNER_ONLY, RESEND_LIMIT_REACHED, RESEND_TOO_SOON, ROLE_ARCHIVED, ROLE_IN_USE,
        ROLE_LIMIT_REACHED, ROLE_TOO_POWERFUL, SIGN_UP_CLOSED, SLUG_TAKEN, SYSTEM_ROLE, TEAM_CYCLE,
        TEAM_HAS_SUBTEAMS, TEAM_LIMIT_REACHED, TEAM_MEMBER_LIMIT_REACHED, TEAM_TOO_DEEP,
        UNKNOWN_PERMISSION,
    },
    export::handlers as export,
    invitation::handlers as invitation,
    member::handlers as member,
    organization::handlers as organization,
    role::handlers as role,
    team::handlers as team,
    user::handlers as user,
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
        .with(operation!(user::my_preferences_get).answers(&[NOT_FOUND]))
        .with(operation!(user::my_preferences_update).answers(&[NOT_FOUND, TOO_LARGE, CONTENTION]))
        .with(operation!(user::my_user_deactivate).answers(LEAVING))
        .with(operation!(user::my_user_delete).answers(LEAVING))
        .with(operation!(export::my_data_export_create).answers(&[
            NOT_FOUND,
            EXPORT_TOO_SOON,
            CONTENTION,
        ]))
        .with(operation!(export::my_data_export_list))
        .with(operation!(export::my_data_export_get))
        .with(operation!(user::user_find))
        .with(operation!(user::user_deactivate).answers(LEAVING))
        .with(operation!(user::user_reactivate).answers(&[INVALID_STATE, CONTENTION]))
        .with(operation!(user::user_delete).answers(&[INVALID_STATE, CONTENTION]))
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
        .with(operation!(organization::organization_delete).answers(&[
            CONFIRM_MISMATCH,
            INVALID_STATE,
            CONTENTION,
        ]))
        .with(operation!(organization::organization_restore).answers(&[
            OWNER_ONLY,
            NOT_FOUND,
            INVALID_STATE,
            LAST_OWNER,
            CONTENTION,
        ]))
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
        .with(operation!(export::data_export_create).answers(&[
            INVALID_STATE,
            EXPORT_TOO_SOON,
            CONTENTION,
        ]))
        .with(operation!(export::data_export_list))
        .with(operation!(export::data_export_get))
        .with(operation!(organization::organization_limits_update).answers(&[CONTENTION]))
        .with(operation!(organization::organization_suspend).answers(&[INVALID_STATE, CONTENTION]))
        .with(
            operation!(organization::organization_unsuspend).answers(&[INVALID_STATE, CONTENTION]),
        )
        .with(operation!(organization::owner_assign).answers(&[NOT_A_MEMBER, CONTENTION]))
        // roles and permissions
        .with(operation!(role::role_list))
        .with(operation!(role::role_create).answers(&[
            UNKNOWN_PERMISSION,
            EXCEEDS_OWN_PERMISSIONS,
            NAME_TAKEN,
            ROLE_LIMIT_REACHED,
            NOT_FOUND,
        ]))
        .with(operation!(role::role_get))
        .with(operation!(role::role_update).answers(&[
            UNKNOWN_PERMISSION,
            EXCEEDS_OWN_PERMISSIONS,
            SYSTEM_ROLE,
            NAME_TAKEN,
            CONTENTION,
        ]))
        .with(operation!(role::role_archive).answers(&[
            EXCEEDS_OWN_PERMISSIONS,
            SYSTEM_ROLE,
            INVALID_STATE,
            CONTENTION,
        ]))
        .with(operation!(role::role_unarchive).answers(&[
            EXCEEDS_OWN_PERMISSIONS,
            SYSTEM_ROLE,
            CONTENTION,
        ]))
        .with(operation!(role::role_delete).answers(&[
            EXCEEDS_OWN_PERMISSIONS,
            SYSTEM_ROLE,
            ROLE_IN_USE,
            INVALID_STATE,
            CONTENTION,
        ]))
        .with(operation!(role::permission_list))
        .with(operation!(role::permission_explain).answers(&[UNKNOWN_PERMISSION, FORBIDDEN]))
        .with(operation!(role::effective_permission_list).answers(&[FORBIDDEN]))
        // members
        .with(operation!(member::user_get))
        .with(operation!(member::user_lookup))
        .with(operation!(member::member_list))
        .with(operation!(member::member_get))
        .with(operation!(member::member_update).answers(&[
            OWN_ROLE,
            OWNER_ONLY,
            EXCEEDS_OWN_PERMISSIONS,
            ROLE_ARCHIVED,
            LAST_OWNER,
            CONTENTION,
        ]))
        .with(operation!(member::member_suspend).answers(&[
            OWNER_ONLY,
            EXCEEDS_OWN_PERMISSIONS,
            INVALID_STATE,
            LAST_OWNER,
            CONTENTION,
        ]))
        .with(operation!(member::member_reactivate).answers(&[
            OWNER_ONLY,
            EXCEEDS_OWN_PERMISSIONS,
            INVALID_STATE,
            CONTENTION,
        ]))
        .with(operation!(member::member_sign_out).answers(&[
            OWNER_ONLY,
            EXCEEDS_OWN_PERMISSIONS,
            CONTENTION,
        ]))
        .with(operation!(member::member_remove).answers(&[
            OWNER_ONLY,
            EXCEEDS_OWN_PERMISSIONS,
            INVALID_STATE,
            LAST_OWNER,
            CONTENTION,
        ]))
        .with(operation!(member::organization_leave).answers(&[LAST_OWNER, CONTENTION]))
        .with(operation!(member::ownership_transfer).answers(&[
            OWNER_ONLY,
            EXCEEDS_OWN_PERMISSIONS,
            ROLE_ARCHIVED,
            NOT_A_MEMBER,
            INVALID_STATE,
            LAST_OWNER,
            CONTENTION,
        ]))
        // invitations
        .with(operation!(invitation::invitation_create).answers(&[
            OWNER_ONLY,
            EXCEEDS_OWN_PERMISSIONS,
            LINK_INVITATIONS_DISABLED,
            ROLE_TOO_POWERFUL,
            ROLE_ARCHIVED,
            NOT_FOUND,
            ALREADY_MEMBER,
            EMAIL_DOMAIN_NOT_ALLOWED,
            MEMBER_LIMIT_REACHED,
            INVITATION_LIMIT_REACHED,
            CONTENTION,
        ]))
        .with(operation!(invitation::invitation_list))
        .with(operation!(invitation::invitation_get))
        .with(operation!(invitation::invitation_resend).answers(&[
            OWNER_ONLY,
            EXCEEDS_OWN_PERMISSIONS,
            ROLE_ARCHIVED,
            INVITATION_NOT_PENDING,
            INVITATION_EXPIRED,
            INVITATION_USED_UP,
            INVITATION_LIMIT_REACHED,
            RESEND_LIMIT_REACHED,
            RESEND_TOO_SOON,
            CONTENTION,
        ]))
        .with(
            operation!(invitation::invitation_cancel)
                .answers(&[INVITATION_NOT_PENDING, CONTENTION]),
        )
        .with(operation!(invitation::invitation_batch_create).answers(&[
            TOO_LARGE,
            FORBIDDEN,
            NOT_FOUND,
            BATCH_RUNNING,
        ]))
        .with(operation!(invitation::invitation_batch_list))
        .with(operation!(invitation::invitation_batch_get))
        .with(operation!(invitation::invitation_batch_row_list))
        .with(operation!(invitation::invitation_batch_cancel).answers(&[INVALID_STATE, CONTENTION]))
        .with(operation!(invitation::invitation_preview).answers(&[NOT_FOUND]))
        .with(operation!(invitation::invitation_accept).answers(ACCEPTING))
        .with(operation!(invitation::my_invitation_list).answers(&[NOT_FOUND]))
        .with(operation!(invitation::my_invitation_accept).answers(ACCEPTING))
        .with(operation!(invitation::my_invitation_decline).answers(&[
            INVITATION_NOT_PENDING,
            INVITATION_EXPIRED,
            INVITATION_USED_UP,
            CONTENTION,
        ]))
        // teams
        .with(operation!(team::team_create).answers(&[
            NOT_FOUND,
            NAME_TAKEN,
            TEAM_TOO_DEEP,
            TEAM_LIMIT_REACHED,
            CONTENTION,
        ]))
        .with(operation!(team::team_list))
        .with(operation!(team::team_get))
        .with(operation!(team::team_update).answers(&[
            NAME_TAKEN,
            TEAM_CYCLE,
            TEAM_TOO_DEEP,
            CONTENTION,
        ]))
        .with(operation!(team::team_delete).answers(&[TEAM_HAS_SUBTEAMS, CONTENTION]))
        .with(operation!(team::team_member_list))
        .with(operation!(team::team_member_put).answers(&[
            NOT_A_MEMBER,
            TEAM_LIMIT_REACHED,
            TEAM_MEMBER_LIMIT_REACHED,
            CONTENTION,
        ]))
        .with(operation!(team::team_member_batch))
        .with(operation!(team::team_member_remove).answers(&[CONTENTION]))
        .with(operation!(team::member_team_list))
}

/// What leaving with an account may run into.
const LEAVING: &[Code] = &[NOT_FOUND, INVALID_STATE, LAST_OWNER, CONTENTION];

/// What accepting an invitation may run into.
const ACCEPTING: &[Code] = &[
    NOT_FOUND,
    INVALID_STATE,
    INVITATION_EMAIL_MISMATCH,
    LINK_INVITATIONS_DISABLED,
    INVITATION_NOT_PENDING,
    INVITATION_EXPIRED,
    INVITATION_USED_UP,
    EMAIL_DOMAIN_NOT_ALLOWED,
    ROLE_ARCHIVED,
    ALREADY_MEMBER,
    MEMBERSHIP_SUSPENDED,
    MEMBER_LIMIT_REACHED,
    ORGANIZATION_LIMIT_REACHED,
    CONTENTION,
];
