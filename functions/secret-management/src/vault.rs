//! What values are written and read with, whoever asks: table and data keys.

use std::{ops::Deref, sync::Arc};

use millwright_core::Timestamp;
use millwright_store::Store;

use crate::{app::SecretManagement, crypto::KeyRing};

/// The table and its data keys: what handlers and workers share. Cheap to clone.
#[derive(Clone)]
pub struct Vault {
    pub store: Store,
    pub keys: Arc<KeyRing>,
}

impl Vault {
    pub fn now(&self) -> Timestamp {
        self.store.clock().now()
    }
}

/// A handler has all that a worker has.
impl Deref for SecretManagement {
    type Target = Vault;

    fn deref(&self) -> &Vault {
        &self.vault
    }
}
