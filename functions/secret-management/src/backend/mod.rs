//! The backend beside the table: the secret store of the cloud (rule 17).
//!
//! A value gets there in three steps: it is announced in the record of its secret, put under a
//! version id that follows from secret and number, and made a version by the transaction that makes
//! it current. Who dies in between leaves an announcement, which somebody else finishes or drops.

mod announce;
mod first;
mod manager;

use futures::future::BoxFuture;
use millwright_core::{OrgId, Result};

pub use self::{
    announce::{append, drop_announced, finish, prepare, say, version_of},
    first::{put_first, take_back},
    manager::SecretsManager,
};
use crate::domain::{Plaintext, SecretId};

/// A value of a secret in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Spot {
    pub organization: OrgId,
    pub secret: SecretId,
    pub number: u32,
}

/// Keeps values outside of the table: Secrets Manager when deployed, and its emulator locally.
pub trait SecretStore: Send + Sync {
    /// Adds a version, and the secret with the first one; put again it changes nothing.
    ///
    /// # Errors
    /// `backend_unavailable`.
    fn put<'a>(&'a self, spot: Spot, value: &'a Plaintext) -> BoxFuture<'a, Result<()>>;

    /// Whether a version is there. No value is read.
    ///
    /// # Errors
    /// `backend_unavailable`.
    fn has(&self, spot: Spot) -> BoxFuture<'_, Result<bool>>;

    /// # Errors
    /// `backend_unavailable`; `value_unreadable` if it is not there.
    fn get(&self, spot: Spot) -> BoxFuture<'_, Result<Plaintext>>;

    /// As [`SecretStore::get`], of many at once: current ones by twenties.
    fn get_many<'a>(&'a self, spots: &'a [Spot]) -> BoxFuture<'a, Vec<Result<Plaintext>>>;

    /// Only these numbers keep their labels, and this one is the current one; the store drops the
    /// others. Nothing if the secret is not there.
    ///
    /// # Errors
    /// `backend_unavailable`.
    fn tidy<'a>(
        &'a self,
        organization: OrgId,
        secret: SecretId,
        kept: &'a [u32],
        current: Option<u32>,
    ) -> BoxFuture<'a, Result<()>>;

    /// All of it goes at once, and for ever; fine if it is not there.
    ///
    /// # Errors
    /// `backend_unavailable`.
    fn delete(&self, organization: OrgId, secret: SecretId) -> BoxFuture<'_, Result<()>>;
}
