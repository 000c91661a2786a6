//! The text of a key, and where its record is.

use std::{fmt, str::FromStr};

use aws_lc_rs::digest;
use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use millwright_core::{ApiKeyId, InputError, ServiceKeyId};
use millwright_store::{GlobalPartition, Key, Partition};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Which key: a person's, or an organization's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyId {
    Personal(ApiKeyId),
    Service(ServiceKeyId),
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyId::Personal(id) => id.fmt(f),
            KeyId::Service(id) => id.fmt(f),
        }
    }
}

impl FromStr for KeyId {
    type Err = InputError;

    fn from_str(text: &str) -> Result<KeyId, InputError> {
        match text.starts_with("svk_") {
            true => text.parse().map(KeyId::Service),
            false => text.parse().map(KeyId::Personal),
        }
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<KeyId, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl KeyId {
    /// What its secret begins with.
    pub fn prefix(&self) -> String {
        let text = self.to_string();
        let kind = if matches!(self, KeyId::Personal(_)) { "mwp_" } else { "mws_" };
        format!("{kind}{}", &text[text.len().saturating_sub(12)..])
    }

    /// Where its record is.
    pub fn place(&self) -> Key {
        place_of(&self.prefix())
    }
}

struct ByPrefix<'p>(&'p str);

impl GlobalPartition for ByPrefix<'_> {
    fn partition(&self) -> String {
        format!("KEY#{}", self.0)
    }
}

pub(super) fn place_of(prefix: &str) -> Key {
    Partition::global(&ByPrefix(prefix.get(4..).unwrap_or_default())).at("HEAD")
}
/// Base64url of SHA-256.
pub fn secret_hash(secret: &str) -> String {
    BASE64URL_NOPAD.encode(digest::digest(&digest::SHA256, secret.as_bytes()).as_ref())
}

/// The whole key of a secret: what its owner is shown once.
pub fn written(id: &KeyId, secret: &str) -> String {
    let body = format!("{}_{secret}", id.prefix());
    format!("{body}_{}", checksum(&body))
}

fn checksum(body: &str) -> String {
    let hash = digest::digest(&digest::SHA256, body.as_bytes());
    BASE32_NOPAD.encode(&hash.as_ref()[..4]).to_ascii_lowercase()[..6].to_owned()
}

/// True of what may be the prefix of a key, the client id of its holder.
pub fn is_prefix(text: &str) -> bool {
    text.len() == 16 && ["mwp_", "mws_"].iter().any(|kind| text.starts_with(kind))
}

/// Prefix and secret of a key whose checksum is right.
pub fn parts(key: &str) -> Option<(&str, &str)> {
    const PREFIX: usize = 16;
    const SECRET: usize = 43;
    if !key.is_ascii() || key.len() != PREFIX + 1 + SECRET + 1 + 6 {
        return None;
    }
    let (body, sum) = (&key[..PREFIX + 1 + SECRET], &key[PREFIX + SECRET + 2..]);
    let is_separated = &key[PREFIX..=PREFIX] == "_" && &key[PREFIX + SECRET + 1..][..1] == "_";
    (is_separated && checksum(body) == sum).then(|| (&key[..PREFIX], &key[PREFIX + 1..][..SECRET]))
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistyped_keys_are_known_by_their_checksum() {
        let id: KeyId = "key_01jdz7xk2nf5h9vq3w8c6m4t0b".parse().expect("an id");
        assert_eq!(id.prefix(), "mwp_vq3w8c6m4t0b");
        let secret = "-_".repeat(21) + "A";
        let key = written(&id, &secret);
        assert_eq!(parts(&key), Some((id.prefix().as_str(), secret.as_str())));
        for place in [5, 20, 50, 63] {
            let mut mistyped = key.clone().into_bytes();
            mistyped[place] = if mistyped[place] == b'x' { b'y' } else { b'x' };
            let mistyped = String::from_utf8(mistyped).expect("ASCII");
            assert_eq!(parts(&mistyped), None, "{mistyped}");
        }
        for bad in ["", "mwp_", "ü", &key[1..]] {
            assert_eq!(parts(bad), None);
        }
    }
}
