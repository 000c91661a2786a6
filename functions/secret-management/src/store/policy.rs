//! Items of generation policies and settings.

use millwright_core::Tenant;
use millwright_store::{Item, Key, Partition, Query};
use serde::{Deserialize, Serialize};

use crate::domain::{Policy, Settings};

fn policies(tenant: &Tenant) -> Partition {
    Partition::of(tenant).and("POLICIES")
}

/// A generation policy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PolicyItem {
    pub version: u64,
    pub policy: Policy,
}

impl PolicyItem {
    pub fn of(policy: Policy) -> PolicyItem {
        PolicyItem { version: policy.version, policy }
    }

    pub fn place(tenant: &Tenant, id: &str) -> Key {
        policies(tenant).at(format!("P#{id}"))
    }

    pub fn all(tenant: &Tenant) -> Query {
        Query::partition(policies(tenant)).starting_with("P#")
    }
}

impl Item for PolicyItem {
    const KIND: &'static str = "policy";

    fn key(&self, tenant: &Tenant) -> Key {
        PolicyItem::place(tenant, &self.policy.id)
    }
}

/// A name is held by one policy at a time, whatever its case.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyName {
    pub folded_name: String,
    pub policy_id: String,
}

impl PolicyName {
    pub fn of(policy: &Policy) -> PolicyName {
        let folded_name = policy.name.as_str().to_lowercase();
        PolicyName { folded_name, policy_id: policy.id.clone() }
    }
}

impl Item for PolicyName {
    const KIND: &'static str = "policy_name";

    fn key(&self, tenant: &Tenant) -> Key {
        policies(tenant).at(format!("N#{}", self.folded_name))
    }
}

/// The settings of an organization.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SettingsItem {
    pub version: u64,
    pub settings: Settings,
}

impl SettingsItem {
    pub fn place(tenant: &Tenant) -> Key {
        Partition::of(tenant).and("SETTINGS").at("S")
    }
}

impl Item for SettingsItem {
    const KIND: &'static str = "settings";

    fn key(&self, tenant: &Tenant) -> Key {
        SettingsItem::place(tenant)
    }
}
