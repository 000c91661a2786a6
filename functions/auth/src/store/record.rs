//! The sign-in history, and marks of activity.

use std::time::Duration;

use millwright_core::{OrgId, Tenant, Timestamp};
use millwright_store::{Item, Key, Partition, Query};
use serde::{Deserialize, Serialize};

use crate::domain::LoginRecord;

fn partition(person: &Tenant) -> Partition {
    Partition::of(person).and("LOGINS")
}

/// Newest first.
pub fn login_records_of(person: &Tenant) -> Query {
    Query::partition(partition(person)).descending(true)
}

impl Item for LoginRecord {
    const KIND: &'static str = "login_record";

    fn key(&self, tenant: &Tenant) -> Key {
        partition(tenant).at(self.id)
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        Some(self.occurred_at.plus(LoginRecord::RETENTION))
    }
}

/// A person has got a token for an organization on this day (UTC).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DayMark {
    pub organization_id: OrgId,
    /// `2026-11-23`.
    pub date: String,
    pub at: Timestamp,
}

impl Item for DayMark {
    const KIND: &'static str = "day_mark";

    fn key(&self, tenant: &Tenant) -> Key {
        Partition::of(tenant).at(format!("DAY#{}#{}", self.organization_id, self.date))
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        Some(self.at.plus(Duration::from_secs(48 * 3600)))
    }
}
