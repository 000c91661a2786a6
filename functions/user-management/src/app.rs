//! The state behind the handlers.

use axum::extract::FromRef;
use millwright_http::{Caller, Platform};
use millwright_store::Store;

use crate::domain::Stamp;

/// What the handlers share. Cheap to clone.
#[derive(Clone)]
pub struct UserManagement {
    platform: Platform,
    pub store: Store,
}

impl UserManagement {
    pub fn new(platform: Platform, store: Store) -> UserManagement {
        UserManagement { platform, store }
    }

    /// Now, and by whom.
    pub fn stamp(&self, caller: &Caller) -> Stamp {
        Stamp { at: self.store.clock().now(), by: caller.actor().to_owned() }
    }
}

impl FromRef<UserManagement> for Platform {
    fn from_ref(app: &UserManagement) -> Platform {
        app.platform.clone()
    }
}
