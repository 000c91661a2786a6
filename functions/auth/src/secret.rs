//! Secrets that print nothing, and their fingerprints.

use std::fmt;

use aws_lc_rs::{constant_time, digest, hmac};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use millwright_core::IdGenerator;
use serde::{Deserialize, Serialize};

/// A text nobody else may read. What stores or sends it asks for it by [`Secret::expose`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// 256 bits, as 43 characters of base64url.
    pub fn random(ids: &IdGenerator) -> Secret {
        Secret(URL_SAFE_NO_PAD.encode(ids.random_bytes::<32>()))
    }

    pub fn expose(&self) -> &str {
        &self.0
    }

    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// SHA-256 of a secret, base64url: all that is stored of what only the caller keeps.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

impl Fingerprint {
    pub fn of(text: &str) -> Fingerprint {
        let hash = digest::digest(&digest::SHA256, text.as_bytes());
        Fingerprint(URL_SAFE_NO_PAD.encode(hash.as_ref()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// In constant time.
impl PartialEq for Fingerprint {
    fn eq(&self, other: &Fingerprint) -> bool {
        constant_time::verify_slices_are_equal(self.0.as_bytes(), other.0.as_bytes()).is_ok()
    }
}

impl Eq for Fingerprint {}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint")
    }
}

/// A key that vouches for refresh tokens (HMAC-SHA256).
#[derive(Clone)]
pub struct MacKey(hmac::Key);

impl MacKey {
    /// From the text of the secret, at least 256 bits of it.
    pub fn new(text: &str) -> MacKey {
        MacKey(hmac::Key::new(hmac::HMAC_SHA256, text.as_bytes()))
    }

    pub fn sign(&self, message: &[u8]) -> hmac::Tag {
        hmac::sign(&self.0, message)
    }

    /// In constant time.
    pub fn vouches_for(&self, message: &[u8], tag: &[u8]) -> bool {
        hmac::verify(&self.0, message, tag).is_ok()
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_print_nothing() {
        let secret = Secret::new("hunter2");
        let printed = format!("{secret:?} {:?} {:?}", secret.fingerprint(), MacKey::new("hunter2"));
        assert_eq!(printed, "Secret Fingerprint MacKey");
        assert_eq!(secret.fingerprint(), Fingerprint::of("hunter2"));
        assert_ne!(secret.fingerprint(), Fingerprint::of("hunter3"));
    }
}
