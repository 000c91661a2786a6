//! Items of grants and bindings.

use millwright_core::Tenant;
use millwright_store::{Index, IndexKeys, Item, Key, Partition, Query};
use serde::{Deserialize, Serialize};

use super::{DueThing, due_at, secret_partition};
use crate::domain::{Binding, Grant, GranteeType, SecretId};

/// A grant; its key says for whom, so that there is one each.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GrantItem {
    pub version: u64,
    pub summary: Grant,
}

impl GrantItem {
    pub fn of(grant: Grant) -> GrantItem {
        GrantItem { version: grant.version, summary: grant }
    }

    pub fn place(tenant: &Tenant, secret: SecretId, kind: GranteeType, id: &str) -> Key {
        secret_partition(tenant, secret).at(format!("G#{kind}#{id}"))
    }

    /// What somebody can reach, by the names the secrets had.
    pub fn of_grantee(tenant: &Tenant, kind: GranteeType, id: &str) -> Query {
        Query::index(Index::Gsi1, grantee_partition(tenant, kind, id))
    }
}

pub fn grantee_partition(tenant: &Tenant, kind: GranteeType, id: &str) -> Partition {
    Partition::of(tenant).and("GRANTEE").and(kind).and(id)
}

impl Item for GrantItem {
    const KIND: &'static str = "grant";

    fn key(&self, tenant: &Tenant) -> Key {
        let Grant { secret_id, grantee_type, grantee_id, .. } = &self.summary;
        GrantItem::place(tenant, *secret_id, *grantee_type, grantee_id)
    }

    fn index_keys(&self, tenant: &Tenant) -> IndexKeys {
        let Grant { id, secret_name, grantee_type, grantee_id, .. } = &self.summary;
        let partition = grantee_partition(tenant, *grantee_type, grantee_id);
        let keys = IndexKeys::default().on(Index::Gsi1, partition, format!("{secret_name}#{id}"));
        let thing = DueThing::Grant(self.summary.secret_id, *grantee_type, grantee_id.clone());
        due_at(keys, tenant, self.summary.expires_at, thing)
    }
}

/// A binding; its key says of what, so that there is one each.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BindingItem {
    pub version: u64,
    pub summary: Binding,
}

impl BindingItem {
    pub fn of(binding: Binding) -> BindingItem {
        BindingItem { version: binding.version, summary: binding }
    }

    pub fn place(tenant: &Tenant, binding: &Binding) -> Key {
        let Binding { secret_id, service, resource_type, resource_id, .. } = binding;
        let partition = secret_partition(tenant, *secret_id);
        partition.at(format!("B#{service}#{resource_type}#{resource_id}"))
    }

    pub fn all(tenant: &Tenant, secret: SecretId) -> Query {
        Query::partition(secret_partition(tenant, secret)).starting_with("B#")
    }

    /// Every secret that is bound to a resource of a service.
    pub fn of_resource(tenant: &Tenant, service: &str, kind: &str, id: &str) -> Query {
        let partition = bound_partition(tenant, service);
        Query::index(Index::Gsi1, partition).starting_with(format!("{kind}#{id}#"))
    }
}

fn bound_partition(tenant: &Tenant, service: &str) -> Partition {
    Partition::of(tenant).and("BOUND").and(service)
}

impl Item for BindingItem {
    const KIND: &'static str = "binding";

    fn key(&self, tenant: &Tenant) -> Key {
        BindingItem::place(tenant, &self.summary)
    }

    fn index_keys(&self, tenant: &Tenant) -> IndexKeys {
        let Binding { secret_id, service, resource_type, resource_id, .. } = &self.summary;
        let partition = bound_partition(tenant, service.as_str());
        let sort_key = format!("{resource_type}#{resource_id}#{secret_id}");
        IndexKeys::default().on(Index::Gsi1, partition, sort_key)
    }
}
