//! Hours that are far from the usual: one open alert of a category, over after three normal hours.

use std::time::Duration;

use millwright_core::{Result, Tenant, Timestamp};
use millwright_store::Condition;

use crate::{
    app::{Defined, Usage},
    domain::{
        Alert, AlertType, COST, COUNT, CategoryPattern, Cost, Quantity, Sensitivity, Severity,
        Window, baseline, is_anomaly,
    },
    events::{AlertData, AlertRaised, AnomalyData, AnomalyDetected},
    query::{Question, ask, categories_of},
    store::{AlertItem, OpenAnomaly, Sums},
};

const HOUR: Duration = Duration::from_secs(3_600);
const WEEK: Duration = Duration::from_secs(7 * 24 * 3_600);
/// Hours without an anomaly that end it.
const NORMAL: u8 = 3;

/// What an anomaly is of.
struct Found {
    measure: &'static str,
    value: i128,
    median: i128,
}

/// Looks at every category that counted in a full hour. About eight Queries for each, one read, and
/// one transaction for what begins, goes on or ends. A second time it changes nothing.
///
/// # Errors
/// `unavailable`.
pub async fn watch_anomalies(usage: &Usage, tenant: &Tenant, hour: Timestamp) -> Result<()> {
    let defined = usage.defined(tenant).await?;
    let sensitivity = defined.settings().anomaly_sensitivity;
    let window = Window { start: hour, end: hour.plus(HOUR) };
    for category in categories_of(usage, tenant, &CategoryPattern::Any, window).await? {
        let found = match sensitivity {
            Sensitivity::Off => None,
            _ => look(usage, tenant, &defined, &category, window, sensitivity).await?,
        };
        judge(usage, tenant, &category, hour, found).await?;
    }
    Ok(())
}

async fn look(
    usage: &Usage,
    tenant: &Tenant,
    defined: &Defined,
    category: &str,
    window: Window,
    sensitivity: Sensitivity,
) -> Result<Option<Found>> {
    let sums = async |windows: Vec<Window>| -> Result<Vec<Sums>> {
        let question = Question { windows, ..Question::of_organization(category, window) };
        let rows = ask(usage, tenant, defined, &question).await?;
        Ok(rows.into_iter().map(|row| row.sums).collect())
    };
    let now = sums(vec![window]).await?;
    let Some(now) = now.first() else { return Ok(None) };
    let of = |sums: &Sums, measure: &str| sums.get(measure).copied().unwrap_or(0);
    let mut weeks = Vec::new();
    for week in 1..=4 {
        let start = window.start.minus(WEEK * week);
        weeks.extend(sums(vec![Window { start, end: start.plus(HOUR) }]).await?);
    }
    let hours = (1..=48u32).rev().map(|hour| {
        let start = window.start.minus(HOUR * hour);
        Window { start, end: start.plus(HOUR) }
    });
    let hours = match weeks.len() >= crate::domain::MIN_WEEKS {
        true => Vec::new(),
        false => sums(hours.collect()).await?,
    };
    for measure in [COUNT, COST] {
        let values =
            |all: &[Sums]| -> Vec<i128> { all.iter().map(|sums| of(sums, measure)).collect() };
        let (weeks, hours) = (values(&weeks), values(&hours));
        let value = of(now, measure);
        if is_anomaly(measure, value, (&weeks, &hours), sensitivity) {
            let median = baseline(&weeks, &hours).unwrap_or(0);
            return Ok(Some(Found { measure, value, median }));
        }
    }
    Ok(None)
}

async fn judge(
    usage: &Usage,
    tenant: &Tenant,
    category: &str,
    hour: Timestamp,
    found: Option<Found>,
) -> Result<()> {
    let open: Option<OpenAnomaly> = usage.store.get(&OpenAnomaly::place(tenant, category)).await?;
    let open = match (open, found) {
        (None, None) => return Ok(()),
        (None, Some(found)) => return begin(usage, tenant, category, hour, &found).await,
        // Looked at before.
        (Some(open), _) if open.hour >= hour => return Ok(()),
        (Some(open), Some(_)) => OpenAnomaly { normal: 0, ..open },
        (Some(open), None) => OpenAnomaly { normal: open.normal + 1, ..open },
    };
    let before = open.version;
    let mut effects = usage.own_effects(tenant);
    if open.normal >= NORMAL {
        let place = AlertItem::place(tenant, open.alert_id);
        let alert: Option<AlertItem> = usage.store.get(&place).await?;
        if let Some(alert) = alert {
            usage.end_alert(tenant, &alert.summary).await?;
        }
        let place = OpenAnomaly::place(tenant, category);
        effects.delete_when(&place, Condition::version(before));
    } else {
        effects.replace(&OpenAnomaly { version: before + 1, hour, ..open }, before);
    }
    effects.attempt().await.map(drop)
}

async fn begin(
    usage: &Usage,
    tenant: &Tenant,
    category: &str,
    hour: Timestamp,
    found: &Found,
) -> Result<()> {
    let shown = |value: i128| match found.measure {
        COST => Cost::from_pico(value).as_micros(),
        _ => Quantity::from_nano(value),
    };
    let alert = Alert {
        category_code: Some(category.to_owned()),
        value: Some(shown(found.value)),
        limit: Some(shown(found.median)),
        window_start: Some(hour),
        ..usage.alert(AlertType::Anomaly, Severity::Warning)
    };
    let mut effects = usage.own_effects(tenant);
    effects.create(&OpenAnomaly {
        version: 1,
        category: category.to_owned(),
        alert_id: alert.id,
        normal: 0,
        hour,
    });
    effects.create(&AlertItem::of(&alert));
    effects.emit(&AlertRaised(AlertData::of(&alert)))?;
    effects.emit(&AnomalyDetected(AnomalyData {
        category_code: category.to_owned(),
        measure: found.measure.to_owned(),
        value: shown(found.value).to_string(),
        median: shown(found.median).to_string(),
        hour,
    }))?;
    // Refused: another worker was faster.
    effects.attempt().await.map(drop)
}
