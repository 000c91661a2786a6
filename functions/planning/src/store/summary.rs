//! The counts of a project, kept by planning-on-events with ADD alone: any order, any time.

use std::collections::BTreeMap;

use millwright_core::{ProjectId, Tenant, Timestamp};
use millwright_store::{Key, RawItem, Transaction, Update};

use super::project_partition;
use crate::domain::{TaskState, TaskType};

pub fn summary_key(tenant: &Tenant, id: ProjectId) -> Key {
    project_partition(tenant, id).at("SUMMARY")
}

/// Counts, or changes of counts, of the tasks of a project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SummaryCounts {
    pub by_state: BTreeMap<TaskState, i64>,
    pub by_type: BTreeMap<TaskType, i64>,
    pub as_of: Option<Timestamp>,
}

fn state_attribute(state: TaskState) -> String {
    format!("state_{state}")
}

fn type_attribute(kind: TaskType) -> String {
    format!("type_{kind}")
}

impl SummaryCounts {
    pub fn state(&mut self, state: TaskState, change: i64) {
        *self.by_state.entry(state).or_default() += change;
    }

    pub fn kind(&mut self, kind: TaskType, change: i64) {
        *self.by_type.entry(kind).or_default() += change;
    }

    /// Takes the changes of `other` on top.
    pub fn merge(&mut self, other: &SummaryCounts) {
        for (state, change) in &other.by_state {
            self.state(*state, *change);
        }
        for (kind, change) in &other.by_type {
            self.kind(*kind, *change);
        }
    }

    /// Adds the changes to the stored counts.
    pub fn add_to(&self, transaction: &mut Transaction, id: ProjectId, now: Timestamp) {
        let mut update = Update::new().set("asOf", now);
        for (state, change) in self.by_state.iter().filter(|(_, change)| **change != 0) {
            update = update.add(&state_attribute(*state), *change);
        }
        for (kind, change) in self.by_type.iter().filter(|(_, change)| **change != 0) {
            update = update.add(&type_attribute(*kind), *change);
        }
        let key = summary_key(transaction.tenant(), id);
        transaction.update(&key, &update);
    }

    /// What is stored; nothing counts as zero.
    pub fn read(item: Option<&RawItem>) -> SummaryCounts {
        let Some(item) = item else { return SummaryCounts::default() };
        let count = |name: String| item.signed_number(&name).unwrap_or_default();
        SummaryCounts {
            by_state: TaskState::ALL.iter().map(|s| (*s, count(state_attribute(*s)))).collect(),
            by_type: TaskType::ALL.iter().map(|t| (*t, count(type_attribute(*t)))).collect(),
            as_of: item.text("asOf").and_then(|text| text.parse().ok()),
        }
    }
}
