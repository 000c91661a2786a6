//! Data keys: which is in force, and those in memory.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures::future::BoxFuture;
use millwright_aws::EncryptionContext;
use millwright_core::{Error, OrgId, Result, Tenant, Timestamp, wire_enum};
use millwright_http::FingerprintKeys;
use millwright_store::{Outcome, Query, Store};
use zeroize::Zeroizing;

use super::{KeyService, Whereabouts, open, seal};
use crate::{
    codes,
    domain::{DataKeyId, Plaintext, SecretId},
    store::{ActiveKey, DataKeyItem, DataKeyState, PostureItem, ValueItem, keys_of},
};

wire_enum! {
    /// What a data key is for.
    pub enum Purpose {
        Encrypt = "encrypt",
        Digest = "digest",
    }
}

/// A data key in clear: 32 bytes, wiped when nobody holds it any more.
pub struct DataKey {
    pub id: DataKeyId,
    bytes: Zeroizing<[u8; 32]>,
}

impl DataKey {
    pub fn expose(&self) -> &[u8; 32] {
        &self.bytes
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataKey({})", self.id)
    }
}

/// How long a key stays in memory.
const MAX_AGE: Duration = Duration::from_secs(300);
/// Of how many organizations an environment holds keys, two each.
const MAX_KEYS: usize = 400;

type Held = HashMap<(OrgId, DataKeyId), (Timestamp, Arc<DataKey>)>;

/// The data keys of all organizations, as far as this environment has met them.
pub struct KeyRing {
    service: Arc<dyn KeyService>,
    store: Store,
    held: Mutex<Held>,
    active: Mutex<HashMap<(OrgId, Purpose), (Timestamp, DataKeyId)>>,
}

impl KeyRing {
    pub fn new(service: Arc<dyn KeyService>, store: Store) -> KeyRing {
        KeyRing { service, store, held: Mutex::default(), active: Mutex::default() }
    }

    /// The key in force; made if there is none. From memory at most five minutes; else one Query
    /// and one call to the key service, at first use one transaction more.
    ///
    /// # Errors
    /// `key_service_unavailable`.
    pub async fn active(&self, tenant: &Tenant, purpose: Purpose) -> Result<Arc<DataKey>> {
        let organization = organization(tenant)?;
        let now = self.store.clock().now();
        let known = lock(&self.active).get(&(organization, purpose)).copied();
        if let Some((at, id)) = known
            && at.is_within(MAX_AGE, now)
            && let Some(key) = self.remembered(organization, id)
        {
            return Ok(key);
        }
        for _ in 0..3 {
            let items = self.store.collect(&Query::partition(keys_of(tenant)), 500).await?;
            let mark = ActiveKey::sort_key(purpose);
            let active = items.iter().find(|item| item.sort_key() == mark);
            let Some(active) = active else {
                if let Some(key) = self.make(tenant, organization, purpose).await? {
                    return Ok(key);
                }
                // Somebody else was first: theirs it is.
                continue;
            };
            let id = active.decode::<ActiveKey>()?.data_key_id;
            let stored = items.iter().filter(|item| item.is::<DataKeyItem>());
            for item in stored {
                let item: DataKeyItem = item.decode()?;
                if item.key.id == id {
                    let key = self.unwrapped(organization, &item).await?;
                    self.remember_active(organization, purpose, id);
                    return Ok(key);
                }
            }
            return Err(Error::internal(format!("the active data key {id} is not there")));
        }
        Err(Error::lost_race())
    }

    /// The key of a value. From memory at most five minutes; else one GetItem and one Decrypt.
    ///
    /// # Errors
    /// `value_unreadable` if it was destroyed; `key_service_unavailable`.
    pub async fn key(&self, tenant: &Tenant, id: DataKeyId) -> Result<Arc<DataKey>> {
        let organization = organization(tenant)?;
        if let Some(key) = self.remembered(organization, id) {
            return Ok(key);
        }
        let place = DataKeyItem::place(tenant, Purpose::Encrypt, id);
        let item: Option<DataKeyItem> = self.store.get(&place).await?;
        let item = item.ok_or_else(|| destroyed(id))?;
        self.unwrapped(organization, &item).await
    }

    /// Seals a value for its place.
    ///
    /// # Errors
    /// As [`KeyRing::active`].
    pub async fn seal(
        &self,
        tenant: &Tenant,
        secret: SecretId,
        version: u32,
        value: &Plaintext,
    ) -> Result<ValueItem> {
        let key = self.active(tenant, Purpose::Encrypt).await?;
        let place =
            Whereabouts { organization: organization(tenant)?, secret, version, data_key: key.id };
        let nonce = self.store.ids().random_bytes();
        let sealed = seal(key.expose(), nonce, &place.additional_data(), &value.to_bytes())?;
        Ok(ValueItem { secret_id: secret, number: version, data_key_id: key.id, sealed })
    }

    /// Opens a value at its place.
    ///
    /// # Errors
    /// `value_unreadable`; as [`KeyRing::key`].
    pub async fn open(&self, tenant: &Tenant, value: &ValueItem) -> Result<Plaintext> {
        let key = self.key(tenant, value.data_key_id).await?;
        let place = Whereabouts {
            organization: organization(tenant)?,
            secret: value.secret_id,
            version: value.number,
            data_key: value.data_key_id,
        };
        let opened = open(key.expose(), &place.additional_data(), &value.sealed);
        let opened = opened.inspect_err(|_| {
            tracing::error!(
                alarm = "value_unreadable",
                secret = %value.secret_id,
                version = value.number,
                "a value does not open at its place"
            );
        })?;
        Plaintext::parse(&opened)
    }

