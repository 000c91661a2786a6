//! What falls due on a day, outside every organization: stage 2 works it off.

use std::{fmt, time::Duration};

use millwright_core::{ProjectId, TaskId, Tenant, Timestamp};
use millwright_store::{GlobalPartition, Item, Key, Partition};
use serde::{Deserialize, Serialize};

/// How long what was deleted can be restored.
pub const RESTORABLE: Duration = Duration::from_secs(30 * 24 * 3600);

/// What to purge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "noun", content = "id")]
pub enum Purged {
    Project(ProjectId),
    Task(TaskId),
}

impl fmt::Display for Purged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Purged::Project(id) => write!(f, "project#{id}"),
            Purged::Task(id) => write!(f, "task#{id}"),
        }
    }
}

/// A purge that is due.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DuePurge {
    pub organization: String,
    pub purged: Purged,
    pub due_at: Timestamp,
}

struct DueDay(String);

impl GlobalPartition for DueDay {
    fn partition(&self) -> String {
        format!("DUE#{}", self.0)
    }
}

impl DuePurge {
    pub fn of(tenant: &Tenant, purged: Purged, deleted_at: Timestamp) -> DuePurge {
        DuePurge { organization: tenant.to_string(), purged, due_at: deleted_at.plus(RESTORABLE) }
    }
}

impl Item for DuePurge {
    const KIND: &'static str = "due_purge";

    fn key(&self, _tenant: &Tenant) -> Key {
        let day: String = self.due_at.to_string().chars().take(10).collect();
        Partition::global(&DueDay(day)).at(self.purged)
    }
}
