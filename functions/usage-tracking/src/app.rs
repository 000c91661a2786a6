//! The state behind the handlers.

use axum::extract::FromRef;
use millwright_http::{Caller, Platform};
use millwright_store::Store;

use crate::domain::Stamp;

/// What the handlers share. Cheap to clone.
#[derive(Clone)]
pub struct UsageTracking {
    platform: Platform,
    pub store: Store,
}

impl UsageTracking {
    pub fn new(platform: Platform, store: Store) -> UsageTracking {
        UsageTracking { platform, store }
    }

    /// Now, and by whom.
    pub fn stamp(&self, caller: &Caller) -> Stamp {
        Stamp { at: self.store.clock().now(), by: caller.actor().to_owned() }
    }
}

impl FromRef<UsageTracking> for Platform {
    fn from_ref(app: &UsageTracking) -> Platform {
        app.platform.clone()
    }
}
