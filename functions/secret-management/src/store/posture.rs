//! The daily look at an organization's secrets.

use millwright_core::{Tenant, Timestamp};
use millwright_store::{Index, IndexKeys, Item, Key, Partition, Query};
use serde::{Deserialize, Serialize};

use super::{DueThing, due_at, grantee_partition};
use crate::domain::{DAY, GranteeType, Posture};

/// How the secrets of an organization stand; found by the sweep a day later.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PostureItem {
    /// When it was looked at, or the first key was made.
    pub looked_at: Timestamp,
    pub report: Option<Posture>,
}

impl PostureItem {
    pub fn place(tenant: &Tenant) -> Key {
        Partition::of(tenant).and("POSTURE").at("S")
    }
}

impl Item for PostureItem {
    const KIND: &'static str = "posture";

    fn key(&self, tenant: &Tenant) -> Key {
        PostureItem::place(tenant)
    }

    fn index_keys(&self, tenant: &Tenant) -> IndexKeys {
        let due = Some(self.looked_at.plus(DAY));
        due_at(IndexKeys::default(), tenant, due, DueThing::Posture)
    }
}

/// The set of roles that have had grants, by `roles`.
pub fn roles_place(tenant: &Tenant) -> Key {
    Partition::of(tenant).and("COUNT").at("ROLES")
}

/// The grants of a role.
pub fn grants_of_role(tenant: &Tenant, role: &str) -> Query {
    Query::index(Index::Gsi1, grantee_partition(tenant, GranteeType::Role, role))
}
