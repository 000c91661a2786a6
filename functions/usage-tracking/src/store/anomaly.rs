//! The open anomaly of a category.

use std::time::Duration;

use millwright_core::{Tenant, Timestamp};
use millwright_store::{Item, Key, Partition};
use serde::{Deserialize, Serialize};

use crate::domain::AlertId;

const KEPT: Duration = Duration::from_secs(90 * 24 * 3_600);

/// An anomaly that is not over yet.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenAnomaly {
    pub version: u64,
    pub category: String,
    pub alert_id: AlertId,
    /// Normal hours since.
    pub normal: u8,
    /// The last hour that was looked at.
    pub hour: Timestamp,
}

impl OpenAnomaly {
    pub fn place(tenant: &Tenant, category: &str) -> Key {
        Partition::of(tenant).and("ANOM").at(category)
    }
}

impl Item for OpenAnomaly {
    const KIND: &'static str = "anomaly";

    fn key(&self, tenant: &Tenant) -> Key {
        OpenAnomaly::place(tenant, &self.category)
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        Some(self.hour.plus(KEPT))
    }
}
