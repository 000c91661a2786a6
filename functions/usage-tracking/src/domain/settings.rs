//! Settings of an organization.

use millwright_core::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Zone;

millwright_core::wire_enum! {
    /// How far from the usual an hour must be.
    pub enum Sensitivity {
        Off = "off",
        Low = "low",
        Normal = "normal",
        High = "high",
    }
}

millwright_core::wire_enum! {
    /// What becomes of events of a type that no category takes.
    pub enum UnknownTypes {
        Accept = "accept",
        Reject = "reject",
    }
}

/// Settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(rename_all = "camelCase", example = json!({
    "timeZone": "Europe/Berlin", "anomalySensitivity": "normal", "membersSeeProjectCost": true,
    "unknownTypes": "accept", "writeShards": 1, "version": 1,
    "updatedAt": "2026-11-23T01:04:58.000Z",
}))]
pub struct Settings {
    /// Of limits and statements that name none.
    pub time_zone: Zone,
    pub anomaly_sensitivity: Sensitivity,
    pub members_see_project_cost: bool,
    pub unknown_types: UnknownTypes,
    /// Over how many items each counter is spread: 1, 2, 4, 8 or 16.
    pub write_shards: u8,
    pub version: u64,
    pub updated_at: Timestamp,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            time_zone: Zone::utc(),
            anomaly_sensitivity: Sensitivity::Normal,
            members_see_project_cost: true,
            unknown_types: UnknownTypes::Accept,
            write_shards: 1,
            version: 0,
            updated_at: Timestamp::UNIX_EPOCH,
        }
    }
}
