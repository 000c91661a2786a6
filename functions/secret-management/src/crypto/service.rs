//! Where data keys come from: one port.

use futures::future::BoxFuture;
use millwright_aws::{EncryptionContext, MasterKey, NewDataKey};
use millwright_core::{Error, Result};
use zeroize::Zeroizing;

use crate::codes;

/// Makes data keys and unwraps them: the Key Management Service when deployed, and its emulator
/// locally.
pub trait KeyService: Send + Sync {
    /// # Errors
    /// `key_service_unavailable`.
    fn generate<'a>(&'a self, context: &'a EncryptionContext) -> BoxFuture<'a, Result<NewDataKey>>;

    /// # Errors
    /// `key_service_unavailable`, also for another context than the one it was wrapped with.
    fn unwrap<'a>(
        &'a self,
        wrapped: &'a [u8],
        context: &'a EncryptionContext,
    ) -> BoxFuture<'a, Result<Zeroizing<Vec<u8>>>>;
}

/// The master key of this service in the Key Management Service.
pub struct MasterKeys(pub MasterKey);

fn unavailable(error: Error) -> Error {
    Error::new(codes::KEY_SERVICE_UNAVAILABLE, "try again in a moment")
        .because(error)
        .retry_after(std::time::Duration::from_secs(1))
}

impl KeyService for MasterKeys {
    fn generate<'a>(&'a self, context: &'a EncryptionContext) -> BoxFuture<'a, Result<NewDataKey>> {
        Box::pin(async move { self.0.generate(context).await.map_err(unavailable) })
    }

    fn unwrap<'a>(
        &'a self,
        wrapped: &'a [u8],
        context: &'a EncryptionContext,
    ) -> BoxFuture<'a, Result<Zeroizing<Vec<u8>>>> {
        Box::pin(async move { self.0.unwrap(wrapped, context).await.map_err(unavailable) })
    }
}
