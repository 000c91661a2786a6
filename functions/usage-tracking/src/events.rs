//! The events usage-tracking emits. Accepted usage events emit nothing: they are data.

use millwright_core::Timestamp;
use millwright_http::access_denied_event;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::domain::{Alert, Limit, LimitId, Status, shown};

/// A changed field, with what it was and is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FieldChange {
    pub field: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub from: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub to: Option<Value>,
}

/// What differs between two versions of a thing, but for what every change changes.
pub fn changes(
    before: Option<&impl Serialize>,
    after: Option<&impl Serialize>,
) -> Vec<FieldChange> {
    const OF_EVERY_CHANGE: [&str; 3] = ["version", "updatedAt", "createdAt"];
    let object = |value: Option<Value>| match value {
        Some(Value::Object(object)) => object,
        _ => serde_json::Map::new(),
    };
    let before = object(before.and_then(|it| serde_json::to_value(it).ok()));
    let after = object(after.and_then(|it| serde_json::to_value(it).ok()));
    let mut fields: Vec<&String> = before.keys().chain(after.keys()).collect();
    fields.sort();
    fields.dedup();
    let told = |value: Option<&Value>| value.filter(|value| !value.is_null()).cloned();
    let changed = fields.into_iter().filter_map(|field| {
        let (from, to) = (told(before.get(field)), told(after.get(field)));
        let differs = from != to && !OF_EVERY_CHANGE.contains(&field.as_str());
        differs.then(|| FieldChange { field: field.clone(), from, to })
    });
    changed.collect()
}

/// What happened to a quota or budget.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LimitData {
    pub limit_id: String,
    pub version: u64,
    pub scope_type: String,
    pub scope_id: Option<String>,
    pub category_pattern: String,
    pub enforcement: String,
    /// A decimal; micro-dollars of a budget.
    pub limit: String,
    pub changes: Vec<FieldChange>,
}

impl LimitData {
    pub fn of(before: Option<&Limit>, after: &Limit) -> LimitData {
        LimitData {
            limit_id: after.id.to_string(),
            version: after.version,
            scope_type: after.scope_type.to_string(),
            scope_id: after.scope_id.clone(),
            category_pattern: after.category_pattern.to_string(),
            enforcement: after.enforcement.to_string(),
            limit: after.limit.to_string(),
            changes: before.map(|before| changes(Some(before), Some(after))).unwrap_or_default(),
        }
    }
}

/// A limit was used up to a threshold.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ThresholdData {
    pub limit_id: String,
    pub scope_type: String,
    pub scope_id: Option<String>,
    pub category_pattern: String,
    /// In percent of limit and top-ups.
    pub threshold: u16,
    /// A decimal; micro-dollars of a budget.
    pub used: String,
    /// With top-ups.
    pub limit: String,
    pub window_start: Timestamp,
    pub window_end: Timestamp,
}

impl ThresholdData {
    pub fn of(limit: &Limit, status: &Status, threshold: u16) -> ThresholdData {
        let show = |amount: i128| shown(&limit.measure, amount).to_string();
        ThresholdData {
            limit_id: limit.id.to_string(),
            scope_type: limit.scope_type.to_string(),
            scope_id: (!status.scope_id.is_empty()).then(|| status.scope_id.clone()),
            category_pattern: limit.category_pattern.to_string(),
            threshold,
            used: show(status.counted.used),
            limit: show(status.limit + status.counted.extra),
            window_start: status.window.start,
            window_end: status.window.end,
        }
    }
}

/// A limit refused a use.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeniedData {
    pub limit_id: String,
    pub category_code: String,
    pub user_id: Option<String>,
    pub project_id: Option<String>,
}

/// A limit was topped up in its current window.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TopUpData {
    pub limit_id: String,
    pub scope_id: Option<String>,
    /// A decimal; micro-dollars of a budget.
    pub quantity: String,
    pub reason: String,
    pub window_start: Timestamp,
}

/// What became of a reservation.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReservationData {
    pub reservation_id: String,
    pub category_code: String,
    /// Decimals by measure.
    pub amounts: std::collections::BTreeMap<String, String>,
}

/// What an alert is about.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertData {
    pub alert_id: String,
    #[serde(rename = "type")]
    #[schema(rename = "type")]
    pub kind: String,
    pub severity: String,
    pub limit_id: Option<String>,
    pub category_code: Option<String>,
}

