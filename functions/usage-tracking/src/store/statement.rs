//! Final statements, and what of monthly prices is booked in budgets.

use std::time::Duration;

use millwright_core::{Tenant, Timestamp};
use millwright_store::{Item, Key, Partition};
use serde::{Deserialize, Serialize};

use crate::{
    domain::{Month, PriceId},
    statement::Statement,
};

/// Seven years.
const KEPT: Duration = Duration::from_secs(7 * 366 * 24 * 3_600);

pub fn statements(tenant: &Tenant) -> Partition {
    Partition::of(tenant).and("STM")
}

/// A final statement.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatementItem {
    pub statement: Statement,
    pub final_at: Timestamp,
}

impl StatementItem {
    pub fn place(tenant: &Tenant, month: Month) -> Key {
        statements(tenant).at(month)
    }
}

impl Item for StatementItem {
    const KIND: &'static str = "statement";

    fn key(&self, tenant: &Tenant) -> Key {
        StatementItem::place(tenant, self.statement.period)
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        Some(self.final_at.plus(KEPT))
    }
}

/// How much of a monthly price the budgets of the organization have: `booked`, in pico-dollars.
pub fn monthly_booking(tenant: &Tenant, month: Month, price: PriceId) -> Key {
    Partition::of(tenant).and("MONTHLY").and(month).at(price)
}
