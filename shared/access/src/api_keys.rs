//! API keys: the record that auth stores, and the verifier that every function has.
//!
//! A key is `<prefix>_<43 characters base64url>_<6 characters base32>`; its prefix is `mwp_`
//! (personal) or `mws_` (service) and the last twelve characters of its id; the last six are a
//! checksum of all before, so that a mistyped key costs no read.
//!
//! | pattern | key |
//! |---|---|
//! | key by prefix, by id | pk `KEY#<12 characters>`, sk `HEAD` (global) |
//! | keys of an organization | pk `ORG#<organization>#KEYS`, sk `PERSONAL#<user>#<key>` or `SERVICE#<key>`, in gsi1 |

use std::{
    collections::HashMap,
    fmt,
    net::IpAddr,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_lc_rs::{constant_time, digest};
use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use futures::{FutureExt, future::BoxFuture};
use ipnet::IpNet;
use millwright_core::{
    ApiKeyId, Clock, Error, Fault, FaultCode, Faults, InputError, OrgId, Result, ServiceKeyId,
    Tenant, Timestamp, UserId, Voucher, codes,
};
use millwright_event::Event;
use millwright_identity::{ApiKeys, FactVersions, Grants, Pattern, Principal, Revocations};
use millwright_store::{GlobalPartition, Index, IndexKeys, Item, Key, Partition, Store};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

use crate::facts::{
    MembershipFacts, MembershipStatus, OrganizationFacts, OrganizationStatus, RoleFacts,
    RoleStatus, UserFacts, UserStatus,
};

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

fn place_of(prefix: &str) -> Key {
    Partition::global(&ByPrefix(prefix.get(4..).unwrap_or_default())).at("HEAD")
}

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

/// Where uses of keys are told. What gets lost is no harm.
pub trait KeyUses: Send + Sync {
    fn tell(&self, used: KeyUsed) -> BoxFuture<'_, ()>;
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

/// A key's use is told at most so often.
const TOLD: Duration = Duration::from_secs(600);
/// How long a key and its facts are remembered.
const FRESH: Duration = Duration::from_secs(20);
/// More keys than one function instance meets in that time.
const MAX_REMEMBERED: usize = 10_000;

/// Resolves API keys: one GetItem of the key and one BatchGetItem of facts, one GetItem more for a
/// custom role; nothing within 20 seconds of the last time.
pub struct StoredApiKeys {
    keys: Store,
    facts: Store,
    revocations: Arc<dyn Revocations>,
    clock: Clock,
    remembered: Mutex<HashMap<String, Remembered>>,
    uses: Option<Arc<dyn KeyUses>>,
    /// When the use of a key was told, by its prefix.
    told: Mutex<HashMap<String, Timestamp>>,
}

#[derive(Clone)]
struct Remembered {
    at: Timestamp,
    record: KeyRecord,
    principal: Principal,
}

/// One and the same answer, whatever is wrong.
fn invalid(why: &'static str) -> Error {
    Error::new(codes::INVALID_TOKEN, "the access token is not accepted").because(why)
}

impl StoredApiKeys {
    /// Reads the tables of auth and of user-management.
    pub fn new(
        keys: Store,
        facts: Store,
        revocations: Arc<dyn Revocations>,
        clock: Clock,
    ) -> StoredApiKeys {
        let (remembered, told) = (Mutex::default(), Mutex::default());
        StoredApiKeys { keys, facts, revocations, clock, remembered, uses: None, told }
    }

    /// Tells of uses: of each key at most once in ten minutes.
    #[must_use]
    pub fn telling(self, uses: Arc<dyn KeyUses>) -> StoredApiKeys {
        StoredApiKeys { uses: Some(uses), ..self }
    }

    /// One SendMessage at most.
    async fn tell(&self, record: &KeyRecord, address: Option<IpAddr>, now: Timestamp) {
        let Some(uses) = &self.uses else { return };
        let is_recent = |at: Timestamp| at.is_within(TOLD, now);
        if record.summary.last_used_at.is_some_and(is_recent) {
            return;
        }
        {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            let prefix = record.summary.id.prefix();
            if told.get(&prefix).is_some_and(|at| is_recent(*at)) {
                return;
            }
            if told.len() >= MAX_REMEMBERED {
                told.retain(|_, at| is_recent(*at));
            }
            told.insert(prefix, now);
        }
        let address = address.map(|it| it.to_string());
        uses.tell(KeyUsed { key_id: record.summary.id, at: now, address }).await;
    }

    async fn resolve(&self, key: &str, address: Option<IpAddr>) -> Result<Principal> {
        let (prefix, secret) = parts(key).ok_or_else(|| invalid("form or checksum"))?;
        let now = self.clock.now();
        let hash = secret_hash(key);
        let known = {
            let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
            remembered.get(&hash).filter(|it| it.at.is_within(FRESH, now)).cloned()
        };
        let known = match known {
            Some(known) => known,
            None => self.read(prefix, secret, now).await?,
        };
        if !known.record.accepts(secret, now) || !known.record.admits(address) {
            return Err(invalid("secret, time or network"));
        }
        self.revocations.check(&known.principal).await?;
        self.tell(&known.record, address, now).await;
        let principal = known.principal.clone();
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= MAX_REMEMBERED {
            remembered.retain(|_, it| it.at.is_within(FRESH, now));
        }
        remembered.insert(hash, known);
        Ok(principal)
    }

    async fn read(&self, prefix: &str, secret: &str, now: Timestamp) -> Result<Remembered> {
        let record: Option<KeyRecord> = self.keys.get(&place_of(prefix)).await?;
        let record = record.filter(|it| it.summary.id.prefix() == prefix);
        let record = record.ok_or_else(|| invalid("prefix"))?;
        if !record.accepts(secret, now) {
            return Err(invalid("secret or time"));
        }
        let principal = self.principal(&record).await?;
        Ok(Remembered { at: now, record, principal })
    }

    /// Who the key stands for, as the facts are now.
    #[allow(clippy::disallowed_methods, reason = "a verified key vouches for its organization")]
    async fn principal(&self, record: &KeyRecord) -> Result<Principal> {
        let summary = &record.summary;
        let tenant = Tenant::vouched(summary.organization_id, Voucher::Credential);
        let mut places = vec![OrganizationFacts::place(&tenant)];
        if let Some(user) = summary.user_id {
            places.push(UserFacts::place(&Tenant::person(user, Voucher::Credential)));
            places.push(MembershipFacts::place(&tenant, user));
        }
        let items = self.facts.get_many(&places).await?;
        let organization = items.iter().find(|item| item.is::<OrganizationFacts>());
        let organization = organization.map(|item| item.decode::<OrganizationFacts>());
        let organization = organization.transpose()?.ok_or_else(|| invalid("organization"))?;
        if organization.status != OrganizationStatus::Active {
            return Err(invalid("organization"));
        }
        let scopes: Vec<Pattern> =
            summary.scopes.iter().filter_map(|text| text.parse().ok()).collect();
        let mut principal = Principal {
            subject: summary.user_id.map_or_else(|| summary.id.to_string(), |id| id.to_string()),
            tenant: Some(tenant),
            role: None,
            grants: Grants::Patterns(scopes.clone()),
            client_id: summary.id.prefix(),
            session_id: None,
            key_id: Some(summary.id.to_string()),
            is_operator: false,
            fact_versions: FactVersions {
                organization: organization.access_version,
                ..FactVersions::default()
            },
            signed_in_at: None,
            token_id: summary.id.to_string(),
            expires_at: summary.expires_at,
        };
        if summary.user_id.is_none() {
            return Ok(principal);
        }
        let user = items.iter().find(|item| item.is::<UserFacts>());
        let user = user.map(|item| item.decode::<UserFacts>()).transpose()?;
        let membership = items.iter().find(|item| item.is::<MembershipFacts>());
        let membership = membership.map(|item| item.decode::<MembershipFacts>()).transpose()?;
        let (Some(user), Some(membership)) = (user, membership) else {
            return Err(invalid("owner"));
        };
        if user.status != UserStatus::Active
            || membership.status != MembershipStatus::Active
            || !organization.personal_api_keys_allowed
        {
            return Err(invalid("owner, or personal keys are forbidden"));
        }
        let mut role_version = 0;
        let role = match membership.system_role {
            Some(role) => {
                principal.role = Some(role.to_string());
                Grants::Role(role)
            }
            None => {
                principal.role = Some(membership.role_id.to_string());
                let place = RoleFacts::place(&tenant, membership.role_id);
                let role: Option<RoleFacts> = self.facts.get(&place).await?;
                role_version = role.as_ref().map_or(0, |it| it.access_version);
                let active = role.filter(|it| it.status == RoleStatus::Active);
                active.map_or(Grants::Nothing, |it| it.grants())
            }
        };
        principal.grants = Grants::Scoped { role: Box::new(role), scopes };
        principal.fact_versions.user = user.access_version;
        principal.fact_versions.membership = membership.access_version;
        principal.fact_versions.role = role_version;
        Ok(principal)
    }
}

impl ApiKeys for StoredApiKeys {
    fn authenticate<'a>(
        &'a self,
        key: &'a str,
        address: Option<IpAddr>,
    ) -> BoxFuture<'a, Result<Principal>> {
        self.resolve(key, address).boxed()
    }
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

    #[test]
    fn networks_are_read_and_single_addresses_are_one() {
        assert_eq!(network("192.0.2.7/24").expect("a network").to_string(), "192.0.2.0/24");
        assert_eq!(network("2001:db8::1").expect("an address").to_string(), "2001:db8::1/128");
        for bad in ["", "192.0.2.0/33", "example.org"] {
            assert!(network(bad).is_err(), "{bad}");
        }
    }
}
