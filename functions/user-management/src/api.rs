//! The table of contents: every operation of user-management.

use axum::Router;
use millwright_core::codes::CONTENTION;
use millwright_http::{Api, Purpose, Serving, operation};

use crate::{app::UserManagement, codes::TITLE_TAKEN, organization};

/// `user-management`, served.
pub fn router(state: UserManagement) -> Router {
    api::<Serving>().router(state)
}

/// All operations of user-management.
pub fn api<P: Purpose>() -> Api<UserManagement, P> {
    Api::new("user-management", "organizations")
        .with(operation!(organization::organization_create).answers(&[TITLE_TAKEN]))
        .with(operation!(organization::organization_list))
        .with(operation!(organization::organization_get))
        .with(operation!(organization::organization_update).answers(&[TITLE_TAKEN, CONTENTION]))
        .with(operation!(organization::organization_delete).answers(&[CONTENTION]))
}
