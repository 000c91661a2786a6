//! Alerts.

use millwright_core::{Text, Timestamp};
use serde::{Deserialize, Serialize};

use super::{AlertId, LimitId, Quantity, ScopeType};

millwright_core::wire_enum! {
    /// What an alert is about.
    pub enum AlertType {
        QuotaThreshold = "quota_threshold",
        BudgetThreshold = "budget_threshold",
        Anomaly = "anomaly",
        Rejections = "rejections",
        Cardinality = "cardinality",
    }
}

millwright_core::wire_enum! {
    /// How bad it is.
    pub enum Severity {
        Info = "info",
        Warning = "warning",
        Critical = "critical",
    }
}

impl Severity {
    /// Of a threshold in percent.
    pub fn of(threshold: u16) -> Severity {
        match threshold {
            ..90 => Severity::Info,
            90..100 => Severity::Warning,
            _ => Severity::Critical,
        }
    }
}

millwright_core::wire_enum! {
    /// Who has looked at it.
    pub enum AlertState {
        Active = "active",
        Acknowledged = "acknowledged",
        Resolved = "resolved",
    }
}

/// What somebody says of an alert.
pub type Note = Text<0, 500>;

/// An alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    pub id: AlertId,
    #[serde(rename = "type")]
    pub kind: AlertType,
    pub severity: Severity,
    pub limit_id: Option<LimitId>,
    pub category_code: Option<String>,
    pub scope_type: Option<ScopeType>,
    pub scope_id: Option<String>,
    pub threshold: Option<u16>,
    pub value: Option<Quantity>,
    pub limit: Option<Quantity>,
    pub window_start: Option<Timestamp>,
    pub window_end: Option<Timestamp>,
    pub state: AlertState,
    pub acknowledged_by: Option<String>,
    pub note: Note,
    pub version: u64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}
