//! Combinations of dimension values: at most 1,000 of a category and UTC day.

use std::time::Duration;

use millwright_core::{Tenant, Timestamp};
use millwright_store::{IndexKeys, Item, Key, Partition};
use serde::{Deserialize, Serialize};

use super::{day_of, dimensions_part};
use crate::domain::Labels;

const KEPT: Duration = Duration::from_secs(42 * 24 * 3_600);

/// A combination that has counters of its own on a day.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Combination {
    pub category: String,
    pub day: Timestamp,
    pub dimensions: Labels,
}

impl Combination {
    /// How many there are.
    pub fn counter(tenant: &Tenant, category: &str, at: Timestamp) -> Key {
        combinations(tenant, category, &day_of(at)).at("#COUNT")
    }

    pub fn expires(at: Timestamp) -> Timestamp {
        at.plus(KEPT)
    }
}

pub fn combinations(tenant: &Tenant, category: &str, day: &str) -> Partition {
    Partition::of(tenant).and("DIM").and(category).and(day)
}

impl Item for Combination {
    const KIND: &'static str = "combination";

    fn key(&self, tenant: &Tenant) -> Key {
        combinations(tenant, &self.category, &day_of(self.day))
            .at(dimensions_part(&self.dimensions))
    }

    fn index_keys(&self, _tenant: &Tenant) -> IndexKeys {
        IndexKeys::default()
    }

    fn time_to_live(&self) -> Option<Timestamp> {
        Some(Combination::expires(self.day))
    }
}