impl AlertData {
    pub fn of(alert: &Alert) -> AlertData {
        AlertData {
            alert_id: alert.id.to_string(),
            kind: alert.kind.to_string(),
            severity: alert.severity.to_string(),
            limit_id: alert.limit_id.as_ref().map(LimitId::to_string),
            category_code: alert.category_code.clone(),
        }
    }
}

/// An hour that is far from the usual.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AnomalyData {
    pub category_code: String,
    /// `count` or `cost`.
    pub measure: String,
    /// Of the hour; a decimal, micro-dollars of a cost.
    pub value: String,
    /// The usual.
    pub median: String,
    pub hour: Timestamp,
}

/// A statement that changes no more.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatementData {
    /// `yyyy-mm`.
    pub period: String,
    pub cost_micros: i64,
    pub lines: u64,
}

/// How a job ended.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobData {
    pub job_id: String,
    pub kind: String,
    /// Of its file, or events it changed.
    pub rows: u64,
    /// Why it failed.
    pub code: Option<String>,
}

/// What was taken back or mended.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MendedData {
    pub event_id: String,
    pub category_code: String,
    /// Decimals by measure.
    pub quantities: std::collections::BTreeMap<String, String>,
    pub cost_micros: i64,
    pub reason: String,
}

/// What happened to a definition: a category, meter, price or the settings.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DefinitionData {
    /// Code, slug or id.
    pub name: String,
    pub version: u64,
    pub changes: Vec<FieldChange>,
}

const QUOTA: &str = "quo_01jdz7xk2nf5h9vq3w8c6m4t0b";
const BUDGET: &str = "bud_01jdz7xk2nf5h9vq3w8c6m4t0b";

fn limit_example(id: &str) -> Value {
    json!({
        "limitId": id, "version": 2, "scopeType": "organization", "scopeId": null,
        "categoryPattern": "ai.*", "enforcement": "hard", "limit": "1000",
        "changes": [{ "field": "limit", "from": "500", "to": "1000" }],
    })
}

fn threshold_example(id: &str) -> Value {
    json!({
        "limitId": id, "scopeType": "organization", "scopeId": null, "categoryPattern": "ai.*",
        "threshold": 100, "used": "1000", "limit": "1000",
        "windowStart": "2026-11-01T00:00:00.000Z", "windowEnd": "2026-12-01T00:00:00.000Z",
    })
}

fn reservation_example() -> Value {
    json!({
        "reservationId": "rsv_01jdz7xk2nf5h9vq3w8c6m4t0b", "categoryCode": "ai.completion",
        "amounts": { "cost": "1200" },
    })
}

fn alert_example() -> Value {
    json!({
        "alertId": "ual_01jdz7xk2nf5h9vq3w8c6m4t0b", "type": "quota_threshold",
        "severity": "critical", "limitId": QUOTA, "categoryCode": null,
    })
}

fn job_example(code: Option<&str>) -> Value {
    json!({
        "jobId": "ujb_01jdz7xk2nf5h9vq3w8c6m4t0b", "kind": "export", "rows": 1200, "code": code,
    })
}

fn mended_example() -> Value {
    json!({
        "eventId": "uev_01jdz7xk2nf5h9vq3w8c6m4t0b", "categoryCode": "build.minutes",
        "quantities": { "seconds": "60" }, "costMicros": 0, "reason": "counted twice by the runner",
    })
}

fn definition_example(name: &str) -> Value {
    json!({
        "name": name, "version": 2,
        "changes": [{ "field": "name", "from": "Builds", "to": "Build minutes" }],
    })
}

