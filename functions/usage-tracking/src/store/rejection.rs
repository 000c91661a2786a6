//! Events that were refused after they had been accepted.

use std::time::Duration;

use millwright_core::{Tenant, Timestamp};
use millwright_store::{Item, Key, Partition};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

const KEPT: Duration = Duration::from_secs(35 * 24 * 3_600);

/// A refused event: what it was called, nothing of its data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(rename_all = "camelCase", example = json!({
    "code": "metric_invalid", "detail": "seconds is missing at /seconds", "eventId": "1",
    "source": "/ci", "eventType": "ci.build.finished", "receivedAt": "2026-11-23T01:04:58.000Z",
}))]
pub struct Rejection {
    pub code: String,
    pub detail: String,
    /// The first 500 characters of each.
    pub event_id: String,
    pub source: String,
    pub event_type: String,
    pub received_at: Timestamp,
}

/// The stored rejection. The same event of the same message has the same place.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RejectionItem {
    pub rejection: Rejection,
    /// Tells events of one time apart.
    pub mark: String,
}

pub fn rejections(tenant: &Tenant) -> Partition {
    Partition::of(tenant).and("REJ")
}

impl Item for RejectionItem {
    const KIND: &'static str = "rejection";

    fn key(&self, tenant: &Tenant) -> Key {
        rejections(tenant).at(format!("{}#{}", self.rejection.received_at, self.mark))
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        Some(self.rejection.received_at.plus(KEPT))
    }
}