    /// HMAC-SHA-256 of a value by the digest key, base64url: tells equal values of an organization.
    ///
    /// # Errors
    /// As [`KeyRing::active`].
    pub async fn digest(&self, tenant: &Tenant, value: &Plaintext) -> Result<String> {
        let key = self.active(tenant, Purpose::Digest).await?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose());
        Ok(URL_SAFE_NO_PAD.encode(hmac::sign(&key, &value.to_bytes())))
    }

    /// A first key; none if somebody else was faster. One GenerateDataKey and one transaction.
    async fn make(
        &self,
        tenant: &Tenant,
        organization: OrgId,
        purpose: Purpose,
    ) -> Result<Option<Arc<DataKey>>> {
        let id: DataKeyId = self.store.ids().next();
        let made = self.service.generate(&context(organization, purpose, id)).await?;
        let item = DataKeyItem::new(id, purpose, &made, self.store.clock().now());
        let mut transaction = self.store.transaction(tenant);
        transaction.create(&item);
        if purpose == Purpose::Encrypt {
            // From now on there is something to look at every day.
            let looked_at = item.key.created_at;
            transaction.put(&PostureItem { looked_at, report: None });
        }
        transaction.create(&ActiveKey { purpose, data_key_id: id });
        match transaction.attempt().await? {
            Outcome::Refused(_) => Ok(None),
            Outcome::Done => {
                let key = self.remember(organization, id, &made.plaintext)?;
                self.remember_active(organization, purpose, id);
                Ok(Some(key))
            }
        }
    }

    /// Another key to encrypt with, not in force yet. One GenerateDataKey.
    ///
    /// # Errors
    /// `key_service_unavailable`.
    pub async fn another(&self, tenant: &Tenant) -> Result<DataKeyItem> {
        let (organization, purpose) = (organization(tenant)?, Purpose::Encrypt);
        let id: DataKeyId = self.store.ids().next();
        let made = self.service.generate(&context(organization, purpose, id)).await?;
        Ok(DataKeyItem::new(id, purpose, &made, self.store.clock().now()))
    }

    /// Which key is in force is read again.
    pub fn forget_active(&self, tenant: &Tenant) {
        if let Some(organization) = tenant.organization() {
            lock(&self.active).remove(&(organization, Purpose::Encrypt));
        }
    }

    async fn unwrapped(&self, organization: OrgId, item: &DataKeyItem) -> Result<Arc<DataKey>> {
        if let Some(key) = self.remembered(organization, item.key.id) {
            return Ok(key);
        }
        let wrapped = item.wrapped_key.as_ref().filter(|_| item.state != DataKeyState::Destroyed);
        let wrapped = wrapped.ok_or_else(|| destroyed(item.key.id))?;
        let context = context(organization, item.key.purpose, item.key.id);
        let opened = self.service.unwrap(wrapped, &context).await?;
        self.remember(organization, item.key.id, &opened)
    }

    fn remembered(&self, organization: OrgId, id: DataKeyId) -> Option<Arc<DataKey>> {
        let now = self.store.clock().now();
        let mut held = lock(&self.held);
        held.retain(|_, (at, _)| at.is_within(MAX_AGE, now));
        held.get(&(organization, id)).map(|(_, key)| key.clone())
    }

    fn remember(&self, organization: OrgId, id: DataKeyId, bytes: &[u8]) -> Result<Arc<DataKey>> {
        let mut own = Zeroizing::new([0; 32]);
        if bytes.len() != own.len() {
            return Err(Error::internal("a data key of a wrong length"));
        }
        own.copy_from_slice(bytes);
        let key = Arc::new(DataKey { id, bytes: own });
        let mut held = lock(&self.held);
        if held.len() >= MAX_KEYS {
            let oldest = held.iter().min_by_key(|(_, (at, _))| *at).map(|(place, _)| *place);
            oldest.map(|place| held.remove(&place));
        }
        held.insert((organization, id), (self.store.clock().now(), key.clone()));
        Ok(key)
    }

    fn remember_active(&self, organization: OrgId, purpose: Purpose, id: DataKeyId) {
        let mut active = lock(&self.active);
        if active.len() >= MAX_KEYS {
            active.clear();
        }
        active.insert((organization, purpose), (self.store.clock().now(), id));
    }
}

/// Requests that carry values are recognized by the digest key of their organization.
impl FingerprintKeys for KeyRing {
    fn key(&self, tenant: Tenant) -> BoxFuture<'_, Result<hmac::Key>> {
        Box::pin(async move {
            let key = self.active(&tenant, Purpose::Digest).await?;
            Ok(hmac::Key::new(hmac::HMAC_SHA256, key.expose()))
        })
    }
}

fn context(organization: OrgId, purpose: Purpose, id: DataKeyId) -> EncryptionContext {
    let purpose = match purpose {
        Purpose::Encrypt => "secret-data-key",
        Purpose::Digest => "secret-digest-key",
    };
    EncryptionContext::from([
        ("purpose", purpose.to_owned()),
        ("organizationId", organization.to_string()),
        ("dataKeyId", id.to_string()),
    ])
}

fn destroyed(id: DataKeyId) -> Error {
    Error::new(codes::VALUE_UNREADABLE, "").because(format!("the data key {id} is destroyed"))
}

fn organization(tenant: &Tenant) -> Result<OrgId> {
    tenant.organization().ok_or_else(|| Error::internal("values belong to organizations"))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
