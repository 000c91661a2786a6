//! Items of data keys.

use millwright_aws::NewDataKey;
use millwright_core::{Tenant, Timestamp, wire_enum};
use millwright_store::{Item, Key, Partition};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use utoipa::ToSchema;

use crate::{crypto::Purpose, domain::DataKeyId};

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
}

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