millwright_event::events! {
    service: "usage-tracking";
    further: [access_denied_event("usage.access.denied", "usage-tracking")];

    /// A quota was created.
    QuotaCreated(LimitData) = "usage.quota.created", about limit_id, limit_example(QUOTA);
    /// A quota was changed.
    QuotaUpdated(LimitData) = "usage.quota.updated", about limit_id, limit_example(QUOTA);
    /// A quota counts no longer.
    QuotaArchived(LimitData) = "usage.quota.archived", about limit_id, limit_example(QUOTA);
    /// A budget was created.
    BudgetCreated(LimitData) = "usage.budget.created", about limit_id, limit_example(BUDGET);
    /// A budget was changed.
    BudgetUpdated(LimitData) = "usage.budget.updated", about limit_id, limit_example(BUDGET);
    /// A budget counts no longer.
    BudgetArchived(LimitData) = "usage.budget.archived", about limit_id, limit_example(BUDGET);
    /// A quota was used up to one of its thresholds, for the first time in a window.
    QuotaThresholdReached(ThresholdData) = "usage.quota.threshold_reached", about limit_id, threshold_example(QUOTA);
    /// A budget was used up to one of its thresholds, for the first time in a window.
    BudgetThresholdReached(ThresholdData) = "usage.budget.threshold_reached", about limit_id, threshold_example(BUDGET);
    /// A quota is used up, for the first time in a window.
    QuotaExceeded(ThresholdData) = "usage.quota.exceeded", about limit_id, threshold_example(QUOTA);
    /// A budget is used up, for the first time in a window.
    BudgetExceeded(ThresholdData) = "usage.budget.exceeded", about limit_id, threshold_example(BUDGET);
    /// A limit refused a use, for the first time in an hour.
    LimitDenied(DeniedData) = "usage.limit.denied", about limit_id, json!({
        "limitId": QUOTA, "categoryCode": "ai.completion", "userId": null, "projectId": null,
    });
    /// A limit has more room in its current window.
    LimitToppedUp(TopUpData) = "usage.limit.topped_up", about limit_id, json!({
        "limitId": QUOTA, "scopeId": null, "quantity": "100", "reason": "The demo on Friday",
        "windowStart": "2026-11-01T00:00:00.000Z",
    });
    /// A reservation was given back, since nobody settled it in time.
    ReservationExpired(ReservationData) = "usage.reservation.expired", about reservation_id, reservation_example();
    /// A reservation came to more than it held.
    ReservationOverran(ReservationData) = "usage.reservation.overran", about reservation_id, reservation_example();
    /// Somebody should look at something.
    AlertRaised(AlertData) = "usage.alert.raised", about alert_id, alert_example();
    /// An alert is over.
    AlertResolved(AlertData) = "usage.alert.resolved", about alert_id, alert_example();
    /// An hour of a category is far from the usual.
    AnomalyDetected(AnomalyData) = "usage.anomaly.detected", about category_code, json!({
        "categoryCode": "ai.completion", "measure": "cost", "value": "90000000",
        "median": "4000000", "hour": "2026-11-23T00:00:00.000Z",
    });
    /// The statement of a month changes no more.
    StatementFinalized(StatementData) = "usage.statement.finalized", about period, json!({
        "period": "2026-09", "costMicros": 12_000_000, "lines": 4,
    });
    /// An export can be downloaded.
    ExportCompleted(JobData) = "usage.export.completed", about job_id, job_example(None);
    /// A job failed.
    JobFailed(JobData) = "usage.job.failed", about job_id, job_example(Some("too_large"));
    /// A usage event counts no longer.
    EventVoided(MendedData) = "usage.event.voided", about event_id, mended_example();
    /// Somebody corrected what was counted.
    CorrectionCreated(MendedData) = "usage.correction.created", about event_id, mended_example();
    /// A category was created.
    CategoryCreated(DefinitionData) = "usage.category.created", about name, definition_example("build.minutes");
    /// A category was changed.
    CategoryUpdated(DefinitionData) = "usage.category.updated", about name, definition_example("build.minutes");
    /// A category takes no more events.
    CategoryArchived(DefinitionData) = "usage.category.archived", about name, definition_example("build.minutes");
    /// A meter was created.
    MeterCreated(DefinitionData) = "usage.meter.created", about name, definition_example("build_minutes");
    /// A meter was changed.
    MeterUpdated(DefinitionData) = "usage.meter.updated", about name, definition_example("build_minutes");
    /// A meter was archived.
    MeterArchived(DefinitionData) = "usage.meter.archived", about name, definition_example("build_minutes");
    /// A price was created.
    PriceCreated(DefinitionData) = "usage.price.created", about name, definition_example("prc_01jdz7xk2nf5h9vq3w8c6m4t0b");
    /// A price was changed.
    PriceUpdated(DefinitionData) = "usage.price.updated", about name, definition_example("prc_01jdz7xk2nf5h9vq3w8c6m4t0b");
    /// A price that had not begun was deleted.
    PriceDeleted(DefinitionData) = "usage.price.deleted", about name, definition_example("prc_01jdz7xk2nf5h9vq3w8c6m4t0b");
    /// The settings of the organization were changed.
    SettingsUpdated(DefinitionData) = "usage.settings.updated", about name, definition_example("settings");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_tell_what_differs() {
        let (before, after) =
            (json!({"a": 1, "b": null, "version": 1}), json!({"a": 2, "c": "x", "version": 2}));
        let told: Vec<String> =
            changes(Some(&before), Some(&after)).into_iter().map(|it| it.field).collect();
        assert_eq!(told, ["a", "c"]);
    }
}
