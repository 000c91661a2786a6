//! What values are written and read with, whoever asks: table, data keys and secret store.

use std::{ops::Deref, sync::Arc};

use millwright_core::Timestamp;
use millwright_store::Store;

use crate::{app::SecretManagement, backend::SecretStore, crypto::KeyRing};

/// The table, its data keys and the secret store: what handlers and workers share. Cheap to clone.
#[derive(Clone)]
pub struct Vault {
    pub store: Store,
    pub keys: Arc<KeyRing>,
    /// What keeps values outside of the table.
    pub outside: Arc<dyn SecretStore>,
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
