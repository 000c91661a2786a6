//! Items of versions, values and rotations.

use millwright_core::{Error, Tenant, Timestamp};
use millwright_store::{Condition, Item, Key, Partition, Query, Transaction, Update};
use serde::{Deserialize, Serialize};

use super::secret_partition;
use crate::{
    crypto::Sealed,
    domain::{
        DataKeyId, DestroyReason, Known, Rotation, RotationId, SecretId, Version, VersionState,
    },
};

/// A version without its value. What can change stands beside the row: it is written without
/// reading the row.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionItem {
    pub state: VersionState,
    #[serde(default)]
    pub deleted_at: Option<Timestamp>,
    #[serde(default)]
    pub destroyed_at: Option<Timestamp>,
    #[serde(default)]
    pub destroy_reason: Option<DestroyReason>,
    /// The key that seals the value, once another one does than at first.
    #[serde(default)]
    pub data_key_id: Option<DataKeyId>,
    /// The value is in the secret store, and no item has it.
    #[serde(default)]
    pub is_outside: bool,
    /// Of the value, by the digest key. Wiped with the value.
    #[serde(default)]
    pub digest: Option<String>,
    /// What may be known of the value, for when it becomes current.
    #[serde(default)]
    pub known: Known,
    row: Version,
}

impl VersionItem {
    pub fn of(row: Version, digest: Option<String>, known: Known) -> VersionItem {
        VersionItem {
            state: row.state,
            deleted_at: None,
            destroyed_at: None,
            destroy_reason: None,
            data_key_id: None,
            is_outside: row.data_key_id.is_none(),
            digest,
            known,
            row,
        }
    }

    /// The row as it stands now.
    pub fn version(self) -> Version {
        let VersionItem { state, deleted_at, destroyed_at, destroy_reason, row, .. } = self;
        let data_key_id = self.data_key_id.or(row.data_key_id).filter(|_| !self.is_outside);
        Version { state, deleted_at, destroyed_at, destroy_reason, data_key_id, ..row }
    }

    pub fn number(&self) -> u32 {
        self.row.number
    }

    /// The value is gone for ever. Two items; refused as a lost race if it was gone already.
    pub fn destroy(
        transaction: &mut Transaction,
        secret: SecretId,
        number: u32,
        at: Timestamp,
        reason: DestroyReason,
    ) {
        let tenant = *transaction.tenant();
        let update = Update::when(Condition::exists())
            .set("state", VersionState::Destroyed)
            .set("destroyedAt", at)
            .set("destroyReason", reason)
            .remove("digest")
            .remove("known");
        let step = transaction.update(&VersionItem::place(&tenant, secret, number), &update);
        transaction.refused_as(step, Error::lost_race());
        transaction.delete(&ValueItem::place(&tenant, secret, number));
    }

    pub fn place(tenant: &Tenant, secret: SecretId, number: u32) -> Key {
        secret_partition(tenant, secret).at(format!("V#{number:010}"))
    }

    /// Newest first.
    pub fn all(tenant: &Tenant, secret: SecretId) -> Query {
        Query::partition(secret_partition(tenant, secret)).starting_with("V#").descending(true)
    }
}

impl Item for VersionItem {
    const KIND: &'static str = "version";

    fn key(&self, tenant: &Tenant) -> Key {
        VersionItem::place(tenant, self.row.secret_id, self.row.number)
    }
}

/// A sealed value: apart from everything else, so that who stores it need not read it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ValueItem {
    pub secret_id: SecretId,
    pub number: u32,
    pub data_key_id: DataKeyId,
    pub sealed: Sealed,
}

pub fn value_partition(tenant: &Tenant, secret: SecretId) -> Partition {
    Partition::of(tenant).and("SEC").and(secret).and("VAL")
}

impl ValueItem {
    pub fn place(tenant: &Tenant, secret: SecretId, number: u32) -> Key {
        value_partition(tenant, secret).at(format!("{number:010}"))
    }
}

impl Item for ValueItem {
    const KIND: &'static str = "value";

    fn key(&self, tenant: &Tenant) -> Key {
        ValueItem::place(tenant, self.secret_id, self.number)
    }
}

/// A rotation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RotationItem {
    pub version: u64,
    pub rotation: Rotation,
}

impl RotationItem {
    pub fn of(rotation: Rotation) -> RotationItem {
        RotationItem { version: rotation.version, rotation }
    }

    pub fn place(tenant: &Tenant, secret: SecretId, id: RotationId) -> Key {
        secret_partition(tenant, secret).at(format!("R#{id}"))
    }

    /// Newest first.
    pub fn all(tenant: &Tenant, secret: SecretId) -> Query {
        Query::partition(secret_partition(tenant, secret)).starting_with("R#").descending(true)
    }
}

impl Item for RotationItem {
    const KIND: &'static str = "rotation";

    fn key(&self, tenant: &Tenant) -> Key {
        RotationItem::place(tenant, self.rotation.secret_id, self.rotation.id)
    }
}
