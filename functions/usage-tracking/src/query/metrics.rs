//! Metrics in the text format of Prometheus, version 0.0.4.

use std::fmt::Write;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::header;
use millwright_core::{Result, Timestamp};
use millwright_http::{Allowed, Answered, Describe, OperationDocument};

use super::{CategoryTotal, all_statuses, category_totals};
use crate::{
    app::Usage,
    domain::{COUNT, Limit, Period, Quantity, SLOT, Status, Window, period_window, shown},
    permissions::MetricsRead,
};

/// The most series of an answer.
const MAX_SERIES: usize = 2_000;
const MEDIA_TYPE: &str = "text/plain; version=0.0.4";

/// An answer in that format.
pub struct MetricsText(String);

impl IntoResponse for MetricsText {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, MEDIA_TYPE)], self.0).into_response()
    }
}

impl Describe for MetricsText {
    fn describe(document: &mut OperationDocument) {
        document.answer_text(200, MEDIA_TYPE, "OK");
    }
}

/// Name, help, and what is read of a limit.
type Gauge = (&'static str, &'static str, fn(&Status) -> i128);

/// Lines of one metric; stops at the limit of all.
struct Text {
    text: String,
    series: usize,
}

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn series(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.series += 1;
        if self.series > MAX_SERIES {
            return;
        }
        let labels: Vec<String> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let _ = writeln!(self.text, "{name}{{{}}} {value}", labels.join(","));
    }
}

/// Backslash, quotes and line feeds of a label's value.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn text_of(totals: &[CategoryTotal], limits: &[(Limit, Status)]) -> String {
    let mut text = Text { text: String::new(), series: 0 };
    text.family("millwright_usage_events_total", "counter", "Events of this month.");
    for total in totals {
        let labels = [("category", total.category_code.as_str())];
        text.series("millwright_usage_events_total", &labels, total.count);
    }
    text.family("millwright_usage_quantity_total", "counter", "Quantities of this month.");
    for total in totals {
        for (metric, quantity) in total.quantities.iter().filter(|(name, _)| *name != COUNT) {
            let labels = [("category", total.category_code.as_str()), ("metric", metric)];
            text.series("millwright_usage_quantity_total", &labels, quantity);
        }
    }
    text.family("millwright_usage_cost_micros_total", "counter", "Micro-dollars of this month.");
    for total in totals {
        let labels = [("category", total.category_code.as_str())];
        text.series("millwright_usage_cost_micros_total", &labels, total.cost_micros);
    }
    let gauges: [Gauge; 3] = [
        ("millwright_limit_value", "Limit and top-ups.", |it| it.limit + it.counted.extra),
        ("millwright_limit_used", "Used of a limit.", |it| it.counted.used),
        ("millwright_limit_reserved", "Reserved of a limit.", |it| it.counted.reserved),
    ];
    for (name, help, value) in gauges {
        text.family(name, "gauge", help);
        for (limit, status) in limits {
            let kind = if limit.is_budget() { "budget" } else { "quota" };
            let scope = match status.scope_id.is_empty() {
                true => limit.scope_type.as_str().to_owned(),
                false => format!("{}:{}", limit.scope_type, status.scope_id),
            };
            let labels = [("kind", kind), ("limit", limit.name.as_str()), ("scope", &scope)];
            let value: Quantity = shown(&status.measure, value(status));
            text.series(name, &labels, value);
        }
    }
    if text.series > MAX_SERIES {
        text.text.push_str(
            "# TYPE millwright_metrics_truncated gauge\nmillwright_metrics_truncated 1\n",
        );
    }
    text.text
}

async fn read(usage: &Usage, tenant: &millwright_core::Tenant) -> Result<String> {
    let defined = usage.defined(tenant).await?;
    let now = usage.store.clock().now();
    let end = Timestamp::from_millisecond((now.as_millisecond().div_euclid(SLOT) + 1) * SLOT);
    let start = period_window(Period::Month, &defined.settings().time_zone, 1, now)?.start;
    let totals = category_totals(usage, tenant, &defined, Window { start, end }).await?;
    let limits = all_statuses(usage, tenant, &defined).await?;
    Ok(text_of(&totals, &limits))
}

/// Read metrics as text
///
/// In the text format of Prometheus: counters of this month by category (a new month is a reset),
/// gauges of limits; at most 2,000 series. The queries of the series it is made of, and one batch
/// read per hundred limits.
#[utoipa::path(get, path = "/api/v1/usage/metrics", tag = "Reports")]
pub async fn metrics_get(
    caller: Allowed<MetricsRead>,
    State(usage): State<Usage>,
) -> Answered<MetricsText> {
    Ok(MetricsText(read(&usage, &caller.tenant()).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        assert_eq!(escaped("a\"b\\c\nd"), r#"a\"b\\c\nd"#);
    }

    #[test]
    fn beyond_the_limit_it_says_so() {
        let total = |n: usize| CategoryTotal {
            category_code: format!("c{n}"),
            count: Quantity::ONE,
            quantities: std::collections::BTreeMap::new(),
            cost_micros: 7,
        };
        let few: Vec<_> = (0..2).map(total).collect();
        let text = text_of(&few, &[]);
        assert!(text.contains("millwright_usage_cost_micros_total{category=\"c1\"} 7\n"));
        assert!(!text.contains("truncated"));
        let many: Vec<_> = (0..1_001).map(total).collect();
        let text = text_of(&many, &[]);
        assert!(text.ends_with("millwright_metrics_truncated 1\n"));
        assert_eq!(text.lines().filter(|line| line.contains("{category=")).count(), MAX_SERIES);
    }
}
