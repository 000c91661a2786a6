//! Alerts, and the marks by which each is raised once.

use std::time::Duration;

use millwright_core::{Tenant, Timestamp};
use millwright_store::{Index, IndexKeys, Item, Key, Partition};
use serde::{Deserialize, Serialize};

use crate::domain::{Alert, AlertId, AlertState};

const KEPT: Duration = Duration::from_secs(396 * 24 * 3_600);

/// A stored alert.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AlertItem {
    pub version: u64,
    pub summary: Alert,
}

impl AlertItem {
    pub fn of(alert: &Alert) -> AlertItem {
        AlertItem { version: alert.version, summary: alert.clone() }
    }

    pub fn place(tenant: &Tenant, id: AlertId) -> Key {
        Partition::of(tenant).and("ALERT").and(id).at("HEAD")
    }
}

pub fn all_alerts(tenant: &Tenant) -> Partition {
    Partition::of(tenant).and("ALERTS")
}

/// Alerts that are over when the window of their limit is.
pub fn ending_alerts(tenant: &Tenant) -> Partition {
    Partition::of(tenant).and("ALOPEN")
}

impl Item for AlertItem {
    const KIND: &'static str = "alert";

    fn key(&self, tenant: &Tenant) -> Key {
        AlertItem::place(tenant, self.summary.id)
    }

    fn index_keys(&self, tenant: &Tenant) -> IndexKeys {
        let Alert { id, created_at, state, window_end, .. } = &self.summary;
        let keys = IndexKeys::default();
        let keys = keys.on(Index::Gsi2, all_alerts(tenant), format!("{created_at}#{id}"));
        match window_end {
            Some(end) if *state != AlertState::Resolved => {
                keys.on(Index::Gsi1, ending_alerts(tenant), format!("{end}#{id}"))
            }
            _ => keys,
        }
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        Some(self.summary.created_at.plus(KEPT))
    }
}

/// Something was told before.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OnceMarker {
    /// What, with all that makes it another.
    pub what: String,
    pub at: Timestamp,
}

impl Item for OnceMarker {
    const KIND: &'static str = "once";

    fn key(&self, tenant: &Tenant) -> Key {
        Partition::of(tenant).and("AL").at(&self.what)
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        Some(self.at.plus(KEPT))
    }
}
