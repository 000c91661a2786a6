//! A key as auth stores it.

use std::{fmt, net::IpAddr, time::Duration};

use aws_lc_rs::constant_time;
use ipnet::IpNet;
use millwright_core::{
    ApiKeyId, Fault, FaultCode, Faults, InputError, OrgId, Tenant, Timestamp, UserId,
};
use millwright_event::Event;
use millwright_identity::Pattern;
use millwright_store::{Index, IndexKeys, Item, Key, Partition};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::id::{KeyId, secret_hash};

/// The partition of the keys of an organization.
pub fn keys_of(organization: &Tenant) -> Partition {
    Partition::of(organization).and("KEYS")
}
/// One secret of a key that is good.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretHash {
    /// SHA-256 of the secret part, base64url.
    pub hash: String,
    /// After a rotation the old one is good for a while.
    pub until: Option<Timestamp>,
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash")
    }
}

/// All there is to say of a key but its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeySummary {
    pub id: KeyId,
    pub organization_id: OrgId,
    /// The owner of a personal key.
    pub user_id: Option<UserId>,
    pub name: String,
    pub description: String,
    pub scopes: Vec<String>,
    pub allowed_cidrs: Vec<String>,
    pub expires_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
    pub last_used_ip: Option<String>,
    pub created_at: Timestamp,
    pub created_by: String,
    pub rotated_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    pub revoked_by: Option<String>,
}

/// A key as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyRecord {
    pub version: u64,
    pub summary: KeySummary,
    /// At most two.
    pub secrets: Vec<SecretHash>,
    /// Of a deleted organization: kept no longer than until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed_at: Option<Timestamp>,
}

/// How long a key that is over can be listed.
const LISTED: Duration = Duration::from_secs(90 * 24 * 3600);

impl Item for KeyRecord {
    const KIND: &'static str = "api_key";

    fn key(&self, _tenant: &Tenant) -> Key {
        self.summary.id.place()
    }

    fn index_keys(&self, tenant: &Tenant) -> IndexKeys {
        let KeySummary { id, user_id, .. } = &self.summary;
        let sort_key = match user_id {
            Some(user) => format!("PERSONAL#{user}#{id}"),
            None => format!("SERVICE#{id}"),
        };
        IndexKeys::default().on(Index::Gsi1, keys_of(tenant), sort_key)
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        let listed = self.summary.revoked_at.unwrap_or(self.summary.expires_at).plus(LISTED);
        Some(self.removed_at.map_or(listed, |at| at.min(listed)))
    }
}

/// A key was used: told by whoever verified it to `auth-jobs`, at most once in ten minutes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyUsed {
    #[schema(value_type = String)]
    pub key_id: KeyId,
    pub at: Timestamp,
    /// The caller's, where there is a gateway.
    pub address: Option<String>,
}

impl Event for KeyUsed {
    const TYPE: &'static str = "auth.api_key.used";
    const SERVICE: &'static str = "auth";
    const IN_ORGANIZATION: bool = false;

    fn subject(&self) -> String {
        self.key_id.to_string()
    }

    fn example() -> Self {
        KeyUsed {
            key_id: KeyId::Personal(ApiKeyId::derived(Timestamp::UNIX_EPOCH, &[7; 10])),
            at: Timestamp::UNIX_EPOCH,
            address: Some("203.0.113.7".to_owned()),
        }
    }
}
/// A network, `192.0.2.0/24`, or a single address.
///
/// # Errors
/// `bad_format`.
pub fn network(text: &str) -> Result<IpNet, InputError> {
    let single = || text.parse::<IpAddr>().map(IpNet::from);
    let parsed = text.parse::<IpNet>().or_else(|_| single());
    parsed.map(|it| it.trunc()).map_err(|_| {
        InputError::bad_format("must be a network such as 192.0.2.0/24 or 2001:db8::/32")
    })
}
impl KeyRecord {
    /// True if the secret is one of the key's, now. Every hash is looked at, in constant time.
    pub fn accepts(&self, secret: &str, now: Timestamp) -> bool {
        let hash = secret_hash(secret);
        let is_good = |it: &SecretHash| {
            let is_same =
                constant_time::verify_slices_are_equal(it.hash.as_bytes(), hash.as_bytes());
            is_same.is_ok() & it.until.is_none_or(|until| now < until)
        };
        self.secrets.iter().fold(false, |found, it| found | is_good(it))
            && self.summary.revoked_at.is_none()
            && now < self.summary.expires_at
    }

    /// True if the key may be used from there. An address that is not known is outside of every
    /// network.
    pub fn admits(&self, address: Option<IpAddr>) -> bool {
        let networks = &self.summary.allowed_cidrs;
        let is_in = |address: IpAddr| {
            networks.iter().filter_map(|it| network(it).ok()).any(|it| it.contains(&address))
        };
        networks.is_empty() || address.is_some_and(is_in)
    }
}
/// A scope of a key.
///
/// # Errors
/// `bad_format` with its place.
pub fn scopes(texts: &[String]) -> Result<Vec<Pattern>, Faults> {
    let read = |(index, text): (usize, &String)| {
        text.parse::<Pattern>().map_err(|refused| {
            Faults::of(Fault::new(format!("/scopes/{index}"), FaultCode::BadFormat, refused.detail))
        })
    };
    texts.iter().enumerate().map(read).collect()
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_and_single_addresses_are_one() {
        assert_eq!(network("192.0.2.7/24").expect("a network").to_string(), "192.0.2.0/24");
        assert_eq!(network("2001:db8::1").expect("an address").to_string(), "2001:db8::1/128");
        for bad in ["", "192.0.2.0/33", "example.org"] {
            assert!(network(bad).is_err(), "{bad}");
        }
    }
}
