//! Items of data keys.

use std::time::Duration;

use millwright_aws::NewDataKey;
use millwright_core::{Tenant, Timestamp, wire_enum};
use millwright_store::{IndexKeys, Item, Key, Partition};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use utoipa::ToSchema;

use super::{DueThing, due_at};
use crate::{
    crypto::Purpose,
    domain::{DAY, DataKeyId},
};

wire_enum! {
    /// Whether a data key is in force.
    pub enum DataKeyState {
        Active = "active",
        Retired = "retired",
        Destroyed = "destroyed",
    }
}

pub fn keys_of(tenant: &Tenant) -> Partition {
    Partition::of(tenant).and("KEY")
}

/// A data key as it is shown: never the key itself, wrapped or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataKeyView {
    pub id: DataKeyId,
    pub purpose: Purpose,
    /// The master key that wraps it.
    pub kms_key_id: String,
    pub created_at: Timestamp,
    pub retired_at: Option<Timestamp>,
}

/// A data key, wrapped by the master key.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DataKeyItem {
    pub state: DataKeyState,
    pub key: DataKeyView,
    /// Gone once the key is destroyed.
    pub wrapped_key: Option<ByteBuf>,
    /// Of a retired key: how many secrets were looked through for values under it.
    #[serde(default)]
    pub rekey_progress: Option<RekeyProgress>,
}

/// How far values are from being sealed anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RekeyProgress {
    /// Secrets.
    pub done: u64,
    /// Secrets, as many as there were at the beginning.
    pub left: u64,
}

/// A key of this age is retired: far below the 2^32 values that one key may seal.
pub const KEY_LIFETIME: Duration = Duration::from_secs(90 * DAY.as_secs());

/// So long after its retirement nobody holds a key any more to seal with: keys stay in memory for
/// five minutes, and no function runs longer than one.
pub const KEY_REST: Duration = Duration::from_secs(15 * 60);

impl DataKeyItem {
    pub fn new(id: DataKeyId, purpose: Purpose, made: &NewDataKey, now: Timestamp) -> DataKeyItem {
        DataKeyItem {
            state: DataKeyState::Active,
            key: DataKeyView {
                id,
                purpose,
                kms_key_id: made.key_id.clone(),
                created_at: now,
                retired_at: None,
            },
            wrapped_key: Some(ByteBuf::from(made.wrapped.clone())),
            rekey_progress: None,
        }
    }

    /// It seals nothing any more.
    #[must_use]
    pub fn retired(mut self, at: Timestamp) -> DataKeyItem {
        self.state = DataKeyState::Retired;
        self.key.retired_at = Some(at);
        self
    }

    /// What it sealed is unreadable for ever.
    #[must_use]
    pub fn destroyed(mut self) -> DataKeyItem {
        self.state = DataKeyState::Destroyed;
        self.wrapped_key = None;
        self
    }

    /// When something is to be done with it: its retirement, and then its destruction.
    fn due(&self) -> Option<Timestamp> {
        match (self.key.purpose, self.state) {
            (Purpose::Digest, _) | (_, DataKeyState::Destroyed) => None,
            (_, DataKeyState::Active) => Some(self.key.created_at.plus(KEY_LIFETIME)),
            (_, DataKeyState::Retired) => self.key.retired_at.map(|at| at.plus(KEY_REST)),
        }
    }

    pub fn place(tenant: &Tenant, purpose: Purpose, id: DataKeyId) -> Key {
        keys_of(tenant).at(format!("{purpose}#{id}"))
    }
}

impl Item for DataKeyItem {
    const KIND: &'static str = "data_key";

    fn key(&self, tenant: &Tenant) -> Key {
        DataKeyItem::place(tenant, self.key.purpose, self.key.id)
    }

    fn index_keys(&self, tenant: &Tenant) -> IndexKeys {
        due_at(IndexKeys::default(), tenant, self.due(), DueThing::DataKey(self.key.id))
    }
}

/// Which key of a purpose is in force: one at a time.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActiveKey {
    pub purpose: Purpose,
    pub data_key_id: DataKeyId,
}

impl ActiveKey {
    pub fn sort_key(purpose: Purpose) -> String {
        format!("ACTIVE#{purpose}")
    }
}

impl Item for ActiveKey {
    const KIND: &'static str = "active_key";

    fn key(&self, tenant: &Tenant) -> Key {
        keys_of(tenant).at(ActiveKey::sort_key(self.purpose))
    }
}
