//! When something falls due in an organization: the one look-up that no organization owns, so that
//! nobody has to ask all of them every hour.

use std::time::Duration;

use millwright_core::{OrgId, Tenant, Timestamp, Voucher};
use millwright_store::{GlobalPartition, Item, Key, Partition};
use serde::{Deserialize, Serialize};

/// Over how many partitions the organizations of an hour are spread.
pub const DUE_SHARDS: u8 = 8;
const KEPT: Duration = Duration::from_secs(30 * 24 * 3_600);

/// The organizations in which something falls due within an hour.
pub struct DueHour {
    pub hour: Timestamp,
    pub shard: u8,
}

impl GlobalPartition for DueHour {
    fn partition(&self) -> String {
        format!("DUE#{}#{}", self.hour.hour_bucket(), self.shard)
    }
}

/// Something falls due in an organization within an hour.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DueItem {
    pub organization_id: OrgId,
    pub hour: Timestamp,
}

impl DueItem {
    pub fn of(organization_id: OrgId, at: Timestamp) -> DueItem {
        DueItem { organization_id, hour: at.start_of_hour() }
    }

    pub fn place(&self) -> Key {
        let shard = self.organization_id.uuid().as_bytes()[15] % DUE_SHARDS;
        Partition::global(&DueHour { hour: self.hour, shard }).at(self.organization_id)
    }

    #[allow(clippy::disallowed_methods, reason = "the calendar is filled by our own writes alone")]
    pub fn tenant(&self) -> Tenant {
        Tenant::vouched(self.organization_id, Voucher::Event)
    }
}

impl Item for DueItem {
    const KIND: &'static str = "due";

    fn key(&self, _tenant: &Tenant) -> Key {
        self.place()
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        Some(self.hour.plus(KEPT))
    }
}

/// Up to which hour everything due is ordered.
pub fn watermark() -> Key {
    Partition::of(&installation()).and("DUE").at("WATERMARK")
}

#[allow(clippy::disallowed_methods, reason = "the hourly order is the installation's")]
pub fn installation() -> Tenant {
    Tenant::installation(Voucher::Event)
}
