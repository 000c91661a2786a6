//! Jobs.

use serde::{Deserialize, Serialize};

millwright_core::wire_enum! {
    /// What a job does.
    pub enum JobKind {
        /// What falls due in an organization, hourly; lists do not show it.
        RollUp = "roll_up",
        /// Writes a file.
        Export = "export",
        /// Counts events in the category that takes their type by now.
        Reclassify = "reclassify",
        /// Gives events the cost of the prices that hold by now.
        Reprice = "reprice",
    }
}

millwright_core::wire_enum! {
    /// How far a job has come.
    pub enum JobState {
        Queued = "queued",
        Running = "running",
        Succeeded = "succeeded",
        Failed = "failed",
    }
}

/// What is told of a job beside what all jobs have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobDetails {
    pub category_code: Option<String>,
    /// Rows of its file, or events it changed.
    pub rows: u64,
}
